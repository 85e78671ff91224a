package awsclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
)

func startAWS(t *testing.T, options ...awsfake.Option) *awsfake.Server {
	t.Helper()
	server, err := awsfake.Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, partition := range []string{"aws", "aws-us-gov", "aws-cn"} {
		t.Run(partition, func(t *testing.T) {
			t.Parallel()
			server := startAWS(t, awsfake.WithPartition(partition), awsfake.WithHome("210987654321"))
			server.Home().SetAlias("acme")
			id, secret := server.Home().Credentials()
			got, aliasErr, err := awsclient.Identify(t.Context(), awsclient.ConnectTo(server.URL(), id, secret, 1))
			if err != nil || aliasErr != nil {
				t.Fatalf("errors %v and %v", err, aliasErr)
			}
			if want := (account.Account{ID: "210987654321", Alias: "acme"}); got.Account != want || got.Partition != partition || got.AccessKeyID != id {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestIdentifyAsAUser: the key that we sign with may be the one to be judged.
func TestIdentifyAsAUser(t *testing.T) {
	t.Parallel()
	server := startAWS(t)
	key := server.Home().AddUser(awsfake.User{Name: "sleuth", Keys: []awsfake.Key{{Active: true}}}).Keys[0]
	got, _, err := awsclient.Identify(t.Context(), awsclient.ConnectTo(server.URL(), key.ID, "secret", 1))
	if err != nil || got.AccessKeyID != key.ID || got.Account.ID != awsfake.DefaultHome {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAnAccountWithoutAnAlias, or whose alias may not be read, is one without.
func TestAnAccountWithoutAnAlias(t *testing.T) {
	t.Parallel()
	server := startAWS(t)
	id, secret := server.Home().Credentials()
	cfg := awsclient.ConnectTo(server.URL(), id, secret, 1)
	if got, aliasErr, err := awsclient.Identify(t.Context(), cfg); err != nil || aliasErr != nil || got.Account.Alias != "" {
		t.Errorf("without an alias: got %+v, errors %v and %v", got, err, aliasErr)
	}
	server.Inject(awsfake.Fault{Action: "ListAccountAliases", Code: "AccessDenied"})
	got, aliasErr, err := awsclient.Identify(t.Context(), cfg)
	if err != nil || aliasErr == nil || !strings.Contains(aliasErr.Error(), "read the account's alias") || got.Account.ID != awsfake.DefaultHome {
		t.Errorf("denied: got %+v, errors %v and %v", got, err, aliasErr)
	}
}

func TestIdentifyFailures(t *testing.T) {
	t.Parallel()
	server := startAWS(t)
	id, secret := server.Home().Credentials()
	denied := awsclient.ConnectTo(server.URL(), id, secret, 1)
	server.Inject(awsfake.Fault{Action: "GetCallerIdentity", Code: "InvalidClientTokenId"})
	none := awsclient.ConnectTo(server.URL(), id, secret, 1)
	none.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no EC2 IMDS role found")
	})
	silent := startAWS(t)
	silent.Inject(awsfake.Fault{Action: "GetCallerIdentity", Body: `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult></GetCallerIdentityResult></GetCallerIdentityResponse>`})
	for _, c := range []struct {
		name string
		cfg  aws.Config
		want []string
	}{
		{"credentials that AWS does not know", denied, []string{"ask AWS which account this is", "InvalidClientTokenId"}},
		{"no credentials", none, []string{"find AWS credentials", "set AWS_PROFILE"}},
		{"an answer without an account", awsclient.ConnectTo(silent.URL(), id, secret, 1), []string{"the answer does not say"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, _, err := awsclient.Identify(t.Context(), c.cfg)
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %+v, error %v; want one with %q", got, err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the secret shows in %v", err)
			}
		})
	}
}

// TestConnectReadsTheEnvironment, as every AWS tool does.
func TestConnectReadsTheEnvironment(t *testing.T) { // not parallel: the environment is one
	server := startAWS(t)
	id, secret := server.Home().Credentials()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": "", "AWS_ENDPOINT_URL": server.URL(), "AWS_PROFILE": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": t.TempDir() + "/none", "AWS_SHARED_CREDENTIALS_FILE": t.TempDir() + "/none",
	} {
		t.Setenv(name, value)
	}
	cfg, err := awsclient.Connect(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Region != "us-east-1" {
		t.Errorf("region %q where none is set, want us-east-1", cfg.Region)
	}
	if _, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Error(err)
	}
	if call := server.Calls()[0]; call.AccessKeyID != id {
		t.Errorf("signed with %s, want %s", call.AccessKeyID, id)
	}
	t.Setenv("AWS_REGION", "eu-central-1")
	if cfg, err := awsclient.Connect(t.Context(), 4); err != nil || cfg.Region != "eu-central-1" {
		t.Errorf("region %q, %v; want eu-central-1", cfg.Region, err)
	}
}

// TestThrottlesAndServerErrorsAreTriedAgain, and refusals are not.
func TestThrottlesAndServerErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault awsfake.Fault
		calls int
	}{
		{"throttled twice", awsfake.Fault{Action: "ListUsers", Times: 2, Code: "Throttling", Message: "Rate exceeded"}, 3},
		{"a server error", awsfake.Fault{Action: "ListUsers", Times: 1, Status: 500}, 2},
		{"a broken connection", awsfake.Fault{Action: "ListUsers", Times: 1, Drop: true}, 2},
		{"refused", awsfake.Fault{Action: "ListUsers", Code: "AccessDenied"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := startAWS(t)
			id, secret := server.Home().Credentials()
			server.Inject(c.fault)
			_, err := iam.NewFromConfig(awsclient.ConnectTo(server.URL(), id, secret, 1)).ListUsers(t.Context(), &iam.ListUsersInput{})
			if refused := c.calls == 1; (err != nil) != refused {
				t.Errorf("error %v", err)
			}
			if got := server.Count("ListUsers"); got != c.calls {
				t.Errorf("%d calls, want %d", got, c.calls)
			}
		})
	}
}

// keeper answers as the services that keep secrets do, with the name asked for
// as a part of the secret.
func keeper(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name           string
		SecretID       string `json:"SecretId"`
		WithDecryption bool
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.Contains(in.Name+in.SecretID, "denied"):
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"not allowed"}`)
	case strings.Contains(in.Name, "hole"):
		fmt.Fprint(w, `{}`)
	case target == "AmazonSSM.GetParameter" && in.WithDecryption:
		fmt.Fprintf(w, `{"Parameter":{"Name":%q,"Type":"SecureString","Value":"https://kept/%s"}}`, in.Name, in.Name)
	case target == "AmazonSSM.GetParameter":
		fmt.Fprint(w, `{"Parameter":{"Value":"still encrypted"}}`)
	case target == "secretsmanager.GetSecretValue":
		fmt.Fprintf(w, `{"Name":%q,"SecretString":"https://kept/%s"}`, in.SecretID, in.SecretID)
	default:
		http.Error(w, target, http.StatusNotFound)
	}
}

func TestFetchers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(keeper))
	t.Cleanup(server.Close)
	fetchers := awsclient.Fetchers(awsclient.ConnectTo(server.URL, "AKIA", "secret", 1))
	for _, c := range []struct {
		keeper config.SecretSource
		name   string
		want   string
		err    string
	}{
		{config.ParameterStore, "/slack/url", "https://kept//slack/url", ""},
		{config.SecretsManager, "slack-url", "https://kept/slack-url", ""},
		{config.ParameterStore, "/denied", "", "AccessDeniedException"},
		{config.SecretsManager, "denied", "", "AccessDeniedException"},
		{config.ParameterStore, "/hole", "", "the answer has no parameter"},
	} {
		t.Run(string(c.keeper)+":"+c.name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Secret{Source: c.keeper, Name: c.name}.Fetch(t.Context(), fetchers)
			switch {
			case c.err == "" && (err != nil || got.Reveal() != c.want):
				t.Errorf("got %q, %v; want %q", got.Reveal(), err, c.want)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), c.name)):
				t.Errorf("error %v, want one with %q and %q", err, c.name, c.err)
			}
		})
	}
}
