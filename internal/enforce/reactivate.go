package enforce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// ReactivationIAM is the calls that enable a key again.
type ReactivationIAM interface {
	IAM
	TagUser(context.Context, *iam.TagUserInput, ...func(*iam.Options)) (*iam.TagUserOutput, error)
}

// Reactivator enables keys again that were disabled.
type Reactivator struct {
	IAM    ReactivationIAM
	Reader Reader
	Now    func() time.Time // UTC
	// GraceDays exempts the users for so many days from today; zero does not.
	GraceDays int
}

// Reactivation is what is to be done for one key.
type Reactivation struct {
	User  audit.User
	KeyID string
	// Tag is what the tag TagName, KeyAutoExpire or the key's own, is to say;
	// empty if it stays as it is. Replaces is what it says now, if anything.
	TagName, Tag, Replaces string
}

// ErrActive says that a key needs no reactivation.
var ErrActive = errors.New("the key is active already")

// Prepare reads the key as it stands, and says what there is to do. A key that
// is active already gives ErrActive.
func (r Reactivator) Prepare(ctx context.Context, userName, keyID string) (Reactivation, error) {
	user, key, err := r.Reader.ReadKey(ctx, audit.User{Name: userName}, keyID)
	if err != nil {
		return Reactivation{}, fmt.Errorf("read key %s of user %s: %w", keyID, userName, err)
	}
	if key.Status == audit.Active {
		return Reactivation{}, fmt.Errorf("key %s of user %s: %w", keyID, userName, ErrActive)
	}
	todo := Reactivation{User: user, KeyID: keyID}
	if r.GraceDays > 0 {
		lastDay := r.Now().UTC().AddDate(0, 0, r.GraceDays)
		if exemption := audit.ExemptionOf(user, keyID); !exemptThrough(exemption, lastDay) {
			// A tag of the key's own speaks in place of the user's.
			todo.TagName = cmp.Or(exemption.Tag, audit.TagAutoExpire)
			todo.Tag = "False until " + lastDay.Format(time.DateOnly)
			todo.Replaces, _ = user.Tags.Value(todo.TagName)
		}
	}
	return todo, nil
}

func exemptThrough(e audit.Exemption, lastDay time.Time) bool {
	return e.Claimed && (e.End.IsZero() || e.End.After(lastDay))
}

// Apply exempts the user first, so that no run can disable the key again in
// between, and then enables the key.
func (r Reactivator) Apply(ctx context.Context, todo Reactivation) error {
	if todo.Tag != "" {
		_, err := r.IAM.TagUser(ctx, &iam.TagUserInput{
			UserName: aws.String(todo.User.Name),
			Tags:     []types.Tag{{Key: aws.String(todo.TagName), Value: aws.String(todo.Tag)}},
		})
		if err != nil {
			return fmt.Errorf("tag user %s with %s = %s, so key %s is left disabled: %w", todo.User.Name, todo.TagName, todo.Tag, todo.KeyID, err)
		}
	}
	_, err := r.IAM.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
		UserName:    aws.String(todo.User.Name),
		AccessKeyId: aws.String(todo.KeyID),
		Status:      types.StatusTypeActive,
	})
	if err != nil {
		return fmt.Errorf("enable key %s of user %s: %w", todo.KeyID, todo.User.Name, err)
	}
	return nil
}
