// Package awsclient connects to AWS: credentials, retries, and who we are there.
package awsclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/ratelimit"
)

const (
	// attemptTimeout bounds one attempt, so that an answer that never comes
	// costs a retry and not the run.
	attemptTimeout = 30 * time.Second
	// firstAttempts is how often the first call is tried: one that does not get
	// through means wrong settings rather than a transient failure.
	firstAttempts = 4
	// fallbackRegion is used if none is set: IAM has one endpoint in the
	// partition, whatever the region.
	fallbackRegion = "us-east-1"
)

// Connect loads credentials, region and endpoint as every AWS tool does.
// Concurrency is how many calls will be under way at once.
func Connect(ctx context.Context, concurrency int) (aws.Config, error) {
	if err := checkPair(os.Getenv); err != nil {
		return aws.Config{}, err
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithHTTPClient(httpClient(concurrency)),
		awsconfig.WithRetryer(newRetryer),
		awsconfig.WithDefaultRegion(fallbackRegion),
		// What the SDK has to say of its own comes back in its errors.
		awsconfig.WithLogger(logging.Nop{}),
		awsconfig.WithAPIOptions(apiOptions()),
	)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS settings: %w; check AWS_PROFILE, and the files of the AWS CLI", err)
	}
	return cfg, nil
}

// checkPair returns an error if the environment has half a pair of credentials,
// which the SDK ignores for those of another place. The second names are the
// SDK's too.
func checkPair(getenv func(string) string) error {
	key, secret := cmp.Or(getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_ACCESS_KEY")), cmp.Or(getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SECRET_KEY"))
	has, lacks := "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
	switch {
	case (key == "") == (secret == ""):
		return nil
	case key == "":
		has, lacks = lacks, has
	}
	return fmt.Errorf("find AWS credentials: %s is set without %s; set both, or neither", has, lacks)
}

// ConnectTo speaks to the AWS at one address with the given credentials and no
// others, whatever the environment says.
func ConnectTo(endpoint, accessKeyID, secretAccessKey string, concurrency int) aws.Config {
	return aws.Config{
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secretAccessKey, ""),
		Region:       fallbackRegion,
		HTTPClient:   httpClient(concurrency),
		Retryer:      newRetryer,
		APIOptions:   apiOptions(),
	}
}

func apiOptions() []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{refuseForeignAnswers, readBodiesPlainly}
}

func httpClient(concurrency int) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(attemptTimeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 2*concurrency, 2*concurrency
	})
}

// newRetryer is called once a client, so that all calls to one service of one
// account slow down together.
func newRetryer() aws.Retryer { return ratelimit.NewRetryer() }

// Identity is who we are in AWS.
type Identity struct {
	Account account.Account
	// Partition is aws, aws-us-gov or aws-cn.
	Partition string
	// PrincipalARN is the user or role that policies are attached to.
	PrincipalARN string
	// AccessKeyID is the key that we sign with. It may be an IAM user's own.
	AccessKeyID string
	// OwnKeys are the ids of the keys that we run with: the one we sign with,
	// the static ones of the environment and of the profile's whole source
	// chain, and, for a user's session, those of the user.
	OwnKeys []string
}

var errNoCredentials = errors.New("there are none in the environment, in AWS's files or of this machine")

// Identify asks AWS who we are. An alias that cannot be read is not an error:
// it is left out, and aliasErr says why.
func Identify(ctx context.Context, cfg aws.Config) (id Identity, aliasErr, err error) {
	signer, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		if strings.Contains(err.Error(), "no EC2 IMDS role found") { // the last place the SDK looks in
			err = errNoCredentials
		}
		return Identity{}, nil, fmt.Errorf("find AWS credentials: %w; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is given", err)
	}
	caller, err := sts.NewFromConfig(cfg, func(o *sts.Options) { o.RetryMaxAttempts = firstAttempts }).
		GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, nil, fmt.Errorf("ask AWS which account this is: %w", err)
	}
	id.AccessKeyID = signer.AccessKeyID
	id.Account.ID = aws.ToString(caller.Account)
	if id.Account.ID == "" {
		return Identity{}, nil, errors.New("ask AWS which account this is: the answer does not say; check AWS_ENDPOINT_URL")
	}
	if parts := strings.Split(aws.ToString(caller.Arn), ":"); len(parts) > 1 {
		id.Partition = parts[1]
	}
	id.PrincipalARN = principalOf(aws.ToString(caller.Arn))
	client := NewIAM(cfg)
	if id.OwnKeys, err = ownKeys(ctx, cfg, id.AccessKeyID, id.PrincipalARN); err != nil {
		return Identity{}, nil, err
	}
	aliases, err := client.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})
	if err != nil {
		return id, fmt.Errorf("read the account's alias: %w", err), nil
	}
	if len(aliases.AccountAliases) > 0 {
		id.Account.Alias = aliases.AccountAliases[0]
	}
	return id, nil, nil
}

// principalOf turns the ARN of an assumed role's session into the role's own,
// and leaves that of a user alone.
func principalOf(caller string) string {
	head, session, found := strings.Cut(caller, ":assumed-role/")
	if !found {
		return caller
	}
	role, _, _ := strings.Cut(session, "/")
	return strings.Replace(head, ":sts:", ":iam:", 1) + ":role/" + role
}
