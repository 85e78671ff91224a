package securityhub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// GeneratorID is the same in all findings of Sleuth's.
const GeneratorID = "iam-sleuth/access-keys"

// The names of the ProductFields.
const (
	fieldState   = "sleuth/state"
	fieldReason  = "sleuth/reason"
	fieldRule    = "sleuth/rule"  // whose limits these are; missing for the settings
	fieldLimit   = "sleuth/limit" // when the key reaches its limit, RFC 3339
	fieldContent = "sleuth/content"

	fieldService, fieldRegion = "sleuth/last-used-service", "sleuth/last-used-region"
	fieldDescription          = "sleuth/description"
	fieldConsole              = "sleuth/console"
)

const (
	schemaVersion = "2018-10-08"
	findingType   = "Software and Configuration Checks/AWS Security Best Practices"
	resourceType  = "AwsIamAccessKey"

	remedy = "Create a new key for the user, put it in this one's place wherever it is in use, then disable this one and delete it. " +
		"A key that nobody uses can be deleted at once."
	readMore = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html"
)

// Home is where the findings of one account are.
type Home struct {
	Account   account.Account
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
// from day to day, so that it is sent again only if something has happened.
func (h Home) finding(judged audit.Judged, now time.Time) types.AwsSecurityFinding {
	label, kinds := severityOf(judged.Verdict.State), []string{findingType}
	f := types.AwsSecurityFinding{
		SchemaVersion: aws.String(schemaVersion),
		Id:            aws.String(h.idOf(judged.Key.ID)),
		ProductArn:    aws.String(h.productARN()),
		ProductName:   aws.String("Sleuth"),
		GeneratorId:   aws.String(GeneratorID),
		AwsAccountId:  aws.String(h.Account.ID),
		Types:         kinds,
		CreatedAt:     aws.String(moment(dueSince(judged))),
		UpdatedAt:     aws.String(moment(now)),
		Severity:      &types.Severity{Label: label},
		Title:         aws.String(titleOf(judged)),
		Description:   aws.String(descriptionOf(judged)),
		Remediation:   &types.Remediation{Recommendation: &types.Recommendation{Text: aws.String(remedy), Url: aws.String(readMore)}},
		ProductFields: map[string]string{
			fieldState: judged.Verdict.State.String(), fieldReason: reasonOf(judged).String(), fieldLimit: moment(limitOf(judged)),
		},
		Resources:   []types.Resource{h.resource(judged)},
		Compliance:  &types.Compliance{Status: types.ComplianceStatusFailed},
		Workflow:    &types.Workflow{Status: types.WorkflowStatusNew},
		RecordState: types.RecordStateActive,
		// If a provider says what customers may overrule.
		FindingProviderFields: &types.FindingProviderFields{Severity: &types.FindingProviderSeverity{Label: label}, Types: kinds},
	}
	for name, value := range map[string]string{
		fieldService: judged.Key.Service, fieldRegion: judged.Key.Region,
		fieldDescription: text.OneLine(judged.User.Description(judged.Key.ID)), fieldConsole: audit.ConsoleURL(h.Partition, judged.User.Name),
	} {
		if value != "" {
			f.ProductFields[name] = value
		}
	}
	if rule := judged.Verdict.Rule; rule != "" {
		f.ProductFields[fieldRule] = rule
	}
	f.ProductFields[fieldContent] = digest(f)
	return f
}

// resource is the key that a finding is about.
func (h Home) resource(judged audit.Judged) types.Resource {
	return types.Resource{
		Type: aws.String(resourceType), Id: aws.String("AWS::IAM::AccessKey:" + judged.Key.ID),
		Partition: types.Partition(h.Partition), Region: aws.String(h.Region),
		Details: &types.ResourceDetails{AwsIamAccessKey: &types.AwsIamAccessKeyDetails{
			AccessKeyId: aws.String(judged.Key.ID), AccountId: aws.String(h.Account.ID),
			PrincipalType: aws.String("IAMUser"), PrincipalName: aws.String(judged.User.Name),
			UserName: aws.String(judged.User.Name), //nolint:staticcheck // deprecated, and kept for those who filter by it
			Status:   types.AwsIamAccessKeyStatusActive, CreatedAt: aws.String(moment(judged.Key.Created)),
		}},
	}
}

// digest differs between findings of different content, whatever Security Hub makes
// of them. It goes by what differs between keys, runs and versions of Sleuth,
// and not by all of the SDK's type, whose fields differ between its releases.
func digest(f types.AwsSecurityFinding) string {
	key := keyOf(f)
	fields := fmt.Sprintf("%q", []any{
		aws.ToString(f.Title), aws.ToString(f.Description), f.Severity.Label, f.Types, f.ProductFields,
		aws.ToString(f.Remediation.Recommendation.Text), aws.ToString(f.Remediation.Recommendation.Url),
		aws.ToString(key.AccessKeyId), aws.ToString(key.PrincipalName), aws.ToString(key.CreatedAt),
	})
	sum := sha256.Sum256([]byte(fields))
	return hex.EncodeToString(sum[:8])
}

// severityOf is AWS's own for keys past their limit; a warning is less.
// https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-3
func severityOf(s audit.State) types.SeverityLabel {
	if s.PastLimit() {
		return types.SeverityLabelMedium
	}
	return types.SeverityLabelLow
}

func reasonOf(judged audit.Judged) audit.Reason { return judged.Verdict.State.Reason() }

func titleOf(judged audit.Judged) string {
	is := "nears its limit"
	if judged.Verdict.State.PastLimit() {
		is = "is past its limit"
	}
	return text.OneLine(fmt.Sprintf("Access key %s of IAM user %s %s due to %s", judged.Key.ID, judged.User.Name, is, reasonOf(judged)))
}

func descriptionOf(judged audit.Judged) string {
	since := "It was created on " + text.Date(judged.Key.Created)
	if reasonOf(judged) == audit.Inactivity {
		since += " and never used since"
		if !judged.Key.LastUsed.IsZero() {
			since = "It was last used on " + text.Date(judged.Key.LastUsed)
		}
	}
	reaches := "reaches its limit on "
	if judged.Verdict.State.PastLimit() {
		reaches = "reached its limit on "
	}
	description := titleOf(judged) + ". " + since + ", and " + reaches + text.Date(limitOf(judged)) + "."
	if judged.Verdict.Doubt {
		description += " The user's KeyAutoExpire tag is unreadable, so that Sleuth does not disable the key."
	}
	return description
}

// limitOf is the limit that the key's state is named for.
func limitOf(judged audit.Judged) time.Time {
	if reasonOf(judged) == audit.Inactivity {
		return judged.Verdict.IdleLimitAt
	}
	return judged.Verdict.ExpiresAt
}

// dueSince is when the key came past the warning age that its state is named
// for.
func dueSince(judged audit.Judged) time.Time {
	rules := judged.Verdict.Limits
	days := rules.ExpirationAge - rules.WarningAge
	if reasonOf(judged) == audit.Inactivity {
		days = rules.InactivityAge - rules.InactivityWarningAge
	}
	return limitOf(judged).AddDate(0, 0, -days)
}

// keepFor is after how long an unchanged finding is sent again, as Security Hub
// deletes one that was not updated for 90 days.
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings.html
const keepFor = 30 * 24 * time.Hour

// same reports whether the finding that Security Hub has needs no update to f.
func same(f, kept types.AwsSecurityFinding, now time.Time) bool {
	updated, err := time.Parse(time.RFC3339, aws.ToString(kept.UpdatedAt))
	return err == nil && now.Sub(updated) < keepFor && kept.RecordState == types.RecordStateActive &&
		kept.ProductFields[fieldContent] == f.ProductFields[fieldContent]
}

// resolved is a finding, as Security Hub has it, of a key that nothing has to be
// done about any more. It has the fields that Sleuth fills in and no others.
func resolved(kept types.AwsSecurityFinding, now time.Time) types.AwsSecurityFinding {
	f := types.AwsSecurityFinding{
		SchemaVersion: kept.SchemaVersion, Id: kept.Id, ProductArn: kept.ProductArn, ProductName: kept.ProductName,
		GeneratorId: kept.GeneratorId, AwsAccountId: kept.AwsAccountId, Types: kept.Types,
		CreatedAt: kept.CreatedAt, UpdatedAt: aws.String(moment(now)),
		Title: kept.Title, Description: kept.Description, Remediation: kept.Remediation,
		ProductFields: map[string]string{fieldState: "resolved"},
		Compliance:    &types.Compliance{Status: types.ComplianceStatusPassed},
		RecordState:   types.RecordStateArchived,
	}
	if kept.Severity != nil {
		f.Severity = &types.Severity{Label: kept.Severity.Label}
	}
	if kept.FindingProviderFields != nil {
		f.FindingProviderFields = &types.FindingProviderFields{Severity: kept.FindingProviderFields.Severity, Types: kept.FindingProviderFields.Types}
	}
	if len(kept.Resources) > 0 {
		only, key := kept.Resources[0], keyOf(kept)
		key.Status = "" // which is no longer known
		only.Details = &types.ResourceDetails{AwsIamAccessKey: &key}
		f.Resources = []types.Resource{only}
	}
	return f
}

// keyOf is the key that a finding is about; empty if it does not say.
func keyOf(f types.AwsSecurityFinding) types.AwsIamAccessKeyDetails {
	if len(f.Resources) == 0 || f.Resources[0].Details == nil || f.Resources[0].Details.AwsIamAccessKey == nil {
		return types.AwsIamAccessKeyDetails{}
	}
	return *f.Resources[0].Details.AwsIamAccessKey
}

// userAndKey are the names of what a finding is about.
func userAndKey(f types.AwsSecurityFinding) (user, keyID string) {
	key := keyOf(f)
	return aws.ToString(key.PrincipalName), aws.ToString(key.AccessKeyId)
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
