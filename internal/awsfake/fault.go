package awsfake

import (
	"cmp"
	"net/http"
	"regexp"
)

// Fault makes calls go wrong. The first group of fields chooses the calls (""
// matches all), the second which of the matching calls are hit, the third what
// happens to them. A fault with nothing in the third group but Do leaves the
// answer as it is. Calls that the rate limit turns away match no fault; if
// several faults hit one call, each one's Do runs, the first answers, and without
// such a one each one's Rewrite runs.
type Fault struct {
	Service string // iam, sts or sns
	Action  string
	Account string
	User    string
	KeyID   string

	Nth   int // the first matching call to hit, from 1; zero hits every one
	Times int // how many calls to hit; zero is one if Nth is set, else all

	Status      int    // of the answer; if zero, the one usual for Code
	Code        string // of the error
	Message     string
	Body        string // answered as it is, with Status or 200
	Hang        bool   // give no answer until the client gives up
	Drop        bool   // close the connection without an answer
	AfterEffect bool   // do what was asked for first
	// Rewrite changes the text of the real answer, such as to one with a hole.
	Rewrite func(answer string) string
	Do      func() // runs before the call takes effect; may use the server
}

// Inject adds a fault to those in force.
func (s *Server) Inject(f Fault) {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, &armedFault{Fault: f})
}

// ClearFaults ends every fault in force.
func (s *Server) ClearFaults() {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = nil
}

// armedFault is a fault and how many calls it has matched.
type armedFault struct {
	Fault
	matched int
}

// fires counts a call that the fault matches and says whether it is hit.
func (f *armedFault) fires(call *Call) bool {
	matches := func(want, got string) bool { return want == "" || want == got }
	if !matches(f.Service, call.Service) || !matches(f.Action, call.Action) ||
		!matches(f.Account, call.Account) || !matches(f.User, call.User) || !matches(f.KeyID, call.KeyID) {
		return false
	}
	f.matched++
	first, last := f.span()
	return f.matched >= first && (last == 0 || f.matched <= last)
}

// spent says that the fault can hit no more calls.
func (f *armedFault) spent() bool {
	_, last := f.span()
	return last > 0 && f.matched >= last
}

// span is the first and the last matching call to hit; zero means without end.
func (f *armedFault) span() (first, last int) {
	first = max(f.Nth, 1)
	switch {
	case f.Times > 0:
		return first, first + f.Times - 1
	case f.Nth > 0:
		return first, first
	default:
		return first, 0
	}
}

// answers says that the fault takes the place of the real answer.
func (f *Fault) answers() bool {
	return f.Status != 0 || f.Code != "" || f.Body != "" || f.Hang || f.Drop
}

// err is the error that the fault answers with.
func (f *Fault) err() *apiError {
	code, status := f.Code, f.Status
	if code == "" {
		code = "InternalFailure"
		if status == http.StatusServiceUnavailable {
			code = "ServiceUnavailable"
		}
	}
	if status == 0 {
		status = usualStatus(code)
	}
	return &apiError{status: status, code: code, message: cmp.Or(f.Message, "injected fault")}
}

// usualStatus is the HTTP status that AWS gives an error code.
func usualStatus(code string) int {
	switch code {
	case "AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "ExpiredToken",
		"MissingAuthenticationToken", "SignatureDoesNotMatch", "AuthorizationError":
		return http.StatusForbidden
	case "NoSuchEntity", "NotFound":
		return http.StatusNotFound
	case "LimitExceeded", "EntityAlreadyExists", "DeleteConflict", "ConcurrentModification":
		return http.StatusConflict
	case "ReportNotPresent", "ReportExpired":
		return http.StatusGone
	case "ReportInProgress":
		return http.StatusNotFound
	case "InternalFailure", "InternalError", "ServiceFailure":
		return http.StatusInternalServerError
	case "ServiceUnavailable":
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// Without is a Rewrite that leaves out every element of that name.
func Without(element string) func(string) string { return rewrite(element, "") }

// Holding is a Rewrite that puts a text into every element of that name.
func Holding(element, text string) func(string) string {
	var x xmlWriter
	x.text(element, text)
	return rewrite(element, string(x.buf))
}

// rewrite puts markup in the place of every element of that name.
func rewrite(element, markup string) func(string) string {
	whole := regexp.MustCompile(`(?s)<` + regexp.QuoteMeta(element) + `>.*?</` + regexp.QuoteMeta(element) + `>`)
	return func(answer string) string { return whole.ReplaceAllLiteralString(answer, markup) }
}
