package report

import (
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/risk"
)

// SARIF is OASIS's format for the results of static analysis, which
// code-scanning pages take:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
// https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Automation  sarifID           `json:"automationDetails"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
	Properties  map[string]any    `json:"properties,omitempty"`
}

type sarifID struct {
	ID string `json:"id"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	URI     string      `json:"informationUri"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Short      sarifText      `json:"shortDescription"`
	Full       sarifText      `json:"fullDescription"`
	Help       sarifText      `json:"help"`
	Default    sarifLevel     `json:"defaultConfiguration"`
	Properties map[string]any `json:"properties"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	End           string              `json:"endTimeUtc,omitempty"`
	Notifications []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Rank         *float64          `json:"rank,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Properties   map[string]any    `json:"properties"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogical struct {
	Name          string `json:"name"`
	QualifiedName string `json:"fullyQualifiedName"`
	Kind          string `json:"kind"`
}

// WriteSARIF writes what is past a warning or a limit as a SARIF log with one
// run. Exempt keys are left out, as code-scanning pages know no suppression.
func WriteSARIF(w io.Writer, tool Tool, reports ...Report) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: toolName, Version: tool.Version, URI: toolURL, Rules: []sarifRule{}}},
		Automation:  sarifID{"sleuth/"},
		Invocations: []sarifInvocation{},
		Results:     []sarifResult{},
	}
	index := map[string]int{}
	for i, rule := range findingRules() {
		index[rule.id] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: rule.id, Name: rule.name, Short: sarifText{rule.short}, Full: sarifText{rule.short + "."}, Help: sarifText{rule.help},
			Default:    sarifLevel{rule.level()},
			Properties: map[string]any{"tags": []string{"security", "aws", "iam"}, "security-severity": rule.severity, "precision": "very-high"},
		})
	}
	for _, f := range findingsIn(reports, false) {
		run.Results = append(run.Results, sarifResult{
			RuleID: f.rule.id, RuleIndex: index[f.rule.id], Level: f.rule.level(), Message: sarifText{literal(f.message)},
			Rank: f.rank(), Locations: []sarifLocation{f.sarifLocation()},
			// GitHub compares the first of these, and nobody else's file is here to make it from.
			Fingerprints: map[string]string{"primaryLocationLineHash": f.fingerprint() + ":1", "sleuthCredential/v1": f.fingerprint()},
			Properties:   f.details,
		})
	}
	for _, r := range reports {
		run.Invocations = append(run.Invocations, r.sarifInvocation())
		if r.Forecast != nil {
			run.Properties = map[string]any{"forecastFor": r.At.Format(time.RFC3339), "forecastAssumes": r.Forecast.Assumes}
		}
	}
	return WriteJSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func (r findingRule) level() string {
	if r.past {
		return "error"
	}
	return "warning"
}

// sarifLocation is where code-scanning pages show the finding. They know only
// files, so it is a path that no repository has.
func (f *finding) sarifLocation() sarifLocation {
	path := "aws/" + url.PathEscape(f.account.ID) + "/iam/users/" + pathSegment(f.user)
	if f.rule.urgent {
		path = "aws/" + url.PathEscape(f.account.ID) + "/iam/root"
	}
	return sarifLocation{
		Physical: sarifPhysical{sarifArtifact{path}, sarifRegion{1}},
		Logical:  []sarifLogical{{Name: onOneLine(f.resource), QualifiedName: onOneLine(f.uid()), Kind: "resource"}},
	}
}

// pathSegment escapes a name for a URI. A name of dots alone would be a step
// upwards.
func pathSegment(name string) string {
	if strings.Trim(name, ".") == "" {
		return strings.ReplaceAll(name, ".", "%2E") + "_"
	}
	return url.PathEscape(name)
}

// literal keeps brackets in a message from being a link.
func literal(message string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(message)
}

func (r Report) sarifInvocation() sarifInvocation {
	made := r.At
	if r.Forecast != nil {
		made = r.Forecast.ReadAt
	}
	invocation := sarifInvocation{Successful: len(r.Problems) == 0, End: made.UTC().Format(time.RFC3339), Notifications: []sarifNotification{}}
	for _, problem := range r.Problems {
		invocation.Notifications = append(invocation.Notifications, sarifNotification{"error", sarifText{literal(r.Account.ID + ": " + onOneLine(problem.Text))}})
	}
	for _, note := range r.Notes {
		invocation.Notifications = append(invocation.Notifications, sarifNotification{"note", sarifText{literal(r.Account.ID + ": " + onOneLine(note))}})
	}
	return invocation
}

// rank is the priority of 100 among the results, by the rule and what the user may
// do; nil if that was not asked for. The rule's severity counts for more.
func (f *finding) rank() *float64 {
	if f.risk == nil {
		return nil
	}
	severity, err := strconv.ParseFloat(f.rule.severity, 64)
	if err != nil {
		return nil
	}
	return new(10*severity + float64(len(risk.Levels())-1-riskRank(f.risk)))
}
