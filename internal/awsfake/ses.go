package awsfake

import (
	"encoding/json"
	"net/http"
	"net/mail"
	"strings"
	"time"
)

const serviceSES = "ses"

// maxMail is the size of a message:
// https://docs.aws.amazon.com/ses/latest/dg/quotas.html
const maxMail = 40 << 20

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

// sesPaths are the operations of SES's second version by their paths.
func sesPaths() map[string]string {
	return map[string]string{"/v2/email/outbound-emails": "SendEmail", "/v2/email/identities": "CreateEmailIdentity"}
}

func sesActions() map[string]action {
	return map[string]action{"SendEmail": sendEmail, "CreateEmailIdentity": createEmailIdentity}
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

func badMail(format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, "BadRequestException", format, args...)
}

// createEmailIdentity verifies at once, whereas SES first writes to an address or
// looks for a domain's records.
func createEmailIdentity(rq *request, x *xmlWriter) *apiError {
	var in struct{ EmailIdentity string }
	if err := json.Unmarshal([]byte(rq.params.Get(paramBody)), &in); err != nil || in.EmailIdentity == "" {
		return badMail("EmailIdentity is missing")
	}
	rq.account.verifySender(in.EmailIdentity)
	return x.inJSON(map[string]any{"VerifiedForSendingStatus": true})
}

func sendEmail(rq *request, x *xmlWriter) *apiError {
	type content struct{ Data, Charset string }
	var in struct {
		FromEmailAddress string
		Destination      struct{ ToAddresses []string }
		Content          struct {
			Simple struct {
				Subject content
				Body    struct{ Text content }
			}
		}
	}
	if err := json.Unmarshal([]byte(rq.params.Get(paramBody)), &in); err != nil {
		return badMail("%v", err)
	}
	from, err := mail.ParseAddress(in.FromEmailAddress)
	if err != nil || !isASCII(in.FromEmailAddress) || len(in.Destination.ToAddresses) == 0 {
		return badMail("Illegal address")
	}
	for _, address := range in.Destination.ToAddresses {
		if _, err := mail.ParseAddress(address); err != nil {
			return badMail("Illegal address")
		}
	}
	subject, text := in.Content.Simple.Subject, in.Content.Simple.Body.Text
	unicode := subject.Charset == "UTF-8" && text.Charset == "UTF-8"
	switch {
	case subject.Data == "" || text.Data == "":
		return badMail("Empty required header or body")
	case strings.ContainsAny(subject.Data, "\r\n"):
		return badMail("Header value contains CR or LF")
	case !unicode && !isASCII(subject.Data+text.Data):
		return badMail("Cannot encode the message in 7-bit ASCII")
	case len(subject.Data)+len(text.Data) > maxMail:
		return badMail("The message is too long")
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	if !rq.account.mailbox.verified[from.Address] && !rq.account.mailbox.verified[domain] {
		return fail(http.StatusBadRequest, "MessageRejected",
			"Email address is not verified. The following identities failed the check in region %s: %s", strings.ToUpper(rq.region), from.Address)
	}
	id := requestID(int(rq.server.nextSerial())) //nolint:gosec // counts from one
	rq.account.mailbox.sent = append(rq.account.mailbox.sent, Mail{
		MessageID: id, Region: rq.region, From: in.FromEmailAddress, To: in.Destination.ToAddresses, Subject: subject.Data, Text: text.Data, At: rq.now,
	})
	return x.inJSON(map[string]string{"MessageId": id})
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > '~' }) < 0
}
