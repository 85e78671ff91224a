package awsfake

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// serviceSecurityHub speaks JSON over REST: an operation is a path.
const serviceSecurityHub = "securityhub"

// Limits of findings.
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
// https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_GetFindings.html
const (
	maxFindings     = 100 // in a call, or on a page
	maxFindingBytes = 240 << 10
	maxTitle        = 256
	maxDescription  = 1024
)

// findingTime is how GetFindings writes a moment that came without a fraction.
const findingTime = time.RFC3339

// securityHubPaths are the operations by their paths.
func securityHubPaths() map[string]string {
	return map[string]string{"/accounts": "EnableSecurityHub", "/findings": "GetFindings", "/findings/import": "BatchImportFindings"}
}

func securityHubActions() map[string]action {
	return map[string]action{"EnableSecurityHub": enableSecurityHub, "GetFindings": getFindings, "BatchImportFindings": importFindings}
}

// Finding is one that Security Hub has, in the AWS Security Finding Format.
type Finding map[string]any

// Text is what stands at a path of names and list positions, "" for nothing.
func (f Finding) Text(path ...any) string {
	var at any = map[string]any(f)
	for _, step := range path {
		switch inside := at.(type) {
		case map[string]any:
			name, _ := step.(string)
			at = inside[name]
		case []any:
			i, _ := step.(int)
			if i >= len(inside) {
				return ""
			}
			at = inside[i]
		}
	}
	text, _ := at.(string)
	return text
}

// EnableSecurityHub turns Security Hub on in the account.
func (a *Account) EnableSecurityHub() {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.enableSecurityHub()
}

func (a *Account) enableSecurityHub() {
	if a.findings == nil {
		a.findings = map[string]Finding{}
	}
}

func enableSecurityHub(rq *request, x *xmlWriter) *apiError {
	rq.account.enableSecurityHub()
	return x.inJSON(map[string]any{})
}

// Findings is every finding of the account, archived ones too, by id.
func (a *Account) Findings() []Finding {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return a.sortedFindings()
}

func (a *Account) sortedFindings() []Finding {
	var sorted []Finding
	for _, id := range slices.Sorted(maps.Keys(a.findings)) {
		sorted = append(sorted, maps.Clone(a.findings[id]))
	}
	return sorted
}

// securityHub refuses a call if Security Hub is not enabled.
func (rq *request) securityHub(into any) *apiError {
	if rq.account.findings == nil {
		return fail(http.StatusUnauthorized, "InvalidAccessException", "Account %s is not subscribed to AWS Security Hub", rq.account.id)
	}
	if err := json.Unmarshal([]byte(rq.params.Get(paramBody)), into); err != nil {
		return fail(http.StatusBadRequest, "InvalidInputException", "%v", err)
	}
	return nil
}

func importFindings(rq *request, x *xmlWriter) *apiError {
	var in struct{ Findings []Finding }
	if refusal := rq.securityHub(&in); refusal != nil {
		return refusal
	}
	if len(in.Findings) == 0 || len(in.Findings) > maxFindings {
		return fail(http.StatusBadRequest, "InvalidInputException", "Findings must have between 1 and %d items", maxFindings)
	}
	failed := []any{}
	for _, f := range in.Findings {
		if why := rq.invalid(f); why != "" {
			failed = append(failed, map[string]any{"Id": f.Text("Id"), "ErrorCode": "InvalidInput", "ErrorMessage": why})
			continue
		}
		rq.account.keep(f)
	}
	return x.inJSON(map[string]any{"FailedCount": len(failed), "SuccessCount": len(in.Findings) - len(failed), "FailedFindings": failed})
}

// invalid says why a finding is not taken, "" if it is. The required fields:
// https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html
func (rq *request) invalid(f Finding) string {
	encoded, _ := json.Marshal(f)
	if len(encoded) > maxFindingBytes {
		return "the finding is too large"
	}
	for _, name := range []string{"SchemaVersion", "Id", "ProductArn", "GeneratorId", "AwsAccountId", "CreatedAt", "UpdatedAt", "Title", "Description"} {
		if f.Text(name) == "" {
			return fmt.Sprintf("Finding does not adhere to Amazon Finding Format. data should have required property '%s'.", name)
		}
	}
	for _, name := range []string{"CreatedAt", "UpdatedAt"} {
		if _, err := time.Parse(findingTime, f.Text(name)); err != nil {
			return name + " should be a timestamp"
		}
	}
	if f.Text("Severity", "Label") == "" && f.Text("FindingProviderFields", "Severity", "Label") == "" {
		return "data should have required property 'Severity'"
	}
	if f.Text("Resources", 0, "Type") == "" || f.Text("Resources", 0, "Id") == "" {
		return "data should have required property 'Resources'"
	}
	product := "arn:" + rq.server.partition + ":securityhub:" + rq.region + ":" + rq.account.id + ":product/" + rq.account.id + "/default"
	switch {
	case f.Text("SchemaVersion") != "2018-10-08":
		return "SchemaVersion should be 2018-10-08"
	case f.Text("AwsAccountId") != rq.account.id:
		return "AwsAccountId should be the account of the caller"
	case f.Text("ProductArn") != product:
		return "ProductArn should be " + product
	case len(f.Text("Title")) > maxTitle || len(f.Text("Description")) > maxDescription:
		return "Title or Description is too long"
	}
	return ""
}

// keep takes a finding in. What belongs to the customer is not overwritten, and
// a finding that fails again is new again:
// https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html
func (a *Account) keep(f Finding) {
	kept := maps.Clone(f)
	if severity := f.Text("FindingProviderFields", "Severity", "Label"); severity != "" {
		kept["Severity"] = map[string]any{"Label": severity}
	}
	if f.Text("RecordState") == "" {
		kept["RecordState"] = "ACTIVE"
	}
	workflow := map[string]any{"Status": "NEW"}
	if was, known := a.findings[f.Text("Id")]; known {
		again := was.Text("RecordState") == "ARCHIVED" && kept.Text("RecordState") == "ACTIVE" ||
			was.Text("Compliance", "Status") == "PASSED" && kept.Text("Compliance", "Status") == "FAILED"
		if !again {
			workflow["Status"] = was.Text("Workflow", "Status")
		}
	} else if given := f.Text("Workflow", "Status"); given != "" {
		workflow["Status"] = given
	}
	kept["Workflow"] = workflow
	a.findings[f.Text("Id")] = kept
}

// equals is a filter of GetFindings that a text must be equal to; several of a
// name are alternatives.
type equals struct{ Value, Comparison string }

func getFindings(rq *request, x *xmlWriter) *apiError {
	in := struct {
		Filters    map[string][]equals
		MaxResults int
		NextToken  string
	}{MaxResults: maxFindings}
	if refusal := rq.securityHub(&in); refusal != nil {
		return refusal
	}
	from := 0
	if in.NextToken != "" {
		var err error
		if from, err = strconv.Atoi(in.NextToken); err != nil {
			return fail(http.StatusBadRequest, "InvalidInputException", "Invalid NextToken")
		}
	}
	if in.MaxResults < 1 || in.MaxResults > maxFindings {
		return fail(http.StatusBadRequest, "InvalidInputException", "MaxResults should be between 1 and %d", maxFindings)
	}
	var found []Finding
	for _, f := range rq.account.sortedFindings() {
		if f.matches(in.Filters) {
			found = append(found, f)
		}
	}
	size := in.MaxResults
	if rq.server.pageLimit > 0 {
		size = min(size, rq.server.pageLimit)
	}
	from = min(from, len(found))
	until := min(from+size, len(found))
	answer := map[string]any{"Findings": append([]Finding{}, found[from:until]...)}
	if until < len(found) {
		answer["NextToken"] = strconv.Itoa(until)
	}
	return x.inJSON(answer)
}

func (f Finding) matches(filters map[string][]equals) bool {
	for name, alternatives := range filters {
		if !slices.ContainsFunc(alternatives, func(e equals) bool { return e.Comparison == "EQUALS" && e.Value == f.Text(name) }) {
			return false
		}
	}
	return true
}

// SetWorkflow does what a person does with a finding in the console.
func (a *Account) SetWorkflow(id, status string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if f, ok := a.findings[id]; ok {
		f["Workflow"] = map[string]any{"Status": status}
	}
}
