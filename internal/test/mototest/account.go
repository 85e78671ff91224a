package mototest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Region is the one that tests work in.
const Region = "us-east-1"

// Account is credentials that reach one account of the server.
type Account struct {
	ID              string
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // "" for the home account

	moto *Moto
}

// User is an IAM user to make. Times are kept to the second, in UTC.
type User struct {
	Name    string
	Path    string    // "/" if empty
	Created time.Time // if zero, when the oldest key was made, else now
	Tags    map[string]string
	Keys    []Key
}

// Key is an access key to make.
type Key struct {
	ID       string // chosen by moto
	Active   bool
	Created  time.Time // if zero, now
	LastUsed time.Time // zero is never
	Service  string    // of the last use, "s3" if empty
	Region   string    // of the last use, Region if empty
}

// accountIDs hands out ids that no other test has.
type accountIDs struct{ last atomic.Int64 }

func (a *accountIDs) next() string { return fmt.Sprintf("%012d", 200_000_000_000+a.last.Add(1)) }

// Account is a fresh account, with nothing in it. Its credentials are a
// session of a role in it.
func (m *Moto) Account(t testing.TB) *Account {
	t.Helper()
	account := &Account{ID: m.accounts.next(), moto: m}
	m.control(t, "/account", map[string]string{"account": account.ID}, account)
	return account
}

// AddUsers makes users in the home account.
func (m *Moto) AddUsers(t testing.TB, users []User) []User {
	t.Helper()
	return m.Home.AddUsers(t, users)
}

// Env reaches the home account.
func (m *Moto) Env() []string { return m.Home.Env() }

// Config reaches the home account.
func (m *Moto) Config(ctx context.Context) aws.Config { return m.Home.Config(ctx) }

// Backdate sets when a key, of any account, was made and last used; a zero
// lastUsed is never. If the key would be older than its user, the user is
// backdated as well.
func (m *Moto) Backdate(t testing.TB, keyID string, created, lastUsed time.Time) {
	t.Helper()
	m.control(t, "/backdate", map[string]string{
		"key": keyID, "created": stamp(created), "lastUsed": stamp(lastUsed),
	}, nil)
}

// Reset empties all accounts, for every test that shares the server.
// Credentials from Account no longer reach theirs.
func (m *Moto) Reset(t testing.TB) {
	t.Helper()
	m.post(t, m.URL+"/moto-api/reset", nil, nil)
}

// AddUsers makes users in one step, if a call for each would take long. It
// returns them with the ids of their keys.
func (a *Account) AddUsers(t testing.TB, users []User) []User {
	t.Helper()
	type wireKey struct {
		Active   bool   `json:"active"`
		Created  string `json:"created"`
		LastUsed string `json:"lastUsed"`
		Service  string `json:"service"`
		Region   string `json:"region"`
	}
	type wireUser struct {
		Name    string            `json:"name"`
		Path    string            `json:"path"`
		Created string            `json:"created"`
		Tags    map[string]string `json:"tags"`
		Keys    []wireKey         `json:"keys"`
	}
	wanted := make([]wireUser, len(users))
	for i, u := range users {
		wanted[i] = wireUser{Name: u.Name, Path: u.Path, Created: stamp(u.Created), Tags: u.Tags}
		for _, k := range u.Keys {
			wanted[i].Keys = append(wanted[i].Keys, wireKey{
				Active: k.Active, Created: stamp(k.Created), LastUsed: stamp(k.LastUsed),
				Service: k.Service, Region: k.Region,
			})
		}
	}
	var answer struct{ Keys [][]string }
	a.moto.control(t, "/users", map[string]any{"account": a.ID, "users": wanted}, &answer)

	made := make([]User, len(users))
	for i, u := range users {
		made[i] = u
		made[i].Keys = make([]Key, len(u.Keys))
		for j, k := range u.Keys {
			k.ID = answer.Keys[i][j]
			made[i].Keys[j] = k
		}
	}
	return made
}

// FunctionZip is the zip that a Lambda function of the account was made with.
// AWS gives a URL to fetch it from; moto gives one that leads nowhere.
func (a *Account) FunctionZip(t testing.TB, region, function string) []byte {
	t.Helper()
	var answer struct{ Zip []byte }
	a.moto.control(t, "/function", map[string]string{"account": a.ID, "region": region, "function": function}, &answer)
	return answer.Zip
}

// Mail is a message that was sent through SES.
type Mail struct {
	From, Subject, Body string
	To                  []string
}

// SentMail is every message that was sent from the account, oldest first.
// Neither AWS nor moto has a call for it.
func (a *Account) SentMail(t testing.TB, region string) []Mail {
	t.Helper()
	var answer struct{ Mail []Mail }
	a.moto.control(t, "/mail", map[string]string{"account": a.ID, "region": region}, &answer)
	return answer.Mail
}

// Env is what a process needs in its environment to reach the account with any
// AWS tool, and nothing else: put it after what the process inherits, so that
// it wins. Variables that could lead elsewhere are set to nothing.
func (a *Account) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + a.moto.URL,
		"AWS_ACCESS_KEY_ID=" + a.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + a.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + a.SessionToken,
		"AWS_REGION=" + Region,
		"AWS_DEFAULT_REGION=" + Region,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_CA_BUNDLE=",
		"TF_CLI_CONFIG_FILE=",
	}
}

// Config is an SDK configuration that reaches the account.
func (a *Account) Config(context.Context) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(a.moto.URL),
		Credentials:  credentials.NewStaticCredentialsProvider(a.AccessKeyID, a.SecretAccessKey, a.SessionToken),
	}
}

// stamp is a moment as the program reads it; "" for none.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02T15:04:05Z")
}

// control has the program do something that AWS has no call for.
func (m *Moto) control(t testing.TB, path string, question, answer any) {
	t.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		t.Fatalf("asking moto for %s: %v", path, err)
	}
	m.post(t, m.controlURL+path, body, answer)
}

func (m *Moto) post(t testing.TB, url string, body []byte, answer any) {
	t.Helper()
	// Clean-up may ask, too, when the test's context has ended.
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("asking moto: %v", err)
	}
	response, err := m.client.Do(request)
	if err != nil {
		t.Fatalf("asking moto: %v: %s", err, m.stderr)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("asking moto: %s: %s %v", response.Status, text, err)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(text, answer); err != nil {
		t.Fatalf("reading moto's answer: %v", err)
	}
}

// Member is an account that moto has made itself, such as one of an
// organization.
func (m *Moto) Member(t testing.TB, id string) *Account {
	t.Helper()
	account := &Account{ID: id, moto: m}
	m.control(t, "/account", map[string]string{"account": id}, account)
	return account
}
