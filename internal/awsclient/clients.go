package awsclient

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// The clients below make the calls that Sleuth makes, and no others. They hold them
// as functions because the linker keeps every method of a type that is put into an
// interface, once a program parses templates: a thousand calls that nobody makes, a
// quarter of the program. See docs/decisions/memory.md.

// call is one call of a service.
type call[In, Out, Options any] func(context.Context, *In, ...func(*Options)) (*Out, error)

// IAM makes calls to IAM.
type IAM struct {
	generateCredentialReport       call[iam.GenerateCredentialReportInput, iam.GenerateCredentialReportOutput, iam.Options]
	getAccessKeyLastUsed           call[iam.GetAccessKeyLastUsedInput, iam.GetAccessKeyLastUsedOutput, iam.Options]
	getAccountAuthorizationDetails call[iam.GetAccountAuthorizationDetailsInput, iam.GetAccountAuthorizationDetailsOutput, iam.Options]
	getCredentialReport            call[iam.GetCredentialReportInput, iam.GetCredentialReportOutput, iam.Options]
	getGroup                       call[iam.GetGroupInput, iam.GetGroupOutput, iam.Options]
	getLoginProfile                call[iam.GetLoginProfileInput, iam.GetLoginProfileOutput, iam.Options]
	listAccessKeys                 call[iam.ListAccessKeysInput, iam.ListAccessKeysOutput, iam.Options]
	listAccountAliases             call[iam.ListAccountAliasesInput, iam.ListAccountAliasesOutput, iam.Options]
	listServiceSpecificCredentials call[iam.ListServiceSpecificCredentialsInput, iam.ListServiceSpecificCredentialsOutput, iam.Options]
	listUserTags                   call[iam.ListUserTagsInput, iam.ListUserTagsOutput, iam.Options]
	listUsers                      call[iam.ListUsersInput, iam.ListUsersOutput, iam.Options]
	simulatePrincipalPolicy        call[iam.SimulatePrincipalPolicyInput, iam.SimulatePrincipalPolicyOutput, iam.Options]
	tagUser                        call[iam.TagUserInput, iam.TagUserOutput, iam.Options]
	updateAccessKey                call[iam.UpdateAccessKeyInput, iam.UpdateAccessKeyOutput, iam.Options]
	deleteAccessKey                call[iam.DeleteAccessKeyInput, iam.DeleteAccessKeyOutput, iam.Options]
}

// NewIAM returns a client.
func NewIAM(cfg aws.Config, options ...func(*iam.Options)) *IAM {
	c := iam.NewFromConfig(cfg, options...)
	return &IAM{
		generateCredentialReport:       c.GenerateCredentialReport,
		getAccessKeyLastUsed:           c.GetAccessKeyLastUsed,
		getAccountAuthorizationDetails: c.GetAccountAuthorizationDetails,
		getCredentialReport:            c.GetCredentialReport,
		getGroup:                       c.GetGroup,
		getLoginProfile:                c.GetLoginProfile,
		listAccessKeys:                 c.ListAccessKeys,
		listAccountAliases:             c.ListAccountAliases,
		listServiceSpecificCredentials: c.ListServiceSpecificCredentials,
		listUserTags:                   c.ListUserTags,
		listUsers:                      c.ListUsers,
		simulatePrincipalPolicy:        c.SimulatePrincipalPolicy,
		tagUser:                        c.TagUser,
		updateAccessKey:                c.UpdateAccessKey,
		deleteAccessKey:                c.DeleteAccessKey,
	}
}

// GenerateCredentialReport makes the call of that name.
func (c *IAM) GenerateCredentialReport(ctx context.Context, in *iam.GenerateCredentialReportInput, options ...func(*iam.Options)) (*iam.GenerateCredentialReportOutput, error) {
	return c.generateCredentialReport(ctx, in, options...)
}

// GetAccessKeyLastUsed makes the call of that name.
func (c *IAM) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput, options ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error) {
	return c.getAccessKeyLastUsed(ctx, in, options...)
}

// GetAccountAuthorizationDetails makes the call of that name.
func (c *IAM) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput, options ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	return c.getAccountAuthorizationDetails(ctx, in, options...)
}

// GetCredentialReport makes the call of that name.
func (c *IAM) GetCredentialReport(ctx context.Context, in *iam.GetCredentialReportInput, options ...func(*iam.Options)) (*iam.GetCredentialReportOutput, error) {
	return c.getCredentialReport(ctx, in, options...)
}

// GetGroup makes the call of that name.
func (c *IAM) GetGroup(ctx context.Context, in *iam.GetGroupInput, options ...func(*iam.Options)) (*iam.GetGroupOutput, error) {
	return c.getGroup(ctx, in, options...)
}

// GetLoginProfile makes the call of that name.
func (c *IAM) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput, options ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error) {
	return c.getLoginProfile(ctx, in, options...)
}

// ListAccessKeys makes the call of that name.
func (c *IAM) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput, options ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error) {
	return c.listAccessKeys(ctx, in, options...)
}

// ListAccountAliases makes the call of that name.
func (c *IAM) ListAccountAliases(ctx context.Context, in *iam.ListAccountAliasesInput, options ...func(*iam.Options)) (*iam.ListAccountAliasesOutput, error) {
	return c.listAccountAliases(ctx, in, options...)
}

// ListServiceSpecificCredentials makes the call of that name.
func (c *IAM) ListServiceSpecificCredentials(ctx context.Context, in *iam.ListServiceSpecificCredentialsInput, options ...func(*iam.Options)) (*iam.ListServiceSpecificCredentialsOutput, error) {
	return c.listServiceSpecificCredentials(ctx, in, options...)
}

// ListUserTags makes the call of that name.
func (c *IAM) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput, options ...func(*iam.Options)) (*iam.ListUserTagsOutput, error) {
	return c.listUserTags(ctx, in, options...)
}

// ListUsers makes the call of that name.
func (c *IAM) ListUsers(ctx context.Context, in *iam.ListUsersInput, options ...func(*iam.Options)) (*iam.ListUsersOutput, error) {
	return c.listUsers(ctx, in, options...)
}

// SimulatePrincipalPolicy makes the call of that name.
func (c *IAM) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput, options ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	return c.simulatePrincipalPolicy(ctx, in, options...)
}

// TagUser makes the call of that name.
func (c *IAM) TagUser(ctx context.Context, in *iam.TagUserInput, options ...func(*iam.Options)) (*iam.TagUserOutput, error) {
	return c.tagUser(ctx, in, options...)
}

// DeleteAccessKey makes the call of that name.
func (c *IAM) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput, options ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error) {
	return c.deleteAccessKey(ctx, in, options...)
}

// UpdateAccessKey makes the call of that name.
func (c *IAM) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput, options ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	return c.updateAccessKey(ctx, in, options...)
}

// DynamoDB makes calls to DynamoDB.
type DynamoDB struct {
	deleteItem call[dynamodb.DeleteItemInput, dynamodb.DeleteItemOutput, dynamodb.Options]
	putItem    call[dynamodb.PutItemInput, dynamodb.PutItemOutput, dynamodb.Options]
	query      call[dynamodb.QueryInput, dynamodb.QueryOutput, dynamodb.Options]
	scan       call[dynamodb.ScanInput, dynamodb.ScanOutput, dynamodb.Options]
}

// NewDynamoDB returns a client.
func NewDynamoDB(cfg aws.Config, options ...func(*dynamodb.Options)) *DynamoDB {
	c := dynamodb.NewFromConfig(cfg, options...)
	return &DynamoDB{
		deleteItem: c.DeleteItem,
		putItem:    c.PutItem,
		query:      c.Query,
		scan:       c.Scan,
	}
}

// DeleteItem makes the call of that name.
func (c *DynamoDB) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, options ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return c.deleteItem(ctx, in, options...)
}

// PutItem makes the call of that name.
func (c *DynamoDB) PutItem(ctx context.Context, in *dynamodb.PutItemInput, options ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return c.putItem(ctx, in, options...)
}

// Query makes the call of that name.
func (c *DynamoDB) Query(ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return c.query(ctx, in, options...)
}

// Scan makes the call of that name.
func (c *DynamoDB) Scan(ctx context.Context, in *dynamodb.ScanInput, options ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return c.scan(ctx, in, options...)
}

// EventBridge makes calls to EventBridge.
type EventBridge struct {
	putEvents call[eventbridge.PutEventsInput, eventbridge.PutEventsOutput, eventbridge.Options]
}

// NewEventBridge returns a client.
func NewEventBridge(cfg aws.Config, options ...func(*eventbridge.Options)) *EventBridge {
	c := eventbridge.NewFromConfig(cfg, options...)
	return &EventBridge{putEvents: c.PutEvents}
}

// PutEvents makes the call of that name.
func (c *EventBridge) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, options ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return c.putEvents(ctx, in, options...)
}

// Organizations makes calls to Organizations.
type Organizations struct {
	describeOrganization             call[organizations.DescribeOrganizationInput, organizations.DescribeOrganizationOutput, organizations.Options]
	listAccounts                     call[organizations.ListAccountsInput, organizations.ListAccountsOutput, organizations.Options]
	listAccountsForParent            call[organizations.ListAccountsForParentInput, organizations.ListAccountsForParentOutput, organizations.Options]
	listOrganizationalUnitsForParent call[organizations.ListOrganizationalUnitsForParentInput, organizations.ListOrganizationalUnitsForParentOutput, organizations.Options]
}

// NewOrganizations returns a client.
func NewOrganizations(cfg aws.Config, options ...func(*organizations.Options)) *Organizations {
	c := organizations.NewFromConfig(cfg, options...)
	return &Organizations{
		describeOrganization:             c.DescribeOrganization,
		listAccounts:                     c.ListAccounts,
		listAccountsForParent:            c.ListAccountsForParent,
		listOrganizationalUnitsForParent: c.ListOrganizationalUnitsForParent,
	}
}

// DescribeOrganization makes the call of that name.
func (c *Organizations) DescribeOrganization(ctx context.Context, in *organizations.DescribeOrganizationInput, options ...func(*organizations.Options)) (*organizations.DescribeOrganizationOutput, error) {
	return c.describeOrganization(ctx, in, options...)
}

// ListAccounts makes the call of that name.
func (c *Organizations) ListAccounts(ctx context.Context, in *organizations.ListAccountsInput, options ...func(*organizations.Options)) (*organizations.ListAccountsOutput, error) {
	return c.listAccounts(ctx, in, options...)
}

// ListAccountsForParent makes the call of that name.
func (c *Organizations) ListAccountsForParent(ctx context.Context, in *organizations.ListAccountsForParentInput, options ...func(*organizations.Options)) (*organizations.ListAccountsForParentOutput, error) {
	return c.listAccountsForParent(ctx, in, options...)
}

// ListOrganizationalUnitsForParent makes the call of that name.
func (c *Organizations) ListOrganizationalUnitsForParent(ctx context.Context, in *organizations.ListOrganizationalUnitsForParentInput, options ...func(*organizations.Options)) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	return c.listOrganizationalUnitsForParent(ctx, in, options...)
}

// SecurityHub makes calls to Security Hub.
type SecurityHub struct {
	batchImportFindings call[securityhub.BatchImportFindingsInput, securityhub.BatchImportFindingsOutput, securityhub.Options]
	getFindings         call[securityhub.GetFindingsInput, securityhub.GetFindingsOutput, securityhub.Options]
}

// NewSecurityHub returns a client.
func NewSecurityHub(cfg aws.Config, options ...func(*securityhub.Options)) *SecurityHub {
	c := securityhub.NewFromConfig(cfg, options...)
	return &SecurityHub{batchImportFindings: c.BatchImportFindings, getFindings: c.GetFindings}
}

// BatchImportFindings makes the call of that name.
func (c *SecurityHub) BatchImportFindings(ctx context.Context, in *securityhub.BatchImportFindingsInput, options ...func(*securityhub.Options)) (*securityhub.BatchImportFindingsOutput, error) {
	return c.batchImportFindings(ctx, in, options...)
}

// GetFindings makes the call of that name.
func (c *SecurityHub) GetFindings(ctx context.Context, in *securityhub.GetFindingsInput, options ...func(*securityhub.Options)) (*securityhub.GetFindingsOutput, error) {
	return c.getFindings(ctx, in, options...)
}

// SES makes calls to SES.
type SES struct {
	sendEmail call[sesv2.SendEmailInput, sesv2.SendEmailOutput, sesv2.Options]
}

// NewSES returns a client.
func NewSES(cfg aws.Config, options ...func(*sesv2.Options)) *SES {
	c := sesv2.NewFromConfig(cfg, options...)
	return &SES{sendEmail: c.SendEmail}
}

// SendEmail makes the call of that name.
func (c *SES) SendEmail(ctx context.Context, in *sesv2.SendEmailInput, options ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error) {
	return c.sendEmail(ctx, in, options...)
}

// SNS makes calls to SNS.
type SNS struct {
	publish call[sns.PublishInput, sns.PublishOutput, sns.Options]
}

// NewSNS returns a client.
func NewSNS(cfg aws.Config, options ...func(*sns.Options)) *SNS {
	c := sns.NewFromConfig(cfg, options...)
	return &SNS{publish: c.Publish}
}

// Publish makes the call of that name.
func (c *SNS) Publish(ctx context.Context, in *sns.PublishInput, options ...func(*sns.Options)) (*sns.PublishOutput, error) {
	return c.publish(ctx, in, options...)
}
