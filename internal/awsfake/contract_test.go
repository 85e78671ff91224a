package awsfake_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// The contract tests say what AWS does, and hold it against this package and
// against moto, both through the SDK. Where moto is known to differ from AWS's
// documentation, the test says so and asks it of the fake alone: unlessMoto.

// cloud is an AWS account to test against, empty to begin with.
type cloud struct {
	account  string
	config   aws.Config
	addUsers func(testing.TB, ...awsfake.User) []awsfake.User
	// configOf reaches the account with other credentials.
	configOf func(accessKeyID, secret, token string) aws.Config
	isMoto   bool
	fake     *awsfake.Account // nil for moto
}

// unlessMoto says whether to go on with what moto does not do as AWS does.
func (c *cloud) unlessMoto(t *testing.T, difference string) bool {
	t.Helper()
	if c.isMoto {
		t.Logf("not asked of moto: %s", difference)
	}
	return !c.isMoto
}

// contract runs a test against both clouds.
func contract(t *testing.T, test func(*testing.T, *cloud)) {
	t.Helper()
	t.Parallel()
	t.Run("awsfake", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		a := s.Account("210987654321")
		id, secret := a.Credentials()
		configOf := func(id, secret, token string) aws.Config { return configFor(s.URL(), id, secret, token) }
		test(t, &cloud{
			account: a.ID(), config: configOf(id, secret, ""), configOf: configOf, fake: a,
			addUsers: func(_ testing.TB, users ...awsfake.User) []awsfake.User {
				for i, u := range users {
					users[i] = a.AddUser(u)
				}
				return users
			},
		})
	})
	t.Run("moto", func(t *testing.T) {
		t.Parallel()
		m := mototest.Shared(t)
		a := m.Account(t)
		configOf := func(id, secret, token string) aws.Config { return configFor(m.URL, id, secret, token) }
		test(t, &cloud{
			account: a.ID, config: configOf(a.AccessKeyID, a.SecretAccessKey, a.SessionToken), configOf: configOf,
			addUsers: func(t testing.TB, users ...awsfake.User) []awsfake.User { return addToMoto(t, a, users) },
			isMoto:   true,
		})
	})
}

// addToMoto makes the same users in moto as AddUser makes in the fake.
func addToMoto(t testing.TB, a *mototest.Account, users []awsfake.User) []awsfake.User {
	t.Helper()
	wanted := make([]mototest.User, len(users))
	for i, u := range users {
		wanted[i] = mototest.User{Name: u.Name, Path: u.Path, Created: u.Created, Tags: u.Tags}
		for _, k := range u.Keys {
			wanted[i].Keys = append(wanted[i].Keys, mototest.Key{
				Active: k.Active, Created: k.Created, LastUsed: k.LastUsed, Service: k.Service, Region: k.Region,
			})
		}
	}
	made := a.AddUsers(t, wanted)
	for i := range users {
		for j := range users[i].Keys {
			users[i].Keys[j].ID = made[i].Keys[j].ID
		}
	}
	return users
}

// wantCode checks the code of an error, "" for no error.
func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	switch {
	case code == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case code != "" && err == nil:
		t.Errorf("%s: no error, want %s", what, code)
	case code != "" && errorCode(err) != code:
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

// check ends the test at an error.
func check[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

var (
	longAgo = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	lately  = time.Date(2025, 6, 7, 8, 9, 10, 0, time.UTC)
)
