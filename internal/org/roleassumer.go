package org

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// RoleAssumer opens the accounts: by the role that each has for us, and the
// home account as we are.
type RoleAssumer struct {
	// Home is the connection to the account of our own credentials.
	Home      aws.Config
	HomeID    string
	Partition string // aws, aws-us-gov or aws-cn
	// Role is the role's name, with its path; ExternalID is what it asks for,
	// and may be empty.
	Role, ExternalID string
	// Session names the sessions, for the trail that they leave in CloudTrail:
	// 2 to 64 letters, digits and =,.@-.
	Session string

	sts *sts.Client
}

// NewRoleAssumer returns a RoleAssumer for the accounts of a scope.
func NewRoleAssumer(home aws.Config, homeID, partition string, scope config.Scope, session string) *RoleAssumer {
	return &RoleAssumer{
		Home: home, HomeID: homeID, Partition: partition,
		Role: scope.MemberRole, ExternalID: scope.ExternalID, Session: session,
		sts: sts.NewFromConfig(home),
	}
}

// RoleARN is the ARN of the role in an account.
func (d *RoleAssumer) RoleARN(account string) string {
	return arn.ARN{Partition: d.Partition, Service: "iam", AccountID: account, Resource: "role/" + d.Role}.String()
}

// Assume returns a connection to an account. The role is assumed before Enter
// returns, and again as sessions end.
func (d *RoleAssumer) Assume(ctx context.Context, account string) (aws.Config, error) {
	inside := d.Home.Copy()
	if account == d.HomeID {
		return inside, nil
	}
	role := d.RoleARN(account)
	provider := stscreds.NewAssumeRoleProvider(d.sts, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = d.Session
		if d.ExternalID != "" {
			o.ExternalID = &d.ExternalID
		}
	})
	inside.Credentials = aws.NewCredentialsCache(provider)
	if _, err := inside.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fmt.Errorf("enter account %s: assume %s: %w; check that the role is there, and that it trusts account %s with the SLEUTH_EXTERNAL_ID that is set",
			account, role, err, d.HomeID)
	}
	return inside, nil
}
