package awsfake

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits from the SNS API reference, Publish: a message in bytes of UTF-8, its
// attributes included; a subject in characters.
const (
	maxMessage = 256 << 10
	maxSubject = 100
)

var topicNamePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.fifo)?$`)

const maxTopicName = 256

func snsActions() map[string]action {
	return map[string]action{
		"CreateTopic": createTopic,
		"Publish":     publish,
	}
}

func invalidParameter(what string) *apiError {
	return fail(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: %s", what)
}

func (a *Account) topicARN(region, name string) string {
	return "arn:" + a.server.partition + ":sns:" + region + ":" + a.id + ":" + name
}

func createTopic(rq *request, x *xmlWriter) *apiError {
	name := rq.params.Get("Name")
	if len(strings.TrimSuffix(name, ".fifo")) > maxTopicName || !topicNamePattern.MatchString(name) {
		return invalidParameter("Topic Name")
	}
	arn := rq.account.topicARN(rq.region, name)
	rq.account.topics[arn] = true
	x.openResult()
	x.text("TopicArn", arn)
	return nil
}

func publish(rq *request, x *xmlWriter) *apiError {
	arn := rq.params.Get("TopicArn")
	if arn == "" {
		arn = rq.params.Get("TargetArn")
	}
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != serviceSNS {
		return invalidParameter("TopicArn")
	}
	message, subject := rq.params.Get("Message"), rq.params.Get("Subject")
	size := len(message)
	for _, field := range []string{".Name", ".Value.DataType", ".Value.StringValue", ".Value.BinaryValue"} {
		for i := 1; rq.params.Has("MessageAttributes.entry." + strconv.Itoa(i) + ".Name"); i++ {
			size += len(rq.params.Get("MessageAttributes.entry." + strconv.Itoa(i) + field))
		}
	}
	switch {
	case message == "":
		return invalidParameter("Empty message")
	case !utf8.ValidString(message):
		return invalidParameter("Message is not UTF-8")
	case size > maxMessage:
		return invalidParameter("Message too long")
	case rq.params.Has("Subject") && !validSubject(subject):
		return invalidParameter("Subject")
	}
	owner, ok := rq.server.accounts[parts[4]]
	if !ok || !owner.topics[arn] {
		return fail(http.StatusNotFound, "NotFound", "Topic does not exist")
	}
	id := requestID(int(rq.server.nextSerial())) //nolint:gosec // counts from one
	owner.published = append(owner.published, Published{
		MessageID: id, TopicARN: arn, Subject: subject, Message: message, At: rq.now,
	})
	x.openResult()
	x.text("MessageId", id)
	return nil
}

// validSubject follows the API reference: ASCII that begins with a letter, a
// number or a punctuation mark, no line breaks or control characters, at most
// 100 characters.
func validSubject(subject string) bool {
	if subject == "" || len(subject) > maxSubject || subject[0] == ' ' {
		return false
	}
	for i := range len(subject) {
		if subject[i] < ' ' || subject[i] > '~' {
			return false
		}
	}
	return true
}
