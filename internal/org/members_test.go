package org_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
)

func TestList(t *testing.T) {
	t.Parallel()
	server := start(t, awsfake.WithPageLimit(2))
	organization := server.Organize()
	outer := organization.AddUnit(organization.Root(), "outer")
	inner := organization.AddUnit(outer, "inner")
	other := organization.AddUnit(organization.Root(), "other")
	for i, unit := range []string{organization.Root(), outer, outer, outer, inner, other} {
		organization.Join(server.Account(fmt.Sprintf("20000000000%d", i)), unit, "account")
	}
	organization.SetStatus("200000000003", awsfake.AccountSuspended)
	organization.SetStatus("200000000005", awsfake.AccountPendingClosure)
	id := organization.ID()
	home := awsfake.DefaultHome

	for _, c := range []struct {
		name  string
		scope config.Scope
		want  org.Members
	}{
		{"the whole organization", config.Scope{Organization: true}, org.Members{Organization: id, Suspended: 2,
			Accounts: []string{home, "200000000000", "200000000001", "200000000002", "200000000004"}}},
		{"without some", config.Scope{Organization: true, Exclude: []string{home, "200000000003"}}, org.Members{Organization: id, Suspended: 1, Excluded: 2,
			Accounts: []string{"200000000000", "200000000001", "200000000002", "200000000004"}}},
		{"a unit, and the one nested in it", config.Scope{Organization: true, OUs: []string{outer}}, org.Members{Organization: id, Suspended: 1,
			Accounts: []string{"200000000001", "200000000002", "200000000004"}}},
		{"each account once", config.Scope{Organization: true, OUs: []string{inner, outer, inner}}, org.Members{Organization: id, Suspended: 1,
			Accounts: []string{"200000000001", "200000000002", "200000000004"}}},
		{"the root", config.Scope{Organization: true, OUs: []string{organization.Root()}}, org.Members{Organization: id, Suspended: 2,
			Accounts: []string{home, "200000000000", "200000000001", "200000000002", "200000000004"}}},
		{"a list", config.Scope{Accounts: []string{"9", "8"}}, org.Members{Accounts: []string{"8", "9"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := org.List(t.Context(), organizations.NewFromConfig(as(server, server.Home())), c.scope)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range got.Accounts {
				want := "account"
				if id == home {
					want = "home"
				}
				if c.scope.Organization && got.Account(id) != (account.Account{ID: id, Name: want}) {
					t.Errorf("account %s is %+v, want the name %q", id, got.Account(id), want)
				}
			}
			got.Names = nil
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, c := range []struct {
		name    string
		account *awsfake.Account
		scope   config.Scope
		want    string
	}{
		{"a member that asks", server.Account("200000000000"), config.Scope{Organization: true}, "management account"},
		{"an unknown unit", server.Home(), config.Scope{Organization: true, OUs: []string{"ou-ab12-34cdefgh"}}, "check the ids in SLEUTH_OUS"},
		{"nothing left", server.Home(), config.Scope{Organization: true, OUs: []string{other}}, "1 suspended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := org.List(t.Context(), organizations.NewFromConfig(as(server, c.account)), c.scope)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

func TestEnter(t *testing.T) {
	t.Parallel()
	for _, partition := range []string{"aws", "aws-us-gov", "aws-cn"} {
		t.Run(partition, func(t *testing.T) {
			t.Parallel()
			server := start(t, awsfake.WithPartition(partition))
			server.Account("200000000001").RequireExternalID("secret handshake")
			scope := config.Scope{MemberRole: "path/auditor", ExternalID: "secret handshake"}
			assumer := org.NewRoleAssumer(as(server, server.Home()), awsfake.DefaultHome, partition, scope, "sleuth-20260302")
			inside, err := assumer.Assume(t.Context(), "200000000001")
			if err != nil {
				t.Fatal(err)
			}
			who, err := sts.NewFromConfig(inside).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err != nil {
				t.Fatal(err)
			}
			if want := "arn:" + partition + ":sts::200000000001:assumed-role/auditor/sleuth-20260302"; *who.Arn != want {
				t.Errorf("inside we are %s, want %s", *who.Arn, want)
			}

			// Into the home account we go as we are.
			server.ResetCalls()
			if _, err := assumer.Assume(t.Context(), awsfake.DefaultHome); err != nil || server.Count("AssumeRole") > 0 {
				t.Errorf("error %v, %d roles assumed", err, server.Count("AssumeRole"))
			}

			server.Account("200000000002").RequireExternalID("another")
			server.Account("200000000003").DenyAssume(true)
			for _, account := range []string{"200000000002", "200000000003"} {
				_, err := assumer.Assume(t.Context(), account)
				if err == nil || !strings.Contains(err.Error(), "enter account "+account) || strings.Contains(err.Error(), "handshake") {
					t.Errorf("account %s: error %v", account, err)
				}
			}
		})
	}
}

func TestEach(t *testing.T) {
	t.Parallel()
	var accounts []string
	for i := range 100 {
		accounts = append(accounts, fmt.Sprintf("%012d", i))
	}
	var mu sync.Mutex
	now, most := 0, 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		now += n
		most = max(most, now)
	}
	var took []string
	firstBegan, firstMayEnd := make(chan struct{}), make(chan struct{})
	org.ForEachAccount(t.Context(), accounts, 4, func(_ context.Context, account string) string {
		count(1)
		defer count(-1)
		switch account {
		case accounts[0]: // the slowest: others go on meanwhile
			close(firstBegan)
			<-firstMayEnd
		case accounts[20]:
			<-firstBegan
			close(firstMayEnd)
		}
		return "of " + account
	}, func(account, result string) {
		if result != "of "+account {
			t.Errorf("account %s got the result %s", account, result)
		}
		took = append(took, account)
	})
	if !slices.Equal(took, accounts) || most > 4 || most < 2 {
		t.Errorf("took %d in the order %v, at most %d at once", len(took), took, most)
	}
}
