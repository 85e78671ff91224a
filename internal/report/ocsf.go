package report

import (
	"io"
	"time"
)

// ocsfVersion is the version of the Open Cybersecurity Schema Framework that
// findings are written in: https://schema.ocsf.io/1.3.0/classes/compliance_finding
const ocsfVersion = "1.3.0"

// ocsfFinding is an event of OCSF's class Compliance Finding. Its times are
// milliseconds since 1970.
type ocsfFinding struct {
	ActivityID   int            `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	CategoryUID  int            `json:"category_uid"`
	CategoryName string         `json:"category_name"`
	ClassUID     int            `json:"class_uid"`
	ClassName    string         `json:"class_name"`
	TypeUID      int            `json:"type_uid"`
	TypeName     string         `json:"type_name"`
	Time         int64          `json:"time"`
	SeverityID   int            `json:"severity_id"`
	Severity     string         `json:"severity"`
	StatusID     int            `json:"status_id"`
	Status       string         `json:"status"`
	Message      string         `json:"message"`
	Metadata     ocsfMetadata   `json:"metadata"`
	Info         ocsfInfo       `json:"finding_info"`
	Compliance   ocsfCompliance `json:"compliance"`
	Remediation  ocsfText       `json:"remediation"`
	Resources    []ocsfResource `json:"resources"`
	Cloud        ocsfCloud      `json:"cloud"`
	Unmapped     map[string]any `json:"unmapped"`
}

type ocsfMetadata struct {
	Version  string      `json:"version"`
	Profiles []string    `json:"profiles"`
	Product  ocsfProduct `json:"product"`
}

type ocsfProduct struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitempty"`
	URL     string `json:"url_string"`
}

type ocsfInfo struct {
	UID   string   `json:"uid"`
	Title string   `json:"title"`
	Desc  string   `json:"desc"`
	Types []string `json:"types"`
}

type ocsfCompliance struct {
	Control   string   `json:"control"`
	Standards []string `json:"standards"`
	StatusID  int      `json:"status_id"`
	Status    string   `json:"status"`
	Code      string   `json:"status_code"`
	Detail    string   `json:"status_detail"`
}

type ocsfText struct {
	Desc string `json:"desc"`
}

type ocsfResource struct {
	UID   string   `json:"uid"`
	Type  string   `json:"type"`
	Owner ocsfUser `json:"owner"`
}

type ocsfUser struct {
	Name string `json:"name"`
}

type ocsfCloud struct {
	Provider string      `json:"provider"`
	Account  ocsfAccount `json:"account"`
}

type ocsfAccount struct {
	UID    string `json:"uid"`
	Name   string `json:"name,omitempty"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

// WriteOCSF writes what is past a warning or a limit as a JSON array of OCSF
// compliance findings. Exempt keys that would be are in it as suppressed.
func WriteOCSF(w io.Writer, tool Tool, reports ...Report) error {
	events := []ocsfFinding{}
	for _, f := range findingsIn(reports, true) {
		events = append(events, ocsfOf(f, tool))
	}
	return WriteJSON(w, events)
}

func ocsfOf(f finding, tool Tool) ocsfFinding {
	const class, create = 2003, 1
	event := ocsfFinding{
		ActivityID: create, ActivityName: "Create", CategoryUID: class / 1000, CategoryName: "Findings",
		ClassUID: class, ClassName: "Compliance Finding", TypeUID: 100*class + create, TypeName: "Compliance Finding: Create",
		Time: f.made().UnixMilli(), StatusID: 1, Status: "New", Message: f.message,
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Profiles: []string{"cloud"},
			Product: ocsfProduct{Name: toolName, Vendor: toolName, Version: tool.Version, URL: toolURL},
		},
		Info:        ocsfInfo{UID: f.uid(), Title: f.title, Desc: f.message, Types: []string{f.rule.id}},
		Compliance:  ocsfCompliance{Control: f.rule.name, Standards: []string{"Sleuth's rules for credentials"}, StatusID: 3, Status: "Fail", Code: f.state.String(), Detail: f.message},
		Remediation: ocsfText{Desc: f.rule.help},
		Resources:   []ocsfResource{{UID: f.resource, Type: f.kind, Owner: ocsfUser{Name: f.user}}},
		Cloud:       ocsfCloud{Provider: "AWS", Account: ocsfAccount{UID: f.account.ID, Name: f.account.Called(), TypeID: 10, Type: "AWS Account"}},
		Unmapped:    f.details,
	}
	switch {
	case f.rule.urgent || f.rule.past && raised(f.risk):
		event.SeverityID, event.Severity = 5, "Critical"
	case f.rule.past:
		event.SeverityID, event.Severity = 4, "High"
	default:
		event.SeverityID, event.Severity = 3, "Medium"
		event.Compliance.StatusID, event.Compliance.Status = 2, "Warning"
		if raised(f.risk) {
			event.SeverityID, event.Severity = 4, "High"
		}
	}
	if f.exempt {
		event.StatusID, event.Status = 3, "Suppressed"
	}
	if f.forecast != nil {
		event.Unmapped["forecast_for"] = f.at.Format(time.RFC3339)
		event.Unmapped["forecast_assumes"] = f.forecast.Assumes
	}
	return event
}
