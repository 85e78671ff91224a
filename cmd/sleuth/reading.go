package main

import (
	"log/slog"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// credentialReport narrows the reading where the settings ask for it.
func credentialReport(cfg config.Config, client inventory.ReportIAM, log *slog.Logger) *inventory.CredentialReport {
	if !cfg.ByReport {
		return nil
	}
	return &inventory.CredentialReport{IAM: client, Sleep: inventory.Sleep, Log: log}
}
