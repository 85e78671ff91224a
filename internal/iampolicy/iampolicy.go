// Package iampolicy says what Sleuth must be allowed to do in AWS: the IAM policy
// with the calls that a run makes under given settings, and no more.
package iampolicy

import (
	"net/mail"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// Document is an IAM policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type Document struct {
	Version   string
	Statement []Statement
}

// Statement allows actions on resources.
type Statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// Target is where Sleuth is to run. An empty field may be anything, except for the
// partition: that follows from the region or the topic, and is otherwise aws.
type Target struct {
	Partition string // aws, aws-us-gov or aws-cn
	Account   string // 12 digits
	Region    string // of the function: of its parameters, secrets, table, findings and mail
	// KMSKeys are the ARNs of the customer's own keys that parameters,
	// secrets or the state table are encrypted with.
	KMSKeys []string
	// EvidenceKey is the ARN of the customer's own key that the bucket for
	// evidence encrypts with; empty for none.
	EvidenceKey string
}

// ForRun allows what 'sleuth run' calls.
func ForRun(cfg config.Config, place Target) Document {
	place = place.settled(cfg.Targets.Text("SNS_TOPIC"))
	doc := acting(cfg, place)
	doc.covering(place, cfg.Scope)
	if cfg.ResultsBucket != "" {
		runs := arn.ARN{Partition: place.Partition, Service: "s3", Resource: cfg.ResultsBucket + "/runs/*"}
		doc.allow("KeepResults", runs.String(), "s3:GetObject", "s3:PutObject")
		// Without it S3 gives the same error for a missing and a forbidden object.
		bucket := arn.ARN{Partition: place.Partition, Service: "s3", Resource: cfg.ResultsBucket}
		doc.allow("FindResults", bucket.String(), "s3:ListBucket")
	}
	doc.notifying(place, cfg.Targets)
	doc.proving(place, cfg.Evidence)
	doc.readingUnits(cfg)
	doc.readingRules(place, cfg.RulesFrom)
	doc.fetching(place, cfg.Targets)
	doc.remembering(place, cfg.State, "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:DeleteItem")
	doc.decrypting(place)
	return doc
}

// ForMember allows what a run under given settings calls in the accounts that it
// enters by their role.
func ForMember(cfg config.Config, place Target) Document {
	return acting(cfg, place.settled(""))
}

// acting is all that is done in an account whose keys are covered.
func acting(cfg config.Config, place Target) Document {
	doc := reading(place)
	if cfg.Evidence.IsSet() {
		doc.listingAPIKeys(cfg)
	}
	doc.byRules(place, cfg)
	if cfg.Policy.AutoExpire || cfg.LeakDisables {
		doc.allow("DisableKeys", place.users(), "iam:UpdateAccessKey")
	}
	if cfg.Policy.AutoExpire && cfg.Policy.DeleteAfterDays > 0 {
		doc.allow("DeleteKeys", place.users(), "iam:DeleteAccessKey")
	}
	if cfg.Trace {
		doc.tracing(place)
	}
	if cfg.SecurityHub {
		// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecurityhub.html
		doc.allow("ReadFindings", place.arn("securityhub", "hub/default"), "securityhub:GetFindings")
		doc.allow("KeepFindings", place.arn("securityhub", "product/"+place.Account+"/default"), "securityhub:BatchImportFindings")
	}
	return doc
}

// listingAPIKeys is reading the service-specific credentials of all users, for which
// no resource is known that would narrow it.
func (d *Document) listingAPIKeys(cfg config.Config) {
	if cfg.OtherCredentials {
		d.allow("ListAPIKeys", "*", "iam:ListServiceSpecificCredentials")
	}
}

// byRules is reading what decides in an account which rule is a user's.
func (d *Document) byRules(place Target, cfg config.Config) {
	needs := cfg.RuleNeeds()
	if needs.Passwords {
		d.allow("ReadConsolePasswords", place.users(), "iam:GetLoginProfile")
	}
	if needs.Groups {
		d.allow("ReadGroups", arn.ARN{Partition: place.Partition, Service: "iam", AccountID: place.Account, Resource: "group/*"}.String(), "iam:GetGroup")
	}
}

// readingUnits is finding out which accounts are in the organizational units that
// rules name; covering an organization allows it anyway.
func (d *Document) readingUnits(cfg config.Config) {
	if cfg.RuleNeeds().OUs && !cfg.Scope.Organization {
		d.allow("ReadUnitsOfRules", "*", "organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent")
	}
}

// covering is finding and entering other accounts.
func (d *Document) covering(place Target, scope config.Scope) {
	if !scope.Several() {
		return
	}
	accounts := scope.Accounts
	if scope.Organization {
		// These take no resource that would narrow them.
		d.allow("ListAccounts", "*", "organizations:DescribeOrganization", "organizations:ListAccounts",
			"organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent")
		accounts = []string{"*"}
	}
	entering := Statement{Sid: "EnterAccounts", Effect: "Allow", Action: []string{"sts:AssumeRole"}}
	for _, account := range accounts {
		role := arn.ARN{Partition: place.Partition, Service: "iam", AccountID: account, Resource: "role/" + scope.MemberRole}
		entering.Resource = append(entering.Resource, role.String())
	}
	d.Statement = append(d.Statement, entering)
}

// ForAudit allows what 'sleuth audit' calls, which writes nothing.
func ForAudit(cfg config.Config, place Target) Document {
	place = place.settled("")
	doc := reading(place)
	doc.listingAPIKeys(cfg)
	doc.byRules(place, cfg)
	doc.readingUnits(cfg)
	doc.readingRules(place, cfg.RulesFrom)
	return doc
}

// tracing is looking up who used keys. LookupEvents takes no resource. Only the
// partition aws has regions that an account may or may not have.
func (d *Document) tracing(place Target) {
	d.allow("LookUpCalls", "*", "cloudtrail:LookupEvents")
	if place.Partition == "aws" {
		account := arn.ARN{Partition: place.Partition, Service: "account", AccountID: place.Account, Resource: "account"}
		d.allow("ListRegions", account.String(), "account:ListRegions")
	}
}

// ForTrace allows what 'sleuth trace' calls, which writes nothing.
func ForTrace(kept config.StateChoice, place Target) Document {
	place = place.settled("")
	doc := Document{Version: version}
	doc.allow("KnowAccount", "*", "iam:ListAccountAliases", "sts:GetCallerIdentity")
	doc.allow("ReadKeys", place.users(), "iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUserTags")
	doc.tracing(place)
	doc.remembering(place, kept, "dynamodb:Query", "dynamodb:Scan")
	doc.decrypting(place)
	return doc
}

// ForReactivate allows what 'sleuth reactivate' calls. It is for people, and
// no part of the policy of a run.
func ForReactivate(kept config.StateChoice, place Target) Document {
	place = place.settled("")
	doc := Document{Version: version}
	doc.allow("KnowAccount", "*", "iam:ListAccountAliases", "sts:GetCallerIdentity")
	doc.allow("ReadKeys", place.users(), "iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUserTags")
	doc.allow("EnableKeys", place.users(), "iam:TagUser", "iam:UpdateAccessKey")
	doc.remembering(place, kept, "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")
	doc.decrypting(place)
	return doc
}

// version is that of the policy language.
const version = "2012-10-17"

func reading(place Target) Document {
	doc := Document{Version: version}
	// These take no resource, and GetCallerIdentity no permission either: it
	// stands here so that the policy names every call.
	doc.allow("ListUsers", "*", "iam:GenerateCredentialReport", "iam:GetAccountAuthorizationDetails", "iam:GetCredentialReport", "iam:ListAccountAliases", "iam:ListUsers", "sts:GetCallerIdentity")
	doc.allow("ReadKeys", place.users(), "iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUserTags")
	return doc
}

func (d *Document) allow(sid, resource string, actions ...string) {
	d.Statement = append(d.Statement, Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: []string{resource}})
}

// notifying is delivering messages through AWS.
func (d *Document) notifying(place Target, targets config.Targets) {
	for _, channel := range config.DeclaredChannels() {
		if channel.Action != "" && targets.Has(channel.Variable) {
			d.allowOnAll(channel.Sid, place.resources(targets.Text(channel.Variable)), channel.Action)
		}
	}
}

// resources are what a channel's setting names: a resource by its ARN, or a mail
// address. For that SES asks for the identity that it has verified, which is the
// address or its domain:
// https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
func (p Target) resources(target string) []string {
	if arn.IsARN(target) {
		return []string{target}
	}
	from, err := mail.ParseAddress(target)
	if err != nil {
		return nil // nobody is written to: a sender is checked with the settings
	}
	domain := from.Address[strings.LastIndex(from.Address, "@")+1:]
	return []string{p.arn("ses", "identity/"+literally(from.Address)), p.arn("ses", "identity/"+literally(domain))}
}

// proving is leaving evidence in a bucket.
func (d *Document) proving(place Target, evidence config.Evidence) {
	if evidence.Bucket == "" {
		return
	}
	objects := arn.ARN{Partition: place.Partition, Service: "s3", Resource: literally(path.Join(evidence.Bucket, evidence.Prefix)) + "/*"}
	d.allow("KeepEvidence", objects.String(), "s3:PutObject")
	if place.EvidenceKey != "" {
		d.allow("EncryptEvidence", place.EvidenceKey, "kms:GenerateDataKey")
	}
}

// readingRules is fetching rules from where they are kept.
func (d *Document) readingRules(place Target, rules config.RulesSource) {
	switch rules.Kind {
	case config.RulesParameter:
		d.allow("ReadRules", place.parameter(rules.Name), "ssm:GetParameter")
	case config.RulesObject:
		object := arn.ARN{Partition: place.Partition, Service: "s3", Resource: literally(rules.Name)}
		d.allow("ReadRules", object.String(), "s3:GetObject")
	}
}

// literally is a text in which IAM finds no wildcard and no variable:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func literally(text string) string {
	return strings.NewReplacer("$", "${$}", "*", "${*}", "?", "${?}").Replace(text)
}

// fetching is reading secrets from where they are kept.
func (d *Document) fetching(place Target, targets config.Targets) {
	var parameters, secrets []string
	for _, s := range targets {
		switch s.Source {
		case config.ParameterStore:
			parameters = append(parameters, place.parameter(s.Name))
		case config.SecretsManager:
			secrets = append(secrets, place.secret(s.Name))
		}
	}
	d.allowOnAll("ReadParameters", parameters, "ssm:GetParameter")
	d.allowOnAll("ReadSecrets", secrets, "secretsmanager:GetSecretValue")
}

// allowOnAll allows actions on resources, each named once; on none it allows
// nothing.
func (d *Document) allowOnAll(sid string, resources []string, actions ...string) {
	if len(resources) == 0 {
		return
	}
	slices.Sort(resources)
	d.Statement = append(d.Statement, Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: slices.Compact(resources)})
}

func (d *Document) remembering(place Target, kept config.StateChoice, actions ...string) {
	if kept.Kind == config.StateDynamoDB {
		d.allow("KeepState", place.arn("dynamodb", "table/"+kept.Name), actions...)
	}
}

// decrypting is what Parameter Store, Secrets Manager and DynamoDB do with a
// customer's key in Sleuth's name.
func (d *Document) decrypting(place Target) {
	d.allowOnAll("Decrypt", slices.Clone(place.KMSKeys), "kms:Decrypt")
}

// settled fills in what was left open.
func (p Target) settled(topic string) Target {
	if p.Partition == "" {
		p.Partition = PartitionOf(p.Region)
		if named, err := arn.Parse(topic); err == nil {
			p.Partition = named.Partition
		}
	}
	if p.Account == "" {
		p.Account = "*"
	}
	if p.Region == "" {
		p.Region = "*"
	}
	return p
}

// PartitionOf is the partition that a region is in; aws if there is none.
func PartitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	}
	return "aws"
}

func (p Target) arn(service, resource string) string {
	return arn.ARN{Partition: p.Partition, Service: service, Region: p.Region, AccountID: p.Account, Resource: resource}.String()
}

// users are all users, whatever their path. IAM knows no regions.
func (p Target) users() string {
	return arn.ARN{Partition: p.Partition, Service: "iam", AccountID: p.Account, Resource: "user/*"}.String()
}

// versionOrLabel may follow a parameter's name:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
var versionOrLabel = regexp.MustCompile(`:[^:/]+$`)

// parameter is the ARN of a parameter that is named as GetParameter takes it:
// by name or ARN, with a version or label or without.
func (p Target) parameter(name string) string {
	if given, err := arn.Parse(name); err == nil {
		given.Resource = versionOrLabel.ReplaceAllString(given.Resource, "")
		return given.String()
	}
	name = versionOrLabel.ReplaceAllString(name, "")
	return p.arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
}

// secret is the ARN of a secret that is named as GetSecretValue takes it.
// Secrets Manager puts a hyphen and six characters behind the name:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
func (p Target) secret(id string) string {
	if arn.IsARN(id) {
		return id
	}
	return p.arn("secretsmanager", "secret:"+id+"-??????")
}
