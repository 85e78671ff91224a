package mototest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

func TestAccountsAreApart(t *testing.T) {
	t.Parallel()
	m := mototest.Shared(t)
	ada, bob := m.Account(t), m.Account(t)
	ada.AddUsers(t, []mototest.User{{Name: "ada"}})
	for _, tt := range []struct {
		account *mototest.Account
		users   int
	}{{ada, 1}, {bob, 0}} {
		config := tt.account.Config(t.Context())
		who, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		if *who.Account != tt.account.ID {
			t.Errorf("reached account %s, want %s", *who.Account, tt.account.ID)
		}
		list, err := iam.NewFromConfig(config).ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Users) != tt.users {
			t.Errorf("account %s has %d users, want %d", tt.account.ID, len(list.Users), tt.users)
		}
	}
}

func TestAddUsersAndBackdate(t *testing.T) {
	t.Parallel()
	account := mototest.Shared(t).Account(t)
	created := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	used := time.Date(2025, 6, 7, 8, 9, 10, 0, time.UTC)

	users := make([]mototest.User, 300)
	for i := range users {
		users[i] = mototest.User{Name: fmt.Sprintf("user-%03d", i), Keys: []mototest.Key{{Active: true}}}
	}
	users[7].Tags = map[string]string{"Slack": "U123", "Name": "Ada Lovelace"}
	users[7].Keys = []mototest.Key{{Created: created, LastUsed: used, Service: "iam", Region: "eu-west-1"}}
	made := account.AddUsers(t, users)

	client := iam.NewFromConfig(account.Config(t.Context()))
	name := aws.String("user-007")
	keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	key := keys.AccessKeyMetadata[0]
	if *key.AccessKeyId != made[7].Keys[0].ID || key.Status != "Inactive" || !key.CreateDate.Equal(created) {
		t.Errorf("got key %s %s %s", *key.AccessKeyId, key.Status, key.CreateDate)
	}
	last, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})
	if err != nil {
		t.Fatal(err)
	}
	if got := last.AccessKeyLastUsed; !got.LastUsedDate.Equal(used) || *got.ServiceName != "iam" || *got.Region != "eu-west-1" {
		t.Errorf("last used %s by %s in %s", got.LastUsedDate, *got.ServiceName, *got.Region)
	}
	user, err := client.GetUser(t.Context(), &iam.GetUserInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	if !user.User.CreateDate.Equal(created) || len(user.User.Tags) != 2 {
		t.Errorf("user made %s with tags %v", user.User.CreateDate, user.User.Tags)
	}

	earlier := created.AddDate(-1, 0, 0)
	mototest.Shared(t).Backdate(t, *key.AccessKeyId, earlier, time.Time{})
	last, err = client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId})
	if err != nil {
		t.Fatal(err)
	}
	if last.AccessKeyLastUsed.LastUsedDate != nil {
		t.Errorf("still last used %s", last.AccessKeyLastUsed.LastUsedDate)
	}
	if user, err = client.GetUser(t.Context(), &iam.GetUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	if !user.User.CreateDate.Equal(earlier) {
		t.Errorf("the user is younger than the key: %s", user.User.CreateDate)
	}
}

func TestStartResetAndEnd(t *testing.T) {
	t.Parallel()
	var host string
	t.Run("while it runs", func(t *testing.T) {
		m := mototest.Start(t, mototest.ExecuteStateMachines())
		u, err := url.Parse(m.URL)
		if err != nil {
			t.Fatal(err)
		}
		host = u.Host
		m.AddUsers(t, []mototest.User{{Name: "ada"}})
		m.Reset(t)
		list, err := iam.NewFromConfig(m.Config(t.Context())).ListUsers(t.Context(), &iam.ListUsersInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Users) != 0 {
			t.Errorf("%d users left after Reset", len(list.Users))
		}
	})
	if host == "" {
		t.SkipNow() // as the part above was
	}
	if listens(t, host) {
		t.Error("moto still listens after the test that started it")
	}
}

// listens says whether a server still takes connections.
func listens(t *testing.T, host string) bool {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", host)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// TestOutlivesNobody kills a process that has started moto, as a test binary
// may be killed, and waits for moto to be gone too.
func TestOutlivesNobody(t *testing.T) {
	const inChild = "MOTOTEST_IN_CHILD"
	if os.Getenv(inChild) != "" {
		fmt.Println(mototest.Shared(t).URL)
		select {}
	}
	t.Parallel()
	mototest.Shared(t)                                                                      // or skip
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOutlivesNobody$") //nolint:gosec // this very binary
	child.Env = append(os.Environ(), inChild+"=1")
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_ = child.Process.Kill()
	if err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed

	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if !listens(t, u.Host) {
			return
		}
		<-tick.C
	}
	t.Error("moto outlives the process that started it")
}

func TestEnvLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	account := mototest.Shared(t).Account(t)
	env := "\n" + strings.Join(account.Env(), "\n") + "\n"
	for _, want := range []string{
		"AWS_ENDPOINT_URL=http://127.0.0.1:", "AWS_ACCESS_KEY_ID=" + account.AccessKeyID,
		"AWS_SESSION_TOKEN=" + account.SessionToken, "AWS_EC2_METADATA_DISABLED=true", "AWS_CA_BUNDLE=\n", "TF_CLI_CONFIG_FILE=\n",
	} {
		if !strings.Contains(env, "\n"+want) {
			t.Errorf("no %q in %q", want, env)
		}
	}
}
