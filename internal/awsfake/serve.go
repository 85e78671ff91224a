package awsfake

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The services, as a signature's credential scope names them.
const (
	serviceIAM = "iam"
	serviceSTS = "sts"
	serviceSNS = "sns"

	serviceOrganizations = "organizations"
)

// maxRequest is well above what any action served here takes.
const maxRequest = 1 << 20

// api is a version of a service's query API, or of one that speaks JSON.
type api struct {
	service   string
	version   string
	namespace string
	actions   map[string]action
	json      bool
}

// action does what one call asks for and writes its result. The server is
// locked while it runs.
type action func(rq *request, x *xmlWriter) *apiError

// servedAPIs is every API that the server has.
func servedAPIs() []*api {
	return []*api{
		{service: serviceIAM, version: "2010-05-08", namespace: "https://iam.amazonaws.com/doc/2010-05-08/", actions: iamActions()},
		{service: serviceSTS, version: "2011-06-15", namespace: "https://sts.amazonaws.com/doc/2011-06-15/", actions: stsActions()},
		{service: serviceSNS, version: "2010-03-31", namespace: "http://sns.amazonaws.com/doc/2010-03-31/", actions: snsActions()},
		{service: serviceSES, version: "2019-09-27", actions: sesActions(), json: true},
		{service: serviceOrganizations, version: "2016-11-28", actions: organizationsActions(), json: true},
		{service: serviceEvents, version: "2015-10-07", actions: eventsActions(), json: true},
		{service: serviceCloudTrail, version: "2013-11-01", actions: cloudTrailActions(), json: true},
		{service: serviceAccount, version: "2021-02-01", actions: accountActions(), json: true},
		{service: serviceSecurityHub, version: "2018-10-26", actions: securityHubActions(), json: true},
	}
}

// request is one call, as an action sees it.
type request struct {
	server  *Server
	account *Account
	caller  caller
	region  string
	params  url.Values
	now     time.Time
}

// apiError is an error as AWS answers it.
type apiError struct {
	status  int
	code    string
	message string
}

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	params, err := readParams(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	keyID, region, service := credentialScope(r.Header.Get("Authorization"))
	api := s.findAPI(service, params.Get("Version"))

	call := &Call{
		Service:     cmp.Or(api.service, service),
		Action:      params.Get("Action"),
		AccessKeyID: keyID,
		Region:      region,
		User:        params.Get("UserName"),
		KeyID:       params.Get("AccessKeyId"),
		Params:      params,
	}
	caller, refusal := s.identify(keyID, call)

	latency, throttled, faults := s.traffic.begin(call, time.Now())
	status, code := 0, ""
	defer func() { s.traffic.end(call, status, code) }()

	if !s.pause(r.Context(), latency) {
		panic(http.ErrAbortHandler)
	}
	x := s.writers.Get().(*xmlWriter)
	defer s.writers.Put(x)
	x.start(api, call)

	if throttled {
		refusal = fail(http.StatusBadRequest, "Throttling", "Rate exceeded")
	}
	fault := s.apply(faults, func() {
		refusal = s.perform(api, caller, region, call, x)
	}, refusal != nil)
	switch {
	case fault == nil:
	case fault.Hang:
		s.hang(r.Context())
		panic(http.ErrAbortHandler)
	case fault.Drop:
		panic(http.ErrAbortHandler)
	case fault.Body != "":
		status = cmp.Or(fault.Status, http.StatusOK)
		code = fault.Code
		x.raw(fault.Body)
	default:
		refusal = fault.err()
	}

	if status == 0 && refusal != nil {
		status, code = refusal.status, refusal.code
		if api.json {
			x.failInJSON(refusal)
		} else {
			x.fail(api, call, refusal)
		}
	}
	if status == 0 {
		status = http.StatusOK
		if !api.json {
			x.finish(call)
		}
		for _, f := range faults {
			if f.Rewrite != nil {
				x.raw(f.Rewrite(string(x.buf)))
			}
		}
	}
	header := w.Header()
	header.Set("Content-Type", "text/xml")
	if api.json {
		header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	header.Set("Content-Length", strconv.Itoa(len(x.buf)))
	header.Set("X-Amzn-Requestid", requestID(call.Seq))
	w.WriteHeader(status)
	_, _ = w.Write(x.buf) // the client may have gone, which is not an error of the server
}

// apply runs the hooks of the faults that hit a call and lets it take effect
// unless it is refused or a fault keeps it from that. It returns the fault
// that answers, if one does.
func (s *Server) apply(faults []Fault, effect func(), refused bool) *Fault {
	var answering *Fault
	for i := range faults {
		if faults[i].Do != nil {
			faults[i].Do()
		}
		if answering == nil && faults[i].answers() {
			answering = &faults[i]
		}
	}
	if !refused && (answering == nil || answering.AfterEffect) {
		effect()
	}
	return answering
}

// perform runs the action that a call names.
func (s *Server) perform(api *api, caller caller, region string, call *Call, x *xmlWriter) *apiError {
	act, ok := api.actions[call.Action]
	if !ok {
		return fail(http.StatusBadRequest, "InvalidAction",
			"Could not find operation %s for version %s", call.Action, call.Params.Get("Version"))
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	account := s.account(call.Account)
	if refusal := account.forbids(api.service, call, caller); refusal != nil {
		return refusal
	}
	return act(&request{
		server: s, account: account, caller: caller,
		region: cmp.Or(region, s.region()), params: call.Params, now: now,
	}, x)
}

// pause waits, and says whether anyone is still there to be answered.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

func (s *Server) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.done:
	}
}

// readParams reads a query-protocol request: a form in the body, or a query
// string. A request that names its action in a header is one in JSON.
func readParams(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequest))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if target := r.Header.Get("X-Amz-Target"); strings.HasPrefix(target, organizationsTarget) {
		return jsonParams(target, body)
	}
	if operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), eventsTarget); ok {
		return bodyParams(operation, body), nil
	}
	if operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), cloudTrailTarget); ok {
		return bodyParams(operation, body), nil
	}
	for _, paths := range []map[string]string{securityHubPaths(), sesPaths(), accountPaths()} {
		if operation, ok := paths[r.URL.Path]; ok {
			return bodyParams(operation, body), nil
		}
	}
	form := string(body)
	if form == "" {
		form = r.URL.RawQuery
	}
	params, err := url.ParseQuery(form)
	if err != nil {
		return nil, fmt.Errorf("parsing the request: %w", err)
	}
	return params, nil
}

// credentialScope reads who signed a request, and for what, from its
// Authorization header:
// AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, ...
func credentialScope(authorization string) (keyID, region, service string) {
	_, scope, ok := strings.Cut(authorization, "Credential=")
	if !ok {
		return "", "", ""
	}
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.Split(scope, "/")
	if len(parts) < 4 {
		return parts[0], "", ""
	}
	return parts[0], parts[2], parts[3]
}

// findAPI is the API a call is for: that of the service it is signed for, or
// else of its version. An API with no actions stands for any other.
func (s *Server) findAPI(service, version string) *api {
	for _, api := range s.apis {
		if api.service == service {
			return api
		}
	}
	for _, api := range s.apis {
		if api.version == version && service == "" {
			return api
		}
	}
	return &api{}
}
