package awsfake

import (
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const serviceSES = "ses"

// maxMail is the size of a message, from the SES API reference, SendEmail.
const maxMail = 10 << 20

// Mail is a message that was sent through SES.
type Mail struct {
	MessageID string
	Region    string
	From      string
	To        []string
	Subject   string
	Text      string
	At        time.Time
}

// mailbox is what SES knows of an account.
type mailbox struct {
	verified map[string]bool // addresses and domains that may send
	sent     []Mail
}

func sesActions() map[string]action {
	return map[string]action{
		"SendEmail":           sendEmail,
		"VerifyEmailIdentity": verifyEmailIdentity,
	}
}

// VerifySender lets an address, or every address of a domain, send mail.
func (a *Account) VerifySender(identity string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.verifySender(identity)
}

func (a *Account) verifySender(identity string) {
	if a.mailbox.verified == nil {
		a.mailbox.verified = map[string]bool{}
	}
	a.mailbox.verified[identity] = true
}

// SentMail is every message that was sent from the account, oldest first.
func (a *Account) SentMail() []Mail {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return append([]Mail(nil), a.mailbox.sent...)
}

// verifyEmailIdentity verifies at once, where SES first writes to the address.
func verifyEmailIdentity(rq *request, x *xmlWriter) *apiError {
	address := rq.params.Get("EmailAddress")
	if _, err := mail.ParseAddress(address); err != nil {
		return invalidParameterValue("Invalid email address " + address)
	}
	rq.account.verifySender(address)
	x.openResult()
	return nil
}

func invalidParameterValue(what string) *apiError {
	return fail(http.StatusBadRequest, "InvalidParameterValue", "%s", what)
}

func sendEmail(rq *request, x *xmlWriter) *apiError {
	from, err := mail.ParseAddress(rq.params.Get("Source"))
	if err != nil || !isASCII(rq.params.Get("Source")) {
		return invalidParameterValue("Illegal address")
	}
	var to []string
	for i := 1; rq.params.Has("Destination.ToAddresses.member." + strconv.Itoa(i)); i++ {
		to = append(to, rq.params.Get("Destination.ToAddresses.member."+strconv.Itoa(i)))
	}
	if len(to) == 0 {
		return invalidParameterValue("Missing final '@domain'")
	}
	for _, address := range to {
		if _, err := mail.ParseAddress(address); err != nil {
			return invalidParameterValue("Illegal address")
		}
	}
	subject, text := rq.params.Get("Message.Subject.Data"), rq.params.Get("Message.Body.Text.Data")
	charset := rq.params.Get("Message.Subject.Charset") == "UTF-8" && rq.params.Get("Message.Body.Text.Charset") == "UTF-8"
	switch {
	case strings.ContainsAny(subject, "\r\n"):
		return invalidParameterValue("Header value contains CR or LF")
	case !utf8.ValidString(subject + text):
		return invalidParameterValue("The message is not UTF-8")
	case !charset && !isASCII(subject+text):
		return invalidParameterValue("Cannot encode the message in 7-bit ASCII")
	case len(subject)+len(text) > maxMail:
		return invalidParameterValue("Message length is more than 10485760 bytes long")
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	if !rq.account.mailbox.verified[from.Address] && !rq.account.mailbox.verified[domain] {
		return fail(http.StatusBadRequest, "MessageRejected",
			"Email address is not verified. The following identities failed the check in region %s: %s", strings.ToUpper(rq.region), from.Address)
	}
	id := requestID(int(rq.server.nextSerial())) //nolint:gosec // counts from one
	rq.account.mailbox.sent = append(rq.account.mailbox.sent, Mail{
		MessageID: id, Region: rq.region, From: rq.params.Get("Source"), To: to, Subject: subject, Text: text, At: rq.now,
	})
	x.openResult()
	x.text("MessageId", id)
	return nil
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > '~' }) < 0
}
