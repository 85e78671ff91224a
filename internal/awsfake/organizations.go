package awsfake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// AccountStatus is what an organization says of an account.
type AccountStatus string

// The statuses of accounts.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
const (
	AccountActive         AccountStatus = "ACTIVE"
	AccountSuspended      AccountStatus = "SUSPENDED"
	AccountPendingClosure AccountStatus = "PENDING_CLOSURE"
)

// Organization is an AWS organization whose management account is the server's
// home account. Its methods may be called while the server is answering.
type Organization struct {
	server *Server
	id     string
	root   *unit

	// What follows is guarded by the server's lock.
	units   map[string]*unit // by id, the root among them
	members []*member        // in the order they joined
}

// unit is the root or an organizational unit.
type unit struct {
	id, name string
	units    []*unit
	accounts []*member
}

type member struct {
	account string
	name    string
	status  AccountStatus
	joined  time.Time
}

// Organize makes an organization of which the home account is the only member,
// or returns the one that there is.
func (s *Server) Organize() *Organization {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.organization == nil {
		root := &unit{id: "r-" + strings.ToLower(s.newID("")[:4]), name: "Root"}
		s.organization = &Organization{
			server: s,
			id:     "o-" + strings.ToLower(s.newID("")[:10]),
			root:   root,
			units:  map[string]*unit{root.id: root},
		}
		s.organization.join(s.homeID, root, "home")
	}
	return s.organization
}

// ID is the organization's id, such as o-abcdefghij.
func (o *Organization) ID() string { return o.id }

// Root is the id of the root, which all units are below.
func (o *Organization) Root() string { return o.root.id }

// AddUnit makes an organizational unit below another, or below the root, and
// returns its id.
func (o *Organization) AddUnit(parent, name string) string {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	added := &unit{
		id:   "ou-" + strings.TrimPrefix(o.root.id, "r-") + "-" + strings.ToLower(o.server.newID("")[:8]),
		name: name,
	}
	o.units[added.id] = added
	o.mustHave(parent).units = append(o.mustHave(parent).units, added)
	return added.id
}

// Join makes an account a member, in a unit or in the root.
func (o *Organization) Join(account *Account, parent, name string) {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	o.join(account.id, o.mustHave(parent), name)
}

// SetStatus sets what the organization says of a member.
func (o *Organization) SetStatus(account string, status AccountStatus) {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	for _, m := range o.members {
		if m.account == account {
			m.status = status
		}
	}
}

func (o *Organization) join(account string, parent *unit, name string) {
	joined := &member{account: account, name: name, status: AccountActive, joined: o.server.now()}
	o.members = append(o.members, joined)
	parent.accounts = append(parent.accounts, joined)
}

// mustHave is the unit of that id. A test that names one that was never made
// is wrong.
func (o *Organization) mustHave(id string) *unit {
	found, ok := o.units[id]
	if !ok {
		panic("awsfake: no organizational unit " + id)
	}
	return found
}

// organizationsTarget precedes the action in the header that names it. Unlike
// the services of the query protocol, Organizations speaks JSON 1.1:
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
const organizationsTarget = "AWSOrganizationsV20161128."

// organizationsPage is how many entries a page holds at most.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html
const organizationsPage = 20

func organizationsActions() map[string]action {
	return map[string]action{
		"DescribeOrganization":             describeOrganization,
		"ListRoots":                        listRoots,
		"ListAccounts":                     listAccounts,
		"ListAccountsForParent":            listAccountsForParent,
		"ListOrganizationalUnitsForParent": listUnitsForParent,
	}
}

// jsonParams reads a JSON 1.1 request as the query protocol's parameters, of
// which it needs no more than text and numbers.
func jsonParams(target string, body []byte) (url.Values, error) {
	given := map[string]any{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &given); err != nil {
			return nil, fmt.Errorf("parsing the request: %w", err)
		}
	}
	_, action, _ := strings.Cut(target, ".")
	params := url.Values{"Action": {action}}
	for name, value := range given {
		params.Set(name, fmt.Sprint(value))
	}
	return params, nil
}

// inJSON makes the answer this value.
func (x *xmlWriter) inJSON(value any) *apiError {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fail(http.StatusInternalServerError, "ServiceException", "%v", err)
	}
	x.raw(string(encoded))
	return nil
}

// failInJSON makes the answer an error.
func (x *xmlWriter) failInJSON(e *apiError) {
	_ = x.inJSON(map[string]string{"__type": e.code, "Message": e.message}) // always encodes
}

// organization is the caller's, if the caller may ask about it.
func (rq *request) organization() (*Organization, *apiError) {
	o := rq.server.organization
	switch {
	case o == nil:
		return nil, fail(http.StatusBadRequest, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	case rq.account.id != rq.server.homeID:
		return nil, fail(http.StatusBadRequest, "AccessDeniedException", "You don't have permissions to access this resource.")
	}
	return o, nil
}

func describeOrganization(rq *request, x *xmlWriter) *apiError {
	o, refusal := rq.organization()
	if refusal != nil {
		return refusal
	}
	return x.inJSON(map[string]any{"Organization": map[string]any{
		"Id": o.id, "Arn": o.arn("organization/" + o.id), "FeatureSet": "ALL",
		"MasterAccountId": o.server.homeID, "MasterAccountArn": o.arn("account/" + o.id + "/" + o.server.homeID),
		"MasterAccountEmail": "home@example.com",
	}})
}

func listRoots(rq *request, x *xmlWriter) *apiError {
	o, refusal := rq.organization()
	if refusal != nil {
		return refusal
	}
	return x.inJSON(map[string]any{"Roots": []any{
		map[string]any{"Id": o.root.id, "Arn": o.arn("root/" + o.id + "/" + o.root.id), "Name": o.root.name},
	}})
}

func listAccounts(rq *request, x *xmlWriter) *apiError {
	o, refusal := rq.organization()
	if refusal != nil {
		return refusal
	}
	return answerPage(rq, x, "Accounts", o.members, o.describe)
}

func listAccountsForParent(rq *request, x *xmlWriter) *apiError {
	o, parent, refusal := rq.parent()
	if refusal != nil {
		return refusal
	}
	return answerPage(rq, x, "Accounts", parent.accounts, o.describe)
}

func listUnitsForParent(rq *request, x *xmlWriter) *apiError {
	o, parent, refusal := rq.parent()
	if refusal != nil {
		return refusal
	}
	return answerPage(rq, x, "OrganizationalUnits", parent.units, func(u *unit) any {
		return map[string]any{"Id": u.id, "Arn": o.arn("ou/" + o.id + "/" + u.id), "Name": u.name}
	})
}

func (rq *request) parent() (*Organization, *unit, *apiError) {
	o, refusal := rq.organization()
	if refusal != nil {
		return nil, nil, refusal
	}
	parent, ok := o.units[rq.params.Get("ParentId")]
	if !ok {
		return nil, nil, fail(http.StatusBadRequest, "ParentNotFoundException", "You specified parent that doesn't exist.")
	}
	return o, parent, nil
}

// answerPage answers one page of a list. The token says where the next begins.
func answerPage[T any](rq *request, x *xmlWriter, name string, all []T, describe func(T) any) *apiError {
	size, err := strconv.Atoi(cmp.Or(rq.params.Get("MaxResults"), strconv.Itoa(organizationsPage)))
	if err != nil || size < 1 || size > organizationsPage {
		return fail(http.StatusBadRequest, "InvalidInputException", "You specified an invalid value.")
	}
	if limit := rq.server.pageLimit; limit > 0 {
		size = min(size, limit)
	}
	from, err := strconv.Atoi(cmp.Or(rq.params.Get("NextToken"), "0"))
	if err != nil || from < 0 || from > len(all) {
		return fail(http.StatusBadRequest, "InvalidInputException", "You specified an invalid value.")
	}
	answer := map[string]any{}
	until := min(from+size, len(all))
	described := []any{}
	for _, one := range all[from:until] {
		described = append(described, describe(one))
	}
	answer[name] = described
	if until < len(all) {
		answer["NextToken"] = strconv.Itoa(until)
	}
	return x.inJSON(answer)
}

func (o *Organization) describe(m *member) any {
	return map[string]any{
		"Id": m.account, "Arn": o.arn("account/" + o.id + "/" + m.account), "Name": m.name,
		"Email": m.account + "@example.com", "Status": m.status, "State": m.status,
		"JoinedMethod": "CREATED", "JoinedTimestamp": m.joined.Unix(),
	}
}

func (o *Organization) arn(resource string) string {
	return o.server.arn(serviceOrganizations, o.server.homeID, resource)
}
