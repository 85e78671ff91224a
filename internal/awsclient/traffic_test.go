package awsclient_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func TestTrafficCountsAttempts(t *testing.T) {
	t.Parallel()
	server, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Inject(awsfake.Fault{Action: "ListUsers", Nth: 1, Times: 2, Status: http.StatusBadRequest, Code: "Throttling", Message: "Rate exceeded"})
	server.Inject(awsfake.Fault{Action: "ListAccountAliases", Status: http.StatusForbidden, Code: "AccessDenied", Message: "no"})

	id, secret := server.Home().Credentials()
	cfg := awsclient.ConnectTo(server.URL(), id, secret, 1)
	traffic := awsclient.Count(&cfg)
	client := iam.NewFromConfig(cfg)
	if _, err := client.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListAccountAliases(t.Context(), &iam.ListAccountAliasesInput{}); err == nil {
		t.Fatal("ListAccountAliases is allowed")
	}
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	if got, want := traffic.Calls(), server.Count(""); got != want || want != 5 {
		t.Errorf("Calls = %d, the server saw %d, want 5", got, want)
	}
	if got := traffic.Throttles(); got != 2 {
		t.Errorf("Throttles = %d, want 2", got)
	}
}
