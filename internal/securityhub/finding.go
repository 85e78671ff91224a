package securityhub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// Finding is a key that is due, in the AWS Security Finding Format, as far as
// Sleuth fills it in.
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html
type Finding struct {
	SchemaVersion string
	ID            string `json:"Id"`
	ProductArn    string
	ProductName   string `json:",omitempty"`
	GeneratorID   string `json:"GeneratorId"`
	AwsAccountID  string `json:"AwsAccountId"`
	Types         []string
	// CreatedAt is when the key came past its warning age, UpdatedAt when the
	// finding was last sent (RFC 3339).
	CreatedAt   string
	UpdatedAt   string
	Severity    Severity
	Title       string
	Description string
	Remediation Remediation
	// ProductFields are Sleuth's own, see the constants.
	ProductFields map[string]string
	Resources     []Resource
	Compliance    Compliance
	// Workflow is only taken into account where the finding is new: afterwards
	// it is the customer's.
	Workflow              *Workflow `json:",omitempty"`
	RecordState           string
	FindingProviderFields *ProviderFields `json:",omitempty"`
}

// Severity is how much a finding matters.
type Severity struct{ Label string }

// Remediation is what to do about a finding.
type Remediation struct{ Recommendation Recommendation }

// Recommendation is a text and where to read more.
type Recommendation struct {
	Text string
	URL  string `json:"Url"`
}

// Resource is what a finding is about.
type Resource struct {
	Type      string
	ID        string `json:"Id"`
	Partition string `json:",omitempty"`
	Region    string `json:",omitempty"`
	Details   Details
}

// Details are those of an access key.
type Details struct{ AwsIamAccessKey KeyDetails }

// KeyDetails are what is known of an access key.
type KeyDetails struct {
	AccessKeyID   string `json:"AccessKeyId"`
	AccountID     string `json:"AccountId"`
	UserName      string
	PrincipalType string
	PrincipalName string
	// Status is left out where it is no longer known.
	Status    string `json:",omitempty"`
	CreatedAt string
}

// Compliance is PASSED or FAILED.
type Compliance struct{ Status string }

// Workflow is what people have made of a finding.
type Workflow struct{ Status string }

// ProviderFields are where a provider says what customers may overrule.
type ProviderFields struct {
	Severity Severity
	Types    []string
}

// GeneratorID is the same in all findings of Sleuth's.
const GeneratorID = "iam-sleuth/access-keys"

// The names of the ProductFields.
const (
	fieldState   = "sleuth/state"
	fieldReason  = "sleuth/reason"
	fieldLimit   = "sleuth/limit" // when the key reaches its limit, RFC 3339
	fieldContent = "sleuth/content"
)

const (
	schemaVersion = "2018-10-08"
	findingType   = "Software and Configuration Checks/AWS Security Best Practices"
	resourceType  = "AwsIamAccessKey"
	active        = "ACTIVE"
	archived      = "ARCHIVED"
	passed        = "PASSED"
	failed        = "FAILED"

	remedy = "Create a new key for the user, put it in this one's place wherever it is in use, then disable this one and delete it. " +
		"A key that nobody uses can be deleted at once."
	readMore = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"
)

// Home is where the findings of one account are.
type Home struct {
	Account   notify.Account
	Partition string // such as aws or aws-us-gov
	Region    string
}

// productARN is that of what an account sends to its own Security Hub.
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-custom-providers.html
func (h Home) productARN() string {
	return "arn:" + h.Partition + ":securityhub:" + h.Region + ":" + h.Account.ID + ":product/" + h.Account.ID + "/default"
}

// idOf names the finding of a key, the same in every run.
func (h Home) idOf(keyID string) string { return "iam-sleuth/" + h.Account.ID + "/" + keyID }

// finding is that of a key which is due at now. It says nothing that changes
// from day to day, so that it is sent again only where something has happened.
func (h Home) finding(row report.Row, rules audit.Rules, now time.Time) Finding {
	f := Finding{
		SchemaVersion: schemaVersion,
		ID:            h.idOf(row.KeyID),
		ProductArn:    h.productARN(),
		ProductName:   "Sleuth",
		GeneratorID:   GeneratorID,
		AwsAccountID:  h.Account.ID,
		Types:         []string{findingType},
		Severity:      severityOf(row.State),
		Title:         titleOf(row),
		Description:   descriptionOf(row),
		Remediation:   Remediation{Recommendation{remedy, readMore}},
		ProductFields: map[string]string{
			fieldState: row.State.String(), fieldReason: row.Reason.String(), fieldLimit: moment(limitOf(row)),
		},
		Resources: []Resource{{
			Type: resourceType, ID: "AWS::IAM::AccessKey:" + row.KeyID, Partition: h.Partition, Region: h.Region,
			Details: Details{KeyDetails{
				AccessKeyID: row.KeyID, AccountID: h.Account.ID, UserName: row.User, PrincipalType: "IAMUser", PrincipalName: row.User,
				Status: string(audit.Active), CreatedAt: moment(row.Created),
			}},
		}},
		Compliance:  Compliance{failed},
		Workflow:    &Workflow{"NEW"},
		RecordState: active,
	}
	f.FindingProviderFields = &ProviderFields{f.Severity, f.Types}
	f.ProductFields[fieldContent] = f.digest()
	f.CreatedAt, f.UpdatedAt = moment(dueSince(row, rules)), moment(now)
	return f
}

// digest tells findings of different content apart, whatever Security Hub makes
// of them.
func (f Finding) digest() string {
	encoded, _ := json.Marshal(f) // texts and maps of texts always encode
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8])
}

// severityOf is AWS's own for keys past their limit; a warning is less.
// https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-3
func severityOf(s audit.State) Severity {
	if s.PastLimit() {
		return Severity{"MEDIUM"}
	}
	return Severity{"LOW"}
}

func titleOf(row report.Row) string {
	is := "nears its limit"
	if row.State.PastLimit() {
		is = "is past its limit"
	}
	return notify.OneLine(fmt.Sprintf("Access key %s of IAM user %s %s due to %s", row.KeyID, row.User, is, row.Reason))
}

func descriptionOf(row report.Row) string {
	since := "It was created on " + notify.Date(row.Created)
	if row.Reason == audit.Inactivity {
		since += " and never used since"
		if row.LastUsed != nil {
			since = "It was last used on " + notify.Date(*row.LastUsed)
		}
	}
	reaches := "reaches its limit on "
	if row.State.PastLimit() {
		reaches = "reached its limit on "
	}
	said := titleOf(row) + ". " + since + ", and " + reaches + notify.Date(limitOf(row)) + "."
	if row.AutoExpire == report.AutoExpireUnreadable {
		said += " The user's KeyAutoExpire tag is unreadable, so that Sleuth does not disable the key."
	}
	return said
}

// limitOf is the limit that the key's state is named for.
func limitOf(row report.Row) time.Time {
	if row.Reason == audit.Inactivity {
		return row.StagnatesAt
	}
	return row.ExpiresAt
}

// dueSince is when the key came past the warning age that its state is named
// for.
func dueSince(row report.Row, rules audit.Rules) time.Time {
	days := rules.ExpirationAge - rules.WarningAge
	if row.Reason == audit.Inactivity {
		days = rules.InactivityAge - rules.InactivityWarningAge
	}
	return limitOf(row).AddDate(0, 0, -days)
}

// keepFor is after how long an unchanged finding is sent again, as Security Hub
// deletes one that was not updated for 90 days.
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings.html
const keepFor = 30 * 24 * time.Hour

// sameAs reports whether what Security Hub has needs no update.
func (f Finding) sameAs(kept Finding, now time.Time) bool {
	updated, err := time.Parse(time.RFC3339, kept.UpdatedAt)
	return err == nil && now.Sub(updated) < keepFor && kept.RecordState == active && kept.ProductFields[fieldContent] == f.ProductFields[fieldContent]
}

// resolved is a finding of a key that nothing has to be done about any more.
func (f Finding) resolved(now time.Time) Finding {
	f.UpdatedAt, f.RecordState, f.Compliance, f.Workflow = moment(now), archived, Compliance{passed}, nil
	f.ProductFields = map[string]string{fieldState: "resolved"}
	if len(f.Resources) > 0 {
		only := f.Resources[0]
		only.Details.AwsIamAccessKey.Status = ""
		f.Resources = []Resource{only}
	}
	return f
}

// key is the key that a finding is about, and its user.
func (f Finding) key() (user, keyID string) {
	if len(f.Resources) == 0 {
		return "", ""
	}
	details := f.Resources[0].Details.AwsIamAccessKey
	return details.UserName, details.AccessKeyID
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
