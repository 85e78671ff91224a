package org

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
)

// Listing is what one run is to cover, and how, for the invocations that make
// it up.
type Listing struct {
	Members
	// Run is the run's id.
	Run string `json:"run"`
	// Began is when it was asked for (UTC).
	Began time.Time `json:"began"`
	// DryRun: no invocation of the run writes or sends anything.
	DryRun bool `json:"dry_run"`
	// OUs are the units that the accounts were looked for in.
	OUs []string `json:"ous,omitempty"`
	// RuleOUs are the accounts in the units that rules name, as far as they could be
	// read.
	RuleOUs map[string]audit.Members `json:"rule_ous,omitempty"`
}

const (
	// maxListingAge is how long a run's accounts are taken for those that are
	// to be covered.
	maxListingAge = 24 * time.Hour
	// maxClockSkew is how far the clocks of two invocations may differ.
	maxClockSkew = 5 * time.Minute
)

// Check reports why a listing that was read from a bucket is not to be used for
// the run of that id, which is said to have started at a moment. Each account is
// for Scope.Allows to check.
func (l Listing) Check(run string, began, now time.Time, scope config.Scope) error {
	switch age := now.Sub(l.Began); {
	case l.Run != run:
		return fmt.Errorf("it is of run %q", l.Run)
	case !l.Began.Equal(began):
		return errors.New("it says that the run began at another time than the event does")
	case age > maxListingAge:
		return errors.New("it is more than a day old")
	case age < -maxClockSkew:
		return errors.New("it is of a time in the future")
	case !slices.Equal(l.OUs, scope.OUs):
		return errors.New("SLEUTH_OUS was changed since")
	}
	return nil
}
