package awsclient_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
)

// TestAnAnswerWithoutARequestIDIsNotBelieved: a proxy's empty answer must not be
// an account without users, or a table without records.
func TestAnAnswerWithoutARequestIDIsNotBelieved(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Content-Type"), "json") {
			_, _ = w.Write([]byte("{}"))
		}
	}))
	t.Cleanup(server.Close)
	cfg := awsclient.ConnectTo(server.URL, "AKIAIOSFODNN7EXAMPLE", "secret", 1)
	_, users := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{})
	table := "table"
	_, records := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true }).
		Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	for _, err := range []error{users, records} {
		_, foreign := errors.AsType[*awsclient.ForeignAnswerError](err)
		if !foreign || !strings.Contains(awserr.Message(err), "check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL") {
			t.Errorf("error %v: %s", err, awserr.Message(err))
		}
	}
}
