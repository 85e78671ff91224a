package app

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
)

// withRules returns the settings with the rules that are kept in AWS. If they
// cannot be read or used, nothing is done: the error of the latter is
// config.Problems.
func withRules(ctx context.Context, cfg config.Config, home aws.Config) (config.Config, error) {
	if !cfg.RulesFrom.IsRemote() {
		return cfg, nil
	}
	text, err := rulesText(ctx, cfg.RulesFrom, home)
	if err != nil {
		return cfg, fmt.Errorf("read the rules in %s: %w", cfg.RulesFrom, err)
	}
	cfg, problems := cfg.WithRules(text)
	if len(problems) > 0 {
		return cfg, problems
	}
	return cfg, nil
}

// unitsOfRules returns the rules with the accounts of the organizational units that
// they name, which are read once for all accounts. The errors say which units could not
// be read.
func unitsOfRules(ctx context.Context, rules audit.UserRules, home aws.Config) (audit.UserRules, []error) {
	units := rules.OUsIn("")
	if len(units) == 0 {
		return rules, nil
	}
	var errs []error
	rules.OUs, errs = org.AccountsInUnits(ctx, awsclient.NewOrganizations(home), units)
	return rules, errs
}

// listedUnits is unitsOfRules from the listing of a run of several steps.
func listedUnits(rules audit.UserRules, listing org.Listing) (audit.UserRules, []error) {
	rules.OUs = listing.RuleOUs
	var errs []error
	for _, unit := range rules.OUsIn("") {
		if rules.OUs[unit] == nil {
			errs = append(errs, fmt.Errorf("the list of run %s does not have the accounts of the unit %s", listing.Run, unit))
		}
	}
	return rules, errs
}

// maxRules is the longest text that is taken for rules, in bytes.
const maxRules = 1 << 20

func rulesText(ctx context.Context, from config.RulesSource, home aws.Config) (string, error) {
	if from.Kind == config.RulesParameter {
		value, err := awsclient.Fetchers(home)[config.ParameterStore](ctx, from.Name)
		return value.Reveal(), err
	}
	bucket, key := from.Bucket()
	object, err := s3.NewFromConfig(home, usePathStyle).GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer func() { _ = object.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(object.Body, maxRules+1))
	if err == nil && len(text) > maxRules {
		err = fmt.Errorf("they are longer than %d bytes", maxRules)
	}
	return string(text), err
}
