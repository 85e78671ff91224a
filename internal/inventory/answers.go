package inventory

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// An answer can be well-formed and still have a hole in it: a date that is
// missing or absurd, a list that breaks off, the name of another user. Whatever
// was judged by it could be the wrong key, so nothing is.

// firstYear is before the first access key: AWS began in 2006.
const firstYear = 2000

// lastYear leaves room for every limit to be written as a date.
const lastYear = 9000

// maxAhead is how far ahead of our clock a date may lie: clocks differ, and a
// long run reads what happened after it began.
const maxAhead = 24 * time.Hour

// checkDate refuses a date that no key can have. A zero now means that only
// the years are checked.
func checkDate(t, now time.Time) error {
	switch year := t.UTC().Year(); {
	case year < firstYear || year > lastYear:
		return fmt.Errorf("%d is not a plausible year", year)
	case !now.IsZero() && t.After(now.Add(maxAhead)):
		return fmt.Errorf("the date lies %s ahead; check the clock of this machine", t.Sub(now).Round(time.Minute))
	}
	return nil
}

// errNoList says that IAM's answer lacks its list. With nothing to list there
// is an empty one. An answer without, such as one with no body, which the SDK
// lets pass, says nothing: an exempt user would look like one without tags.
var errNoList = errors.New("the answer has no list")

// pageEnds checks where each page of one list says that the next one begins.
// The SDK takes a page that does not say for the last.
type pageEnds map[string]bool

func (seen pageEnds) check(truncated bool, marker *string) error {
	next := aws.ToString(marker)
	switch {
	case truncated && next == "":
		return errors.New("the list is truncated, and the answer has no marker for the rest")
	case !truncated && next != "":
		return errors.New("the answer has a marker for the next page, but says that it is the last page")
	case truncated && seen[next]:
		return errors.New("the marker for the rest of the list came a second time")
	}
	seen[next] = true
	return nil
}

// keyOf reads one key of a user's list.
func keyOf(k types.AccessKeyMetadata, userName string, now time.Time) (audit.Key, error) {
	key := audit.Key{
		ID:      aws.ToString(k.AccessKeyId),
		Status:  audit.Status(k.Status),
		Created: aws.ToTime(k.CreateDate).UTC(),
	}
	switch {
	case key.ID == "":
		return key, errors.New("a key came without its id")
	case k.CreateDate == nil || k.CreateDate.Unix() <= 0:
		return key, fmt.Errorf("key %s came without its creation date", key.ID)
	case key.Status == "":
		return key, fmt.Errorf("key %s came without its status", key.ID)
	case aws.ToString(k.UserName) == "":
		return key, fmt.Errorf("key %s came without the name of its user", key.ID)
	case *k.UserName != userName:
		return key, fmt.Errorf("key %s came with the name of user %s", key.ID, *k.UserName)
	}
	if err := checkDate(key.Created, now); err != nil {
		return key, fmt.Errorf("the creation date of key %s: %w", key.ID, err)
	}
	return key, nil
}

// addKey adds a key to a user's list, unless a page has repeated it.
func addKey(keys []Key, key audit.Key) ([]Key, error) {
	for _, known := range keys {
		switch {
		case known.ID != key.ID:
		case known.Key == key:
			return keys, nil
		default:
			return nil, fmt.Errorf("key %s came twice, and not the same", key.ID)
		}
	}
	return append(keys, Key{Key: key}), nil
}

// errAnotherUser says that a key belongs to another user than was asked about.
// A user who was renamed is one.
var errAnotherUser = errors.New("the key is that of another user")

// neverUsed is IAM's word for the service and the region of a key that was
// never used.
const neverUsed = "N/A"

// lastUse is when a key was last used, and with what; zero for never.
type lastUse struct {
	at              time.Time
	service, region string
}

// lastUseOf reads the last use of the key of that user.
func lastUseOf(out *iam.GetAccessKeyLastUsedOutput, userName string, now time.Time) (lastUse, error) {
	last := out.AccessKeyLastUsed
	switch {
	case last == nil:
		return lastUse{}, errors.New("the answer has none")
	case aws.ToString(out.UserName) == "":
		return lastUse{}, errors.New("the answer does not name the user")
	case *out.UserName != userName:
		return lastUse{}, fmt.Errorf("%w: %s", errAnotherUser, *out.UserName)
	case last.LastUsedDate != nil:
		used := lastUse{at: last.LastUsedDate.UTC(), service: named(last.ServiceName), region: named(last.Region)}
		return used, checkDate(used.at, now)
	case aws.ToString(last.ServiceName) != neverUsed || aws.ToString(last.Region) != neverUsed:
		return lastUse{}, fmt.Errorf("the answer has no date, and names service %q and region %q", aws.ToString(last.ServiceName), aws.ToString(last.Region))
	}
	return lastUse{}, nil
}

// named is a service or a region; empty if IAM does not know it.
func named(word *string) string {
	if aws.ToString(word) == neverUsed {
		return ""
	}
	return aws.ToString(word)
}

// tagOf reads one tag of a user.
func tagOf(tag types.Tag) (audit.Tag, error) {
	if aws.ToString(tag.Key) == "" {
		return audit.Tag{}, errors.New("a tag came without its name")
	}
	if tag.Value == nil {
		return audit.Tag{}, fmt.Errorf("tag %s came without its value", *tag.Key)
	}
	return audit.Tag{Key: *tag.Key, Value: *tag.Value}, nil
}
