package app

import (
	"log/slog"
	"time"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// credentialReportPatience is how long a report waits for AWS to make a credential
// report; the keys are read meanwhile.
const credentialReportPatience = 30 * time.Second

// otherCredentials reads the credentials other than users' access keys, if
// the settings ask for them.
func otherCredentials(cfg config.Config, client inventory.ReportIAM) *inventory.CredentialReport {
	if !cfg.OtherCredentials {
		return nil
	}
	return &inventory.CredentialReport{IAM: client, Sleep: inventory.Sleep, Log: slog.New(slog.DiscardHandler), Patience: credentialReportPatience}
}

// apiKeys lists service-specific credentials, if the settings ask for credentials
// other than access keys.
func apiKeys(cfg config.Config, client inventory.APIKeyIAM) inventory.APIKeyIAM {
	if !cfg.OtherCredentials {
		return nil
	}
	return client
}

// policies reads what users may do, if the settings ask for it.
func policies(cfg config.Config, client inventory.BulkIAM) inventory.BulkIAM {
	if !cfg.Risk {
		return nil
	}
	return client
}

// credentialReport reads only users whose keys may be due, if the settings say so.
func credentialReport(cfg config.Config, client inventory.ReportIAM, log *slog.Logger) *inventory.CredentialReport {
	if !cfg.UseCredentialReport {
		return nil
	}
	return &inventory.CredentialReport{IAM: client, Sleep: inventory.Sleep, Log: log}
}

// lastUses is the credential report as an aid to live reading: it is asked for
// only if the last uses of many keys are to be read.
func lastUses(client inventory.ReportIAM, log *slog.Logger) *inventory.CredentialReport {
	return &inventory.CredentialReport{IAM: client, Sleep: inventory.Sleep, Log: log}
}
