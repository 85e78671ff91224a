package awsfake

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reportLife is how long a credential report is handed out before IAM makes a
// new one: "Getting credential reports for your AWS account" in the IAM user
// guide.
const reportLife = 4 * time.Hour

// The credential report's words for what it has no value for.
const (
	notApplicable = "N/A"
	noInformation = "no_information"
	notSupported  = "not_supported"
)

const reportColumns = "user,arn,user_creation_time," +
	"password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated," +
	"access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated," +
	"access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"

// report is an account's credential report.
type report struct {
	made    time.Time // zero: there is none
	polls   int       // still to find it in progress
	content []byte
}

func (r *report) expired(now time.Time) bool { return now.Sub(r.made) >= reportLife }

func generateCredentialReport(rq *request, x *xmlWriter) *apiError {
	r := &rq.account.report
	x.openResult()
	switch {
	case r.made.IsZero(), r.polls == 0 && r.expired(rq.now):
		*r = report{made: rq.now, polls: rq.server.reportPolls, content: rq.account.writeReport()}
		x.text("State", "STARTED")
		x.text("Description", "No report exists. Starting a new report generation task")
	case r.polls > 0:
		r.polls--
		x.text("State", "INPROGRESS")
	default:
		x.text("State", "COMPLETE")
	}
	return nil
}

func getCredentialReport(rq *request, x *xmlWriter) *apiError {
	r := &rq.account.report
	switch {
	case r.made.IsZero():
		return fail(http.StatusGone, "ReportNotPresent", "No report exists for this account. Generate one first.")
	case r.polls > 0:
		r.polls--
		return fail(http.StatusNotFound, "ReportInProgress", "The report is being generated.")
	case r.expired(rq.now):
		return fail(http.StatusGone, "ReportExpired", "The report has expired. Generate a new one.")
	}
	x.openResult()
	x.open("Content")
	x.buf = base64.StdEncoding.AppendEncode(x.buf, r.content)
	x.close("Content")
	x.text("ReportFormat", "text/csv")
	x.time("GeneratedTime", r.made)
	return nil
}

// writeReport is the report's text: a row for the root user and one for each
// user, by name.
func (a *Account) writeReport() []byte {
	var out []byte
	out = append(out, reportColumns...)

	root := make([]key, len(a.root.Keys))
	for i, k := range a.root.Keys {
		root[i] = key{
			active: k.Active, created: asInstant(k.Created), lastUsed: asInstant(k.LastUsed),
			lastRotated: asInstant(k.LastRotated), service: k.Service, region: k.Region,
		}
	}
	lastUsed := noInformation
	if !a.root.PasswordLastUsed.IsZero() {
		lastUsed = reportTime(asInstant(a.root.PasswordLastUsed))
	}
	out = appendRow(out, "<root_account>", a.server.arn(serviceIAM, a.id, "root"), reportTime(asInstant(a.root.Created)),
		notSupported, lastUsed, notSupported, notSupported, strconv.FormatBool(a.root.MFA))
	out = appendCertificates(appendKeys(out, root), a.root.Certificates)

	for _, u := range a.inNameOrder() {
		lastUsed, lastChanged := notApplicable, notApplicable
		if u.password {
			lastUsed, lastChanged = noInformation, reportTime(cmp.Or(u.passwordChanged, u.created))
		}
		if u.passwordLastUsed != 0 {
			lastUsed = reportTime(u.passwordLastUsed)
		}
		out = appendRow(out, u.name, u.arn(), reportTime(u.created),
			strconv.FormatBool(u.password), lastUsed, lastChanged, notApplicable, strconv.FormatBool(u.mfa))
		out = appendCertificates(appendKeys(out, u.keys), u.certificates)
	}
	return append(out, '\n')
}

// appendRow begins a row of the report.
func appendRow(out []byte, cells ...string) []byte {
	separator := byte('\n')
	for _, cell := range cells {
		out = append(out, separator)
		if strings.ContainsAny(cell, ",\"\r\n") { // a user name may hold a comma
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		out = append(out, cell...)
		separator = ','
	}
	return out
}

// appendKeys goes on with a row of the report: two access keys.
func appendKeys(out []byte, keys []key) []byte {
	for i := range maxKeysPerUser {
		if i >= len(keys) {
			out = append(out, ",false,N/A,N/A,N/A,N/A"...)
			continue
		}
		k := &keys[i]
		rotated := k.lastRotated
		if rotated == 0 {
			rotated = k.created
		}
		out = append(out, ',')
		out = strconv.AppendBool(out, k.active)
		out = append(out, ',')
		out = append(out, reportTime(rotated)...)
		if k.lastUsed == 0 {
			out = append(out, ",N/A,N/A,N/A"...)
			continue
		}
		for _, cell := range []string{reportTime(k.lastUsed), k.region, k.service} {
			out = append(append(out, ','), cell...)
		}
	}
	return out
}

// appendCertificates ends a row of the report: two certificates.
func appendCertificates(out []byte, certificates []Certificate) []byte {
	for i := range maxCertificatesPerUser {
		if i >= len(certificates) {
			out = append(out, ",false,N/A"...)
			continue
		}
		out = append(out, ',')
		out = strconv.AppendBool(out, certificates[i].Active)
		out = append(out, ',')
		out = append(out, reportTime(asInstant(certificates[i].Rotated))...)
	}
	return out
}

// maxCertificatesPerUser is how many the report has columns for.
const maxCertificatesPerUser = 2

// reportTime is a moment in the report's form, in UTC.
func reportTime(i instant) string { return i.time().Format("2006-01-02T15:04:05+00:00") }
