package cli

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// iamPolicyCommand prints what Sleuth must be allowed to do.
type iamPolicyCommand struct {
	config.Settings
	For         string   `default:"run" enum:"run,audit,trace,reactivate,member" help:"The command to allow: ${enum}; member is what SLEUTH_MEMBER_ROLE needs in each account."`
	Partition   string   `default:"" enum:",aws,aws-us-gov,aws-cn" placeholder:"NAME" help:"Partition of AWS: aws, aws-us-gov or aws-cn. Default: that of the region or the topic."`
	Account     string   `placeholder:"ID" help:"Account, 12 digits. Default: any."`
	Region      string   `placeholder:"NAME" help:"Region of parameters, secrets, the state table, findings and mail. Default: any."`
	KMSKey      []string `name:"kms-key" placeholder:"ARN" help:"Your own KMS key that parameters, secrets or the state table are encrypted with."`
	EvidenceKey string   `name:"evidence-kms-key" placeholder:"ARN" help:"Your own KMS key that the bucket in SLEUTH_EVIDENCE encrypts with."`
}

// Run implements the command.
func (c *iamPolicyCommand) Run(a *console) error {
	cfg, err := config.UnknownVariables(a.env).With(config.Check(c.Settings, config.StateChoice{Kind: config.StateNone}))
	if err := errors.Join(c.checkTargets(), err); err != nil {
		return &statusError{exitUsage, err}
	}
	place := iampolicy.Target{Partition: c.Partition, Account: c.Account, Region: c.Region, KMSKeys: c.KMSKey, EvidenceKey: c.EvidenceKey}
	doc := iampolicy.ForRun(cfg, place)
	switch c.For {
	case "audit":
		doc = iampolicy.ForAudit(cfg, place)
	case "trace":
		doc = iampolicy.ForTrace(cfg.State, place)
	case "member":
		doc = iampolicy.ForMember(cfg, place)
	case "reactivate":
		doc = iampolicy.ForReactivate(cfg.State, place)
	}
	return report.WriteJSON(a.data, doc)
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

func (c *iamPolicyCommand) checkTargets() error {
	if c.Account != "" && !accountID.MatchString(c.Account) {
		return fmt.Errorf("--account=%q: must be 12 digits", c.Account)
	}
	for _, key := range c.KMSKey {
		if !isKey(key) {
			return fmt.Errorf("--kms-key=%q: must be the ARN of a KMS key", key)
		}
	}
	if c.EvidenceKey != "" && !isKey(c.EvidenceKey) {
		return fmt.Errorf("--evidence-kms-key=%q: must be the ARN of a KMS key", c.EvidenceKey)
	}
	return nil
}

func isKey(text string) bool {
	named, err := arn.Parse(text)
	return err == nil && named.Service == "kms"
}
