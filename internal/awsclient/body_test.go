package awsclient_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
)

// early answers before it has seen the end of the request's body, as a server
// may while net/http is still writing.
type early struct{ answer, sent string }

func (e *early) Do(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(io.LimitReader(r.Body, r.ContentLength))
	if err != nil {
		return nil, err
	}
	e.sent = string(sent)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Amzn-Requestid": {"an-id"}}, Request: r,
		Body: &lateEnd{Reader: strings.NewReader(e.answer), request: r}}, nil
}

// lateEnd is an answer whose reading has net/http look for the end of the
// request's body, which the SDK has closed by then.
type lateEnd struct {
	io.Reader
	request *http.Request
}

func (l *lateEnd) Read(p []byte) (int, error) {
	if _, err := io.Copy(io.Discard, l.request.Body); err != nil {
		return 0, err // net/http closes the connection
	}
	return l.Reader.Read(p)
}

func (l *lateEnd) Close() error { return nil }

func TestAnAnswerMayComeBeforeTheEndOfTheRequest(t *testing.T) {
	t.Parallel()
	inXML := &early{answer: `<ListUsersResponse><ListUsersResult><Users><member><UserName>ada</UserName></member></Users></ListUsersResult><ResponseMetadata><RequestId>an-id</RequestId></ResponseMetadata></ListUsersResponse>`}
	cfg := awsclient.ConnectTo("http://127.0.0.1:1", "AKIAEXAMPLE", "secret", 1)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.HTTPClient = inXML
	out, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{})
	if err != nil || len(out.Users) != 1 {
		t.Errorf("a call in XML: %v", err)
	}
	if want := "Action=ListUsers&Version=2010-05-08"; inXML.sent != want {
		t.Errorf("sent %q, want %q", inXML.sent, want)
	}

	inJSON := &early{answer: `{"Findings":[]}`}
	cfg.HTTPClient = inJSON
	if _, err := securityhub.NewFromConfig(cfg).GetFindings(t.Context(), &securityhub.GetFindingsInput{MaxResults: aws.Int32(7)}); err != nil {
		t.Errorf("a call in JSON: %v", err)
	}
	if want := `{"MaxResults":7}`; inJSON.sent != want {
		t.Errorf("sent %q, want %q", inJSON.sent, want)
	}
}
