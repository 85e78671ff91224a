package awsfake_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// start runs a server for the length of a test.
func start(t testing.TB, options ...awsfake.Option) *awsfake.Server {
	t.Helper()
	s, err := awsfake.Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// configFor is an SDK configuration that acts as an access key and does not
// retry, so that a test sees every answer.
func configFor(url, accessKeyID, secret, token string) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secret, token),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:   &http.Client{Transport: patient{http.DefaultTransport.(*http.Transport).Clone()}},
	}
}

// patient keeps a request's body open until it is written. The SDK closes it
// once there is an answer, and this server has one so soon that the client may
// still be looking for the body's end; it then drops the connection, which
// these tests, unlike the product, do not try again.
type patient struct{ http.RoundTripper }

func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return p.RoundTripper.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return p.RoundTripper.RoundTrip(r)
}

// iamOf is an IAM client with an account's credentials.
func iamOf(s *awsfake.Server, a *awsfake.Account) *iam.Client {
	id, secret := a.Credentials()
	return iam.NewFromConfig(configFor(s.URL(), id, secret, ""))
}

// errorCode is the code of an AWS error, or "" if it is none.
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func httpStatus(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func TestHostileTextSurvivesTheWire(t *testing.T) {
	t.Parallel()
	s := start(t)
	hostile := "a\"b&c<d>e'f\ng\th\u202e\U0001F600 &amp; ]]>"
	s.Home().AddUser(awsfake.User{Name: hostile, Tags: map[string]string{"Name": hostile}})
	client := iamOf(s, s.Home())

	list, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got := *list.Users[0].UserName; got != hostile {
		t.Errorf("user name came back as %q", got)
	}
	tags, err := client.ListUserTags(t.Context(), &iam.ListUserTagsInput{UserName: &hostile})
	if err != nil {
		t.Fatal(err)
	}
	if got := *tags.Tags[0].Value; got != hostile {
		t.Errorf("tag value came back as %q", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	var codes = func(t *testing.T, fault awsfake.Fault, calls int) (got []string, s *awsfake.Server) {
		s = start(t)
		s.Home().AddUser(awsfake.User{Name: "ada"})
		s.Inject(fault)
		client := iamOf(s, s.Home())
		for range calls {
			_, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("ada")})
			switch {
			case err == nil:
				got = append(got, "ok")
			case errorCode(err) != "":
				got = append(got, errorCode(err))
			default:
				got = append(got, "broken")
			}
		}
		return got, s
	}
	tests := []struct {
		name  string
		fault awsfake.Fault
		want  []string
	}{
		{"every match", awsfake.Fault{Action: "GetUser", Code: "AccessDenied"}, []string{"AccessDenied", "AccessDenied", "AccessDenied"}},
		{"other action", awsfake.Fault{Action: "ListUsers", Code: "AccessDenied"}, []string{"ok", "ok", "ok"}},
		{"other user", awsfake.Fault{User: "bob", Code: "AccessDenied"}, []string{"ok", "ok", "ok"}},
		{"other account", awsfake.Fault{Account: "999999999999", Code: "AccessDenied"}, []string{"ok", "ok", "ok"}},
		{"the second", awsfake.Fault{User: "ada", Nth: 2, Status: 500}, []string{"ok", "InternalFailure", "ok"}},
		{"the first two", awsfake.Fault{Service: "iam", Times: 2, Status: 503}, []string{"ServiceUnavailable", "ServiceUnavailable", "ok"}},
		{"from the second, twice", awsfake.Fault{Nth: 2, Times: 2, Code: "Throttling"}, []string{"ok", "Throttling", "Throttling"}},
		{"dropped", awsfake.Fault{Nth: 1, Drop: true}, []string{"broken", "ok", "ok"}},
		{"malformed", awsfake.Fault{Nth: 1, Body: "<GetUserResponse><GetUserRes"}, []string{"broken", "ok", "ok"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, s := codes(t, tt.fault, 3)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if n := s.Count("GetUser"); n != 3 {
				t.Errorf("counted %d calls, want 3", n)
			}
		})
	}
}

func TestFaultStatusIsTheCodesUsualOne(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Inject(awsfake.Fault{Code: "AccessDenied", Message: "not you"})
	_, err := iamOf(s, s.Home()).ListUsers(t.Context(), &iam.ListUsersInput{})
	if got := httpStatus(err); got != http.StatusForbidden {
		t.Errorf("status %d, want 403", got)
	}
	if call := s.Calls()[0]; call.Status != http.StatusForbidden || call.ErrorCode != "AccessDenied" {
		t.Errorf("recorded as %d %s", call.Status, call.ErrorCode)
	}
}

func TestFaultAfterEffect(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		s := start(t)
		u := s.Home().AddUser(awsfake.User{Name: "ada", Keys: []awsfake.Key{{Active: true}}})
		s.Inject(awsfake.Fault{Action: "UpdateAccessKey", KeyID: u.Keys[0].ID, Drop: true, AfterEffect: after})
		_, err := iamOf(s, s.Home()).UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{
			UserName: aws.String("ada"), AccessKeyId: &u.Keys[0].ID, Status: "Inactive",
		})
		if err == nil {
			t.Error("the call was answered")
		}
		if k, _ := s.Home().Key(u.Keys[0].ID); k.Active == after {
			t.Errorf("AfterEffect %t left the key active: %t", after, k.Active)
		}
	}
}

func TestFaultDoRunsBeforeTheEffect(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Home().AddUser(awsfake.User{Name: "ada"})
	s.Inject(awsfake.Fault{Action: "GetUser", Nth: 2, Do: func() { s.Home().RemoveUser("ada") }})
	client := iamOf(s, s.Home())
	in := &iam.GetUserInput{UserName: aws.String("ada")}
	if _, err := client.GetUser(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetUser(t.Context(), in); errorCode(err) != "NoSuchEntity" {
		t.Errorf("got %v, want NoSuchEntity", err)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Inject(awsfake.Fault{Hang: true, Do: cancel})
	if _, err := iamOf(s, s.Home()).ListUsers(ctx, &iam.ListUsersInput{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestRateIsPerAccount(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithRate(0.001, 2)) // a token every 17 minutes
	other := iamOf(s, s.Account("222222222222"))
	client := iamOf(s, s.Home())
	for i, want := range []string{"", "", "Throttling"} {
		_, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
		if errorCode(err) != want {
			t.Errorf("call %d: got %v, want code %q", i+1, err, want)
		}
		if want != "" && httpStatus(err) != http.StatusBadRequest {
			t.Errorf("throttled with status %d, want 400", httpStatus(err))
		}
	}
	if _, err := other.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Errorf("another account was throttled too: %v", err)
	}
	s.SetRate(0, 0)
	if _, err := client.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Errorf("still limited: %v", err)
	}
}

func TestLagShowsTheOldState(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := start(t, awsfake.WithClock(clock), awsfake.WithLag(10*time.Second))
	u := s.Home().AddUser(awsfake.User{Name: "ada", Keys: []awsfake.Key{{Active: true}}})
	client := iamOf(s, s.Home())
	name, key := aws.String("ada"), &u.Keys[0].ID

	status := func() string {
		t.Helper()
		out, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: name})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.AccessKeyMetadata) == 0 {
			return "gone"
		}
		return string(out.AccessKeyMetadata[0].Status)
	}
	expect := func(want string) {
		t.Helper()
		if got := status(); got != want {
			t.Errorf("the key reads as %s, want %s", got, want)
		}
	}

	if _, err := client.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: key, Status: "Inactive"}); err != nil {
		t.Fatal(err)
	}
	expect("Active")
	if k, _ := s.Home().Key(*key); k.Active {
		t.Error("the truth lags as well")
	}
	now = now.Add(5 * time.Second)
	if _, err := client.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: key}); err != nil {
		t.Fatal(err)
	}
	expect("Active")
	now = now.Add(5 * time.Second)
	expect("Inactive")
	if _, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: key}); err != nil {
		t.Errorf("the deleted key is gone before its time: %v", err)
	}
	now = now.Add(5 * time.Second)
	expect("gone")
	if _, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: key}); errorCode(err) != "NoSuchEntity" {
		t.Errorf("got %v, want NoSuchEntity", err)
	}

	if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("abe")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	names := func() (names []string) {
		t.Helper()
		out, err := client.ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Users {
			names = append(names, *u.UserName)
		}
		return names
	}
	if got := names(); !slices.Equal(got, []string{"ada"}) {
		t.Errorf("at once: %q, want ada alone", got)
	}
	now = now.Add(10 * time.Second)
	if got := names(); !slices.Equal(got, []string{"abe"}) {
		t.Errorf("later: %q, want abe alone", got)
	}
}

func TestCallsAreRecorded(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.Account("222222222222")
	u := a.AddUser(awsfake.User{Name: "ada", Keys: []awsfake.Key{{Active: true}}})
	id, _ := a.Credentials()
	client := iamOf(s, a)
	_, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &u.Keys[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Calls()
	if len(got) != 1 {
		t.Fatalf("%d calls recorded, want 1", len(got))
	}
	if id := got[0].Params.Get("AccessKeyId"); id != u.Keys[0].ID {
		t.Errorf("recorded with parameters %v", got[0].Params)
	}
	got[0].Params = nil
	want := awsfake.Call{
		Seq: 1, Service: "iam", Action: "GetAccessKeyLastUsed", Account: "222222222222", Region: "us-east-1",
		AccessKeyID: id, User: "ada", KeyID: u.Keys[0].ID, Status: http.StatusOK,
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, want %+v", got[0], want)
	}

	s.RecordCalls(false)
	s.ResetCalls()
	if _, err := client.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls recorded while off", n)
	}
	if s.Count("ListUsers") != 1 || s.Count("") != 1 {
		t.Errorf("counted %d and %d, want 1 and 1", s.Count("ListUsers"), s.Count(""))
	}
}

func TestPageLimit(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithPageLimit(2))
	for _, name := range []string{"c", "a", "b"} {
		s.Home().AddUser(awsfake.User{Name: name})
	}
	out, err := iamOf(s, s.Home()).ListUsers(t.Context(), &iam.ListUsersInput{MaxItems: aws.Int32(1000)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Users) != 2 || !out.IsTruncated || *out.Users[0].UserName != "a" {
		t.Errorf("page of %d, truncated %t", len(out.Users), out.IsTruncated)
	}
}
