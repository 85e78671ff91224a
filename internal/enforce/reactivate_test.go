package enforce_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
)

// enabling is IAM as it enables keys, with a diary.
type enabling struct {
	tagErr, enableErr error
	diary             []string
}

func (e *enabling) TagUser(_ context.Context, in *iam.TagUserInput, _ ...func(*iam.Options)) (*iam.TagUserOutput, error) {
	for _, tag := range in.Tags {
		e.diary = append(e.diary, "tag "+*in.UserName+" "+*tag.Key+"="+*tag.Value)
	}
	return &iam.TagUserOutput{}, e.tagErr
}

func (e *enabling) UpdateAccessKey(_ context.Context, in *iam.UpdateAccessKeyInput, _ ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	if in.Status == types.StatusTypeActive {
		e.diary = append(e.diary, "enable "+*in.AccessKeyId+" of "+*in.UserName)
	}
	return &iam.UpdateAccessKeyOutput{}, e.enableErr
}

// TestPrepareReactivation: what there is to do for a key as it stands.
func TestPrepareReactivation(t *testing.T) {
	t.Parallel()
	tags := func(tags ...audit.Tag) audit.Tags { return tags }
	user := func(value string) audit.Tag { return audit.Tag{Key: "KeyAutoExpire", Value: value} }
	own := func(value string) audit.Tag { return audit.Tag{Key: "KeyAutoExpire:AKIA1", Value: value} }
	const week = "False until 2026-03-09"
	for _, c := range []struct {
		name       string
		tags       audit.Tags
		grace      int
		tag, value string
		replaces   string
		status     audit.Status
		readErr    error
		err        error
	}{
		{name: "without days of grace", tags: tags(user("True"))},
		{name: "untagged", grace: 7, tag: "KeyAutoExpire", value: week},
		{name: "one day", grace: 1, tag: "KeyAutoExpire", value: "False until 2026-03-03"},
		{name: "tagged as not exempt", tags: tags(user("True")), grace: 7, tag: "KeyAutoExpire", value: week, replaces: "True"},
		{name: "exempt without an end", tags: tags(user("False")), grace: 7},
		{name: "exempt through that day", tags: tags(user("False until 2026-03-09")), grace: 7},
		{name: "exempt for longer", tags: tags(user("False until 2026-12-31")), grace: 7},
		{name: "exempt until the day before", tags: tags(user("False until 2026-03-08")), grace: 7, tag: "KeyAutoExpire", value: week, replaces: "False until 2026-03-08"},
		{name: "unreadable", tags: tags(user("maybe")), grace: 7, tag: "KeyAutoExpire", value: week, replaces: "maybe"},
		{name: "a tag of the key's own", tags: tags(user("False"), own("True")), grace: 7, tag: "KeyAutoExpire:AKIA1", value: week, replaces: "True"},
		{name: "active already", status: audit.Active, grace: 7, err: enforce.ErrActive},
		{name: "not read", readErr: errBroken, grace: 7, err: errBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := due()
			a.user.Tags, a.key.Status, a.readErr = c.tags, audit.Inactive, c.readErr
			if c.status != "" {
				a.key.Status = c.status
			}
			r := enforce.Reactivator{Reader: a, GraceDays: c.grace, Now: func() time.Time { return now }}
			got, err := r.Prepare(t.Context(), "bot", "AKIA1")
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if got.TagName != c.tag || got.Tag != c.value || got.Replaces != c.replaces {
				t.Errorf("sets %q to %q in place of %q; want %q, %q and %q", got.TagName, got.Tag, got.Replaces, c.tag, c.value, c.replaces)
			}
			if c.err == nil && (got.User.Name != "bot" || got.KeyID != "AKIA1") {
				t.Errorf("it is about key %s of user %s", got.KeyID, got.User.Name)
			}
		})
	}
}

// TestApplyReactivation: the exemption comes first, and without it the key stays
// disabled.
func TestApplyReactivation(t *testing.T) {
	t.Parallel()
	const tag, enable = "tag bot KeyAutoExpire=False until 2026-03-09", "enable AKIA1 of bot"
	for _, c := range []struct {
		name  string
		value string
		world enabling
		err   string
		diary []string
	}{
		{name: "with a tag", value: "False until 2026-03-09", diary: []string{tag, enable}},
		{name: "without", diary: []string{enable}},
		{name: "not tagged", value: "False until 2026-03-09", world: enabling{tagErr: errBroken}, err: "so key AKIA1 is left disabled: broken", diary: []string{tag}},
		{name: "not enabled", world: enabling{enableErr: errBroken}, err: "enable key AKIA1 of user bot: broken", diary: []string{enable}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			world := c.world
			todo := enforce.Reactivation{User: audit.User{Name: "bot"}, KeyID: "AKIA1", TagName: "KeyAutoExpire", Tag: c.value}
			wantError(t, enforce.Reactivator{IAM: &world}.Apply(t.Context(), todo), c.err)
			if !slices.Equal(world.diary, c.diary) {
				t.Errorf("did %q, want %q", world.diary, c.diary)
			}
		})
	}
}
