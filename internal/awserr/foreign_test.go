package awserr_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iam-sleuth/sleuth/internal/awserr"
)

// TestAnswersThatAreNotOfAWS: what a proxy answers in AWS's place is not said to
// be AWS's, whatever its status and the service's protocol. What has AWS's
// request id is.
func TestAnswersThatAreNotOfAWS(t *testing.T) {
	t.Parallel()
	const page = `<!doctype html><html><head><meta charset=utf-8><title>Sign in</title></head><body>Sign in<br></body></html>`
	for _, c := range []struct {
		status    int
		body      string
		requestID string
		want      string
	}{
		{200, page, "", "the answer (HTTP 200) is not AWS's; check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL"},
		{200, "<html><body>Sign in</body></html>", "", "the answer (HTTP 200) is not AWS's; check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL"},
		{302, page, "", "the answer (HTTP 302) is not AWS's; check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL"},
		{403, "<html><body>Blocked</body></html>", "", "the answer (HTTP 403) is not AWS's; check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL"},
		{407, "", "", "the answer (HTTP 407) is not AWS's; check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL"},
		{502, "<html><body>Bad gateway</body></html>", "", "AWS answered 502; the next run tries again"},
		{403, "<html><body>odd</body></html>", "r-1", "AWS answered 403 (request r-1)"},
	} {
		t.Run(fmt.Sprintf("%d %.20s %s", c.status, c.body, c.requestID), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				if c.requestID != "" {
					w.Header().Set("X-Amzn-Requestid", c.requestID)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(server.Close)
			config := aws.Config{
				Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
				Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
			}
			_, users := iam.NewFromConfig(config).ListUsers(t.Context(), &iam.ListUsersInput{})
			_, caller := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			_, scan := dynamodb.NewFromConfig(config).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("sleuth")})
			_, mail := sesv2.NewFromConfig(config).GetAccount(t.Context(), &sesv2.GetAccountInput{})
			for call, err := range map[string]error{
				"IAM ListUsers": users, "STS GetCallerIdentity": caller, "DynamoDB Scan": scan, "SESv2 GetAccount": mail,
			} {
				if got, want := awserr.Message(err), call+": "+c.want; got != want {
					t.Errorf("explained as\n%s\nwant\n%s", got, want)
				}
			}
		})
	}
}
