package awsfake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// serviceAccount is AWS Account Management, which speaks JSON over REST: an
// operation is a path.
const serviceAccount = "account"

// maxRegions is how many regions a page of ListRegions has at most.
// https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html
const maxRegions = 50

func accountPaths() map[string]string { return map[string]string{"/listRegions": "ListRegions"} }

func accountActions() map[string]action { return map[string]action{"ListRegions": listRegions} }

// The regions that every account of a partition has, and some that have to be
// enabled in each.
func defaultRegions(partition string) []string {
	switch partition {
	case "aws-us-gov":
		return []string{"us-gov-east-1", "us-gov-west-1"}
	case "aws-cn":
		return []string{"cn-north-1", "cn-northwest-1"}
	}
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1",
		"us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}

func optInRegions(partition string) []string {
	if partition != "aws" {
		return nil
	}
	return []string{"af-south-1", "ap-east-1", "eu-central-2", "eu-south-1", "me-central-1"}
}

// EnableRegion enables a region that accounts do not have by default.
func (a *Account) EnableRegion(name string) {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.enabledRegions = append(a.enabledRegions, name)
}

func (a *Account) regionEnabled(name string) bool {
	return slices.Contains(defaultRegions(a.server.partition), name) || slices.Contains(a.enabledRegions, name)
}

func listRegions(rq *request, x *xmlWriter) *apiError {
	in := struct {
		RegionOptStatusContains []string
		MaxResults              int
		NextToken               string
	}{MaxResults: maxRegions}
	if err := json.Unmarshal([]byte(rq.params.Get(paramBody)), &in); err != nil {
		return fail(http.StatusBadRequest, "ValidationException", "%v", err)
	}
	from := 0
	if in.NextToken != "" {
		var err error
		if from, err = strconv.Atoi(in.NextToken); err != nil || from < 0 {
			return fail(http.StatusBadRequest, "ValidationException", "The token is invalid.")
		}
	}
	if in.MaxResults < 1 || in.MaxResults > maxRegions {
		return fail(http.StatusBadRequest, "ValidationException", "MaxResults must be from 1 to %d.", maxRegions)
	}
	var all []any
	add := func(name, status string) {
		if len(in.RegionOptStatusContains) == 0 || slices.Contains(in.RegionOptStatusContains, status) {
			all = append(all, map[string]any{"RegionName": name, "RegionOptStatus": status})
		}
	}
	for _, name := range defaultRegions(rq.server.partition) {
		add(name, "ENABLED_BY_DEFAULT")
	}
	for _, name := range optInRegions(rq.server.partition) {
		if slices.Contains(rq.account.enabledRegions, name) {
			add(name, "ENABLED")
		} else {
			add(name, "DISABLED")
		}
	}
	size := in.MaxResults
	if limit := rq.server.pageLimit; limit > 0 {
		size = min(size, limit)
	}
	from = min(from, len(all))
	until := min(from+size, len(all))
	answer := map[string]any{"Regions": append([]any{}, all[from:until]...)}
	if until < len(all) {
		answer["NextToken"] = strconv.Itoa(until)
	}
	return x.inJSON(answer)
}
