package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Scope is what a report covers.
type Scope string

// The values of Scope.
const (
	AllCredentials Scope = "all"
	AccessKeysOnly Scope = "access-keys"
)

// Credential is one credential that is not an access key of a user. Sleuth shows
// it and never changes it. Ages and days left are whole days, times
// UTC.
type Credential struct {
	// Account is set if credentials of several accounts are in one table.
	Account string `json:"-"`

	Kind audit.CredentialKind `json:"kind"`
	// User is its owner; <root_account> for the root user.
	User string `json:"user"`
	// ID and Service name an API key and the service that it opens; ExpiresAt is
	// when it ends by itself, and NeverExpires that it is in use and does not.
	ID           string     `json:"id,omitempty"`
	Service      string     `json:"service,omitempty"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`
	NeverExpires bool       `json:"never_expires,omitempty"`
	// Number distinguishes the two that a user may have of a kind.
	Number int `json:"number,omitempty"`
	// State is what a key of these ages would be; that of an active access key
	// of the root user is expire, whatever its age.
	State audit.State `json:"state"`
	// Urgent ones are to be removed at once.
	Urgent bool         `json:"urgent"`
	Reason audit.Reason `json:"reason,omitempty"`
	// Age is since it was created or last changed; nil if the date is unknown.
	Age *int `json:"age_days"`
	// IdleAge is since its last use, or its last change if no use is known; nil
	// if none can be known, as for certificates.
	IdleAge *int `json:"last_access_age_days"`
	// DaysLeft is nil if no limit applies, and zero for what is urgent.
	DaysLeft *int       `json:"days_left"`
	Changed  *time.Time `json:"changed"`
	LastUsed *time.Time `json:"last_used"`
}

// CredentialsOf evaluates credentials at a moment, and returns those that a report
// names: the urgent first, then by state, the worst first.
func CredentialsOf(all []audit.Credential, rules audit.Rules, at time.Time) []Credential {
	shown := []Credential{}
	for _, c := range all {
		if v := audit.JudgeCredential(c, rules, at); c.Shown(v) {
			shown = append(shown, credentialOf(c, v))
		}
	}
	slices.SortFunc(shown, byUrgency)
	return shown
}

// AddCredentials evaluates more credentials, and adds those that a report names.
func (r *Report) AddCredentials(more []audit.Credential) {
	r.Credentials = append(r.Credentials, CredentialsOf(more, audit.Rules(r.Rules), r.At)...)
	slices.SortFunc(r.Credentials, byUrgency)
}

// byUrgency puts the urgent first, then the worst state.
func byUrgency(a, b Credential) int {
	rank := func(c Credential) int {
		switch {
		case c.Urgent:
			return 0
		case c.State == audit.Disabled:
			return 2 + int(audit.Disabled)
		}
		return 1 + int(audit.Disabled) - int(c.State)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.User, b.User), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number), cmp.Compare(a.ID, b.ID))
}

func credentialOf(c audit.Credential, v audit.Verdict) Credential {
	shown := Credential{Kind: c.Kind, User: c.User, Number: c.Number, State: v.State, Urgent: c.Urgent(), Reason: v.State.Reason()}
	shown.ID, shown.Service, shown.NeverExpires = c.ID, c.Service, c.NeverExpires()
	if !c.Expires.IsZero() {
		shown.ExpiresAt = &c.Expires
	}
	if !c.Changed.IsZero() {
		shown.Changed, shown.Age = &c.Changed, &v.Age
		if c.Kind != audit.SigningCertificate && c.Kind != audit.APIKey {
			shown.IdleAge = &v.IdleAge
		}
	}
	if !c.LastUsed.IsZero() {
		shown.LastUsed, shown.IdleAge = &c.LastUsed, &v.IdleAge
	}
	switch {
	case shown.Urgent:
		none := 0
		shown.DaysLeft, shown.Reason = &none, audit.NoReason
	case v.State != audit.Disabled:
		left := v.ExpiresIn
		if shown.IdleAge != nil {
			left = min(left, v.StagnatesIn)
		}
		shown.DaysLeft = &left
	}
	return shown
}

// Title says in words what the credential is.
func (c Credential) Title() string {
	title := map[audit.CredentialKind]string{
		audit.RootAccessKey: "root access key", audit.ConsolePassword: "console password", audit.SigningCertificate: "signing certificate",
		audit.APIKey: c.service() + " API key",
	}[c.Kind]
	if c.Number > 0 {
		title += " " + strconv.Itoa(c.Number)
	}
	return title
}

// shortTitle is Title for narrow columns.
func (c Credential) shortTitle() string {
	title := map[audit.CredentialKind]string{
		audit.RootAccessKey: "root key", audit.ConsolePassword: "password", audit.SigningCertificate: "certificate",
		audit.APIKey: c.service() + " key",
	}[c.Kind]
	if c.NeverExpires {
		title += ", no end"
	}
	if c.Number > 0 {
		title += " " + strconv.Itoa(c.Number)
	}
	return title
}

// service is the short name of what an API key opens, such as bedrock.
func (c Credential) service() string {
	name, _, _ := strings.Cut(c.Service, ".")
	return onOneLine(name)
}

// ExpiryText is what is known of the end of an API key, for people; "" of other
// credentials.
func (c Credential) ExpiryText() string {
	switch {
	case c.NeverExpires:
		return "never expires"
	case c.ExpiresAt != nil:
		return "expires " + c.ExpiresAt.Format(time.DateOnly)
	}
	return ""
}

// AgeText is the days since it was changed, for people.
func (c Credential) AgeText() string { return numberOrDash(c.Age) }

// IdleText is the days since it was used, for people.
func (c Credential) IdleText() string { return numberOrDash(c.IdleAge) }

// LeftText is the days left, for people.
func (c Credential) LeftText() string { return numberOrDash(c.DaysLeft) }

func numberOrDash(n *int) string {
	if n == nil {
		return unknown
	}
	return strconv.Itoa(*n)
}

// rootWarning is said wherever the root user has an access key in use.
const rootWarning = "The root user has an active access key, which nothing can limit: delete it at once."

// warning returns what needs attention at once; "" if nothing does.
func (r Report) warning() string {
	if slices.ContainsFunc(r.Credentials, func(c Credential) bool { return c.Urgent }) {
		return rootWarning
	}
	return ""
}

// credentialsAsOf says when AWS made the credential report, and which credentials are
// not from it.
func (r Report) credentialsAsOf() string {
	if r.CredentialsAsOf == nil {
		return ""
	}
	said := "As of " + inWords(*r.CredentialsAsOf) + ", when AWS made the credential report"
	if slices.ContainsFunc(r.Credentials, func(c Credential) bool { return c.Kind == audit.APIKey }) {
		said += "; API keys were read with the access keys"
	}
	return said + "."
}

// writeCredentials writes the other credentials and the notes as text, below
// the table of keys. With neither it writes nothing.
func writeCredentials(w io.Writer, r Report, screen Screen) error {
	if len(r.Credentials) > 0 {
		if _, err := fmt.Fprintf(w, "\n%s\n\n", wrapped("Other credentials. "+r.credentialsAsOf(), screen.Width)); err != nil {
			return err
		}
		header, rows := credentialCells(r.Credentials, screen.Width)
		paint := func(i, j int, text string) string {
			if screen.Paint == nil || header[j] != auditColumns[atState].heading {
				return text
			}
			return screen.Paint(r.Credentials[i].State, text)
		}
		if _, err := io.WriteString(w, inColumns(header, rows, paint)); err != nil {
			return err
		}
	}
	if warning := r.warning(); warning != "" {
		if _, err := fmt.Fprintln(w, wrapped(warning, screen.Width)); err != nil {
			return err
		}
	}
	for _, note := range r.Notes {
		if _, err := fmt.Fprintln(w, wrapped("note: "+onOneLine(note), screen.Width)); err != nil {
			return err
		}
	}
	return nil
}

// credentialCells fits the other credentials into a width: if they do not fit,
// ages are left out and users' names cut.
func credentialCells(credentials []Credential, width int) (header []string, rows [][]string) {
	others := gap + 15 + gap // and the widest state
	for _, c := range credentials {
		others = max(others, gap+15+gap+text.StringWidth(c.shortTitle()))
	}
	const ages = gap + 4 + gap + 6
	header = []string{auditColumns[atUser].heading, "Credential", auditColumns[atState].heading}
	withAges := width <= 0 || width >= others+ages+shortNames
	if withAges {
		header = append(header, "Age", "Unused")
	}
	names := 0 // any number
	if width > 0 {
		names = max(narrowest, width-others)
		if withAges {
			names -= ages
		}
	}
	for _, c := range credentials {
		user := onOneLine(c.User)
		if names > 0 {
			user = text.Snip(user, names, "…")
		}
		cells := []string{user, c.shortTitle(), c.State.String()}
		if withAges {
			cells = append(cells, c.AgeText(), c.IdleText())
		}
		rows = append(rows, cells)
	}
	return header, rows
}

// inMarkdown is the title, with the id and the end of an API key.
func (c Credential) inMarkdown() string {
	title := strings.TrimSpace(c.Title() + " " + codeSpan(c.ID))
	if c.Kind == audit.APIKey {
		title = strings.TrimSpace(codeSpan(c.service()) + " API key " + codeSpan(c.ID))
	}
	if expiry := c.ExpiryText(); expiry != "" {
		title += ", " + expiry
	}
	return title
}

func credentialsInMarkdown(out io.Writer, r Report) {
	if len(r.Credentials) > 0 {
		fmt.Fprintf(out, "## Other credentials\n\n%s Sleuth shows them and never changes them.\n\n", r.credentialsAsOf())
		cells := make([][]string, len(r.Credentials))
		for i, c := range r.Credentials {
			state := c.State.String()
			if c.State.PastLimit() {
				state = "**" + state + "**"
			}
			cells[i] = []string{codeSpan(c.User), c.inMarkdown(), state, c.AgeText(), c.IdleText(), c.LeftText()}
		}
		markdownTable(out, []string{"User", "Credential", "State", "Age", "Unused for", "Days left"}, "lllrrr", cells)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "> Note: %s\n\n", codeSpan(note))
	}
}
