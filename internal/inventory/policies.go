package inventory

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/risk"
)

// ReadPolicies reads what the policies of an account let its users do, by the
// pages of one list. A page is forgotten once its policies are read.
func ReadPolicies(ctx context.Context, from BulkIAM) (*risk.Account, error) {
	in := &iam.GetAccountAuthorizationDetailsInput{
		Filter: []types.EntityType{
			types.EntityTypeUser, types.EntityTypeGroup, types.EntityTypeLocalManagedPolicy, types.EntityTypeAWSManagedPolicy,
		},
		MaxItems: aws.Int32(pageSize),
	}
	found := risk.NewAccount()
	for ends := (pageEnds{}); ; {
		page, err := from.GetAccountAuthorizationDetails(ctx, in)
		if err == nil && page.UserDetailList == nil && page.GroupDetailList == nil && page.Policies == nil {
			err = errNoList
		}
		if err == nil {
			addPolicies(found, page)
			err = ends.check(page.IsTruncated, page.Marker)
		}
		if err != nil {
			return nil, fmt.Errorf("read the policies of users: %w", err)
		}
		if in.Marker = page.Marker; !page.IsTruncated {
			return found, nil
		}
	}
}

// addPolicies takes in a page.
func addPolicies(to *risk.Account, page *iam.GetAccountAuthorizationDetailsOutput) {
	for _, u := range page.UserDetailList {
		to.AddUser(risk.Holder{Name: aws.ToString(u.UserName), Inline: inlinePolicies(u.UserPolicyList), Attached: attached(u.AttachedManagedPolicies), Groups: u.GroupList})
	}
	for _, g := range page.GroupDetailList {
		to.AddGroup(risk.Holder{Name: aws.ToString(g.GroupName), Inline: inlinePolicies(g.GroupPolicyList), Attached: attached(g.AttachedManagedPolicies)})
	}
	for _, p := range page.Policies {
		// Without a version in force the document is empty, and not evaluated.
		document := ""
		for _, version := range p.PolicyVersionList {
			if version.IsDefaultVersion {
				document = decoded(version.Document)
			}
		}
		arn := aws.ToString(p.Arn)
		to.AddPolicy(arn, cmp.Or(aws.ToString(p.PolicyName), arn[strings.LastIndex(arn, "/")+1:]), document)
	}
}

func inlinePolicies(details []types.PolicyDetail) []risk.Policy {
	var policies []risk.Policy
	for _, p := range details {
		policies = append(policies, risk.Policy{Name: aws.ToString(p.PolicyName), Document: decoded(p.PolicyDocument)})
	}
	return policies
}

func attached(policies []types.AttachedPolicy) []string {
	var arns []string
	for _, p := range policies {
		arns = append(arns, aws.ToString(p.PolicyArn))
	}
	return arns
}

// decoded is a document as it was written: IAM encodes it by RFC 3986. What is
// not encoded so is empty, and not evaluated.
func decoded(document *string) string {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return ""
	}
	return text
}
