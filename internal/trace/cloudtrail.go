package trace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsaccount "github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/callers"
)

// CloudTrail is the Cloud of an account that we are connected to.
type CloudTrail struct {
	config    aws.Config
	partition string

	mu      sync.Mutex
	lookups map[string]lookup // by region
}

// lookup is the one call of CloudTrail that is made. A client in its place would
// bring the others into the program, see docs/decisions/memory.md.
type lookup func(context.Context, *cloudtrail.LookupEventsInput, ...func(*cloudtrail.Options)) (*cloudtrail.LookupEventsOutput, error)

// NewCloudTrail returns the CloudTrail of an account in a partition of AWS.
func NewCloudTrail(config aws.Config, partition string) *CloudTrail {
	return &CloudTrail{config: config, partition: partition, lookups: map[string]lookup{}}
}

// Global implements Cloud.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events
func (c *CloudTrail) Global() string {
	switch c.partition {
	case "aws-us-gov":
		return "us-gov-west-1"
	case "aws-cn":
		return "cn-north-1"
	}
	return "us-east-1"
}

// everywhere are the regions of a partition that every account has.
func everywhere(partition string) []string {
	switch partition {
	case "aws-us-gov":
		return []string{"us-gov-east-1", "us-gov-west-1"}
	case "aws-cn":
		return []string{"cn-north-1", "cn-northwest-1"}
	}
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1",
		"us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}

// Regions implements Cloud. Only the partition aws has regions that an account
// may or may not have. account:ListRegions is asked rather than
// ec2:DescribeRegions, as it can be allowed for the account alone, and says
// nothing else.
func (c *CloudTrail) Regions(ctx context.Context) ([]string, error) {
	known := everywhere(c.partition)
	if c.Global() != "us-east-1" {
		return known, nil
	}
	list := awsaccount.NewFromConfig(c.config).ListRegions
	in := &awsaccount.ListRegionsInput{
		RegionOptStatusContains: []accounttypes.RegionOptStatus{accounttypes.RegionOptStatusEnabled, accounttypes.RegionOptStatusEnabledByDefault},
	}
	var regions []string
	for more := true; more; more = aws.ToString(in.NextToken) != "" {
		page, err := list(ctx, in)
		if err != nil {
			return known, err
		}
		for _, r := range page.Regions {
			if name := aws.ToString(r.RegionName); regionName.MatchString(name) {
				regions = append(regions, name)
			}
		}
		in.NextToken = page.NextToken
	}
	if len(regions) == 0 {
		return known, errors.New("AWS answers with no region")
	}
	return regions, nil
}

// Lookup implements Cloud.
func (c *CloudTrail) Lookup(ctx context.Context, region, keyID string, since time.Time, next string) (Page, error) {
	in := &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyAccessKeyId, AttributeValue: &keyID}},
		StartTime:        &since,
	}
	if next != "" {
		in.NextToken = &next
	}
	out, err := c.lookupIn(region)(ctx, in)
	if err != nil {
		return Page{}, fmt.Errorf("in region %s: %w", region, err)
	}
	page := Page{Next: aws.ToString(out.NextToken), Events: make([]callers.Event, 0, len(out.Events))}
	for _, e := range out.Events {
		page.Events = append(page.Events, callers.Parse(aws.ToString(e.CloudTrailEvent), aws.ToTime(e.EventTime)))
	}
	return page, nil
}

func (c *CloudTrail) lookupIn(region string) lookup {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lookups[region] == nil {
		c.lookups[region] = cloudtrail.NewFromConfig(c.config, func(o *cloudtrail.Options) { o.Region = region }).LookupEvents
	}
	return c.lookups[region]
}

// Denied implements Cloud. A region that is not enabled does not know our
// credentials.
func (c *CloudTrail) Denied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired":
		return true
	}
	return false
}
