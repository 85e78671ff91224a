package awsfake

import (
	"net/http"
	"strings"
)

// Forbid denies actions, such as "iam:UpdateAccessKey", to everybody in the
// account: the calls are refused, and IAM's simulator says so. Without it all
// is allowed.
func (a *Account) Forbid(actions ...string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.forbidden == nil {
		a.forbidden = map[string]bool{}
	}
	for _, action := range actions {
		a.forbidden[action] = true
	}
}

// forbids says why a call is not allowed; nil if it is.
func (a *Account) forbids(service string, call *Call, caller caller) *apiError {
	action := service + ":" + call.Action
	if !a.forbidden[action] {
		return nil
	}
	return fail(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s", caller.arn, action)
}

// simulatePrincipalPolicy knows only what Forbid was given.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func simulatePrincipalPolicy(rq *request, x *xmlWriter) *apiError {
	if strings.HasSuffix(rq.params.Get("PolicySourceArn"), ":root") {
		return fail(http.StatusBadRequest, "InvalidInput", "Invalid Entity Arn: %s does not clearly define entity type and name.",
			rq.params.Get("PolicySourceArn"))
	}
	actions, resources := rq.list("ActionNames.member.", ""), rq.list("ResourceArns.member.", "")
	if len(actions) == 0 {
		return invalid("1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null")
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	x.openResult()
	x.open("EvaluationResults")
	for _, action := range actions {
		for _, resource := range resources {
			decision := "allowed"
			if rq.account.forbidden[action] {
				decision = "implicitDeny"
			}
			x.open("member")
			x.text("EvalActionName", action)
			x.text("EvalResourceName", resource)
			x.text("EvalDecision", decision)
			x.close("member")
		}
	}
	x.close("EvaluationResults")
	x.truncated(false)
	return nil
}
