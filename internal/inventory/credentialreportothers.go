package inventory

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// OtherCredentials are an account's credentials other than users' access keys, as
// its credential report shows them.
type OtherCredentials struct {
	// Made (UTC) is when the report was made: what has changed since, it does
	// not know.
	Made time.Time
	All  []audit.Credential
	// PasswordAlone says of each user whether a password alone, without MFA, opens
	// the console. Users of whom the report does not say are missing.
	PasswordAlone map[string]bool
	// Doubts name what cannot be understood, each on its own.
	Doubts []error
}

// OtherCredentials reads the account's credentials other than users' access keys. The
// error is ErrReportNotThere if IAM took longer than Patience, and IsDenied
// if we are not allowed to ask.
func (c *CredentialReport) OtherCredentials(ctx context.Context) (OtherCredentials, error) {
	text, err := c.get(ctx)
	if err != nil {
		return OtherCredentials{}, err
	}
	others, err := ParseOtherCredentials(text.content)
	others.Made = text.made
	return others, err
}

// IsDenied reports whether AWS does not allow a call.
func IsDenied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
		return true
	}
	return false
}

// ParseOtherCredentials reads the credentials other than users' access keys from a
// credential report. What cannot be understood of one user is a doubt; the
// error says that the report itself cannot be.
func ParseOtherCredentials(text []byte) (OtherCredentials, error) {
	lines := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	header, err := lines.Read()
	if err != nil {
		return OtherCredentials{}, fmt.Errorf("read the credential report's column names: %w", err)
	}
	row := otherRow{at: map[string]int{}}
	for i, name := range header {
		row.at[strings.TrimSpace(name)] = i
	}
	if missing := row.missing(); len(missing) > 0 {
		return OtherCredentials{}, fmt.Errorf("read the credential report: it has no column %s", strings.Join(missing, ", "))
	}
	found := OtherCredentials{PasswordAlone: map[string]bool{}}
	for {
		row.cells, err = lines.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, fmt.Errorf("read the credential report: %w", err)
		}
		row.doubts = nil
		found.All = append(found.All, row.credentials()...)
		if alone, known := row.passwordAlone(); known {
			found.PasswordAlone[strings.Clone(row.cell("user"))] = alone
		}
		if len(row.doubts) > 0 {
			found.Doubts = append(found.Doubts, fmt.Errorf("the credential report's row of user %s: %w", row.cell("user"), errors.Join(row.doubts...)))
		}
	}
}

// otherRow is one row of the report, its cells found by their column's name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
type otherRow struct {
	at     map[string]int
	cells  []string
	doubts []error
}

// twoOfEach is how many access keys and certificates of a user have columns.
const twoOfEach = 2

func (r *otherRow) missing() (names []string) {
	wanted := []string{"user", "password_enabled", "password_last_used", "password_last_changed"}
	for n := 1; n <= twoOfEach; n++ {
		key, cert := fmt.Sprintf("access_key_%d_", n), fmt.Sprintf("cert_%d_", n)
		wanted = append(wanted, key+"active", key+"last_rotated", key+"last_used_date", cert+"active", cert+"last_rotated")
	}
	for _, name := range wanted {
		if _, found := r.at[name]; !found {
			names = append(names, name)
		}
	}
	return names
}

func (r *otherRow) cell(column string) string { return r.cells[r.at[column]] }

// active reads whether there is something in use. Root's password reads
// not_supported.
func (r *otherRow) active(column string) bool {
	active, err := strconv.ParseBool(r.cell(column))
	if err != nil && !saysNothing(r.cell(column)) {
		r.doubts = append(r.doubts, fmt.Errorf("%s: %q is neither true nor false", column, r.cell(column)))
	}
	return active
}

// moment reads a time; zero if the report has none.
func (r *otherRow) moment(column string) time.Time {
	text := r.cell(column)
	if saysNothing(text) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.doubts = append(r.doubts, fmt.Errorf("%s: %q is not a time", column, text))
		return time.Time{}
	}
	if err := checkDate(t, time.Time{}); err != nil {
		r.doubts = append(r.doubts, fmt.Errorf("%s: %w", column, err))
		return time.Time{}
	}
	return t.UTC()
}

// saysNothing reports whether a cell has one of the report's words for no
// value.
func saysNothing(cell string) bool {
	switch cell {
	case notApplicable, "not_supported", "no_information", "":
		return true
	}
	return false
}

// passwordAlone reports whether the user can sign in without MFA, if the row says.
func (r *otherRow) passwordAlone() (alone, known bool) {
	password, err := strconv.ParseBool(r.cell("password_enabled"))
	if err != nil || !password {
		return false, err == nil
	}
	at, found := r.at["mfa_active"]
	if !found {
		return false, false
	}
	mfa, err := strconv.ParseBool(r.cells[at])
	return !mfa, err == nil
}

// credentials returns what the row shows other than access keys. Without a
// date something in use cannot be judged: that is doubt.
func (r *otherRow) credentials() []audit.Credential {
	user := strings.Clone(r.cell("user"))
	var found []audit.Credential
	dated := func(c audit.Credential, column string) {
		if c.Changed.IsZero() && len(r.doubts) == 0 {
			r.doubts = append(r.doubts, fmt.Errorf("%s: there is no date", column))
		}
		if !c.Changed.IsZero() {
			found = append(found, c)
		}
	}
	for n := 1; user == rootUser && n <= twoOfEach; n++ {
		column := fmt.Sprintf("access_key_%d_", n)
		key := audit.Credential{Kind: audit.RootAccessKey, User: audit.RootUser, Number: n,
			Active: r.active(column + "active"), Changed: r.moment(column + "last_rotated"), LastUsed: r.moment(column + "last_used_date")}
		if key.Active || !key.Changed.IsZero() {
			// No date makes a root key less urgent.
			found = append(found, key)
		}
	}
	if user != rootUser && r.active("password_enabled") {
		dated(audit.Credential{Kind: audit.ConsolePassword, User: user, Active: true,
			Changed: r.moment("password_last_changed"), LastUsed: r.moment("password_last_used")}, "password_last_changed")
	}
	for n := 1; n <= twoOfEach; n++ {
		column := fmt.Sprintf("cert_%d_", n)
		if r.active(column + "active") {
			dated(audit.Credential{Kind: audit.SigningCertificate, User: user, Number: n, Active: true,
				Changed: r.moment(column + "last_rotated")}, column+"last_rotated")
		}
	}
	return found
}
