// Package policy says what Sleuth must be allowed to do in AWS: the IAM policy
// with the calls that a run makes under given settings, and no more.
package policy

import (
	"regexp"
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

// Place is where Sleuth is to run. What is left empty may be anything, but for
// the partition: that is told from the region or from the topic, and is aws
// where neither says.
type Place struct {
	Partition string // aws, aws-us-gov or aws-cn
	Account   string // 12 digits
	Region    string // of parameters, secrets and the state table
	// KMSKeys are the ARNs of the customer's own keys that parameters,
	// secrets or the state table are encrypted with.
	KMSKeys []string
}

// ForRun allows what 'sleuth run' calls.
func ForRun(cfg config.Config, place Place) Document {
	place = place.settled(cfg.SNSTopic)
	doc := acting(cfg, place)
	doc.covering(place, cfg.Scope)
	if cfg.ResultsBucket != "" {
		runs := arn.ARN{Partition: place.Partition, Service: "s3", Resource: cfg.ResultsBucket + "/runs/*"}
		doc.allow("KeepResults", runs.String(), "s3:GetObject", "s3:PutObject")
		// Without it S3 does not tell what is not there from what is forbidden.
		bucket := arn.ARN{Partition: place.Partition, Service: "s3", Resource: cfg.ResultsBucket}
		doc.allow("FindResults", bucket.String(), "s3:ListBucket")
	}
	if cfg.SNSTopic != "" {
		doc.allow("PublishNotices", cfg.SNSTopic, "sns:Publish")
	}
	doc.fetching(place, cfg.SlackURL)
	doc.remembering(place, cfg.State, "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")
	doc.decrypting(place)
	return doc
}

// ForMember allows what a run under given settings calls in the accounts that it
// enters by their role.
func ForMember(cfg config.Config, place Place) Document {
	return acting(cfg, place.settled(""))
}

// acting is all that is done in an account whose keys are covered.
func acting(cfg config.Config, place Place) Document {
	doc := reading(place)
	if cfg.ByReport {
		doc.allow("ReadCredentialReport", "*", "iam:GenerateCredentialReport", "iam:GetCredentialReport")
	}
	if cfg.Policy.AutoExpire {
		doc.allow("DisableKeys", place.users(), "iam:UpdateAccessKey")
	}
	return doc
}

// covering is finding and entering other accounts.
func (d *Document) covering(place Place, scope config.Scope) {
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
func ForAudit(place Place) Document { return reading(place.settled("")) }

// ForReactivate allows what 'sleuth reactivate' calls. It is for people, and
// no part of the policy of a run.
func ForReactivate(kept config.StateChoice, place Place) Document {
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

func reading(place Place) Document {
	doc := Document{Version: version}
	// These take no resource, and GetCallerIdentity no permission either: it
	// stands here so that the policy names every call.
	doc.allow("ListUsers", "*", "iam:ListAccountAliases", "iam:ListUsers", "sts:GetCallerIdentity")
	doc.allow("ReadKeys", place.users(), "iam:GetAccessKeyLastUsed", "iam:ListAccessKeys", "iam:ListUserTags")
	return doc
}

func (d *Document) allow(sid, resource string, actions ...string) {
	d.Statement = append(d.Statement, Statement{Sid: sid, Effect: "Allow", Action: actions, Resource: []string{resource}})
}

func (d *Document) fetching(place Place, s config.Secret) {
	switch s.Keeper {
	case config.ParameterStore:
		d.allow("ReadParameters", place.parameter(s.Name), "ssm:GetParameter")
	case config.SecretsManager:
		d.allow("ReadSecrets", place.secret(s.Name), "secretsmanager:GetSecretValue")
	}
}

func (d *Document) remembering(place Place, kept config.StateChoice, actions ...string) {
	if kept.Kind == config.StateDynamoDB {
		d.allow("KeepState", place.arn("dynamodb", "table/"+kept.Name), actions...)
	}
}

// decrypting is what Parameter Store, Secrets Manager and DynamoDB do with a
// customer's key in Sleuth's name.
func (d *Document) decrypting(place Place) {
	if len(place.KMSKeys) > 0 {
		d.Statement = append(d.Statement, Statement{Sid: "Decrypt", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: place.KMSKeys})
	}
}

// settled fills in what was left open.
func (p Place) settled(topic string) Place {
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

// PartitionOf is the partition that a region is in; aws where there is none.
func PartitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	}
	return "aws"
}

func (p Place) arn(service, resource string) string {
	return arn.ARN{Partition: p.Partition, Service: service, Region: p.Region, AccountID: p.Account, Resource: resource}.String()
}

// users are all users, whatever their path. IAM knows no regions.
func (p Place) users() string {
	return arn.ARN{Partition: p.Partition, Service: "iam", AccountID: p.Account, Resource: "user/*"}.String()
}

// versionOrLabel may follow a parameter's name:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
var versionOrLabel = regexp.MustCompile(`:[^:/]+$`)

// parameter is the ARN of a parameter that is named as GetParameter takes it:
// by name or ARN, with a version or label or without.
func (p Place) parameter(name string) string {
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
func (p Place) secret(id string) string {
	if arn.IsARN(id) {
		return id
	}
	return p.arn("secretsmanager", "secret:"+id+"-??????")
}
