package sns

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

var (
	partition = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	region    = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	topicName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

const maxTopicName = 256

const fifo = ".fifo"

// RegionOf checks the ARN of a topic, in any partition, and returns the region
// that it lies in, which is where to publish to it.
func RegionOf(topic string) (string, error) {
	a, err := arn.Parse(topic)
	if err != nil {
		return "", fmt.Errorf("sns topic %q: not an ARN, such as arn:aws:sns:us-east-1:123456789012:name", topic)
	}
	name := strings.TrimSuffix(a.Resource, fifo)
	switch {
	case !partition.MatchString(a.Partition):
		return "", fmt.Errorf("sns topic %q: unknown partition %q", topic, a.Partition)
	case a.Service != "sns":
		return "", fmt.Errorf("sns topic %q: the ARN is of service %q, not sns", topic, a.Service)
	case !region.MatchString(a.Region):
		return "", fmt.Errorf("sns topic %q: %q is not a region", topic, a.Region)
	case !accountID.MatchString(a.AccountID):
		return "", fmt.Errorf("sns topic %q: %q is not an account id of 12 digits", topic, a.AccountID)
	case strings.Contains(name, ":"):
		return "", fmt.Errorf("sns topic %q: the ARN is of a subscription, not of a topic", topic)
	case len(name) > maxTopicName || !topicName.MatchString(name):
		return "", fmt.Errorf("sns topic %q: %q is not the name of a topic", topic, a.Resource)
	}
	return a.Region, nil
}
