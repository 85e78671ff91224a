package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/report"
)

const schemaFile = "../../docs/schema/audit-v1.json"

func publishedSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := filepath.Abs(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.DefaultDraft(jsonschema.Draft2020)
	schema, err := compiler.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asRead is the report as a program reads it.
func asRead(t *testing.T, r report.Report) any {
	t.Helper()
	var text bytes.Buffer
	if err := report.WriteJSON(&text, r); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(&text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestJSONKeepsToItsSchema(t *testing.T) {
	t.Parallel()
	schema := publishedSchema(t)
	forecast := everyState(audited.AddDate(0, 0, 30))
	forecast.Forecast = report.NewForecast(audited)
	unread := everyState(audited)
	unread.Problems = append(unread.Problems, account.Problem{Text: "no user"}, account.Problem{User: "u", KeyID: "k", Text: "why"})
	few := 7
	for name, r := range map[string]report.Report{
		"every state": everyState(audited),
		"forecast":    forecast,
		"problems":    unread,
		"filtered":    everyState(audited).Only(report.Filter{Users: []string{"a*"}, States: []audit.State{audit.Aging}, DaysLeft: &few}),
		"no keys":     reportOf(audited),
		"evidence":    evidence(audited),
		"compared":    compared(audited),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := schema.Validate(asRead(t, r)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema := publishedSchema(t)
	for name, spoil := range map[string]func(whole, row map[string]any){
		"another version":          func(whole, _ map[string]any) { whole["schema"] = json.Number("2") },
		"an unknown state":         func(_, row map[string]any) { row["state"] = "ancient" },
		"a missing count":          func(whole, _ map[string]any) { delete(whole["states"].(map[string]any), "old") },
		"a list that is null":      func(whole, _ map[string]any) { whole["rows"] = nil },
		"a time that is none":      func(_, row map[string]any) { row["created"] = "yesterday Z" },
		"local time":               func(whole, _ map[string]any) { whole["at"] = "2026-10-05T14:03:00+02:00" },
		"an age that is text":      func(_, row map[string]any) { row["age_days"] = "95" },
		"a reason without exempt":  func(_, row map[string]any) { row["exempt_reason"] = "because"; row["exempt"] = false },
		"an unknown credential":    func(whole, _ map[string]any) { whole["credentials"] = []any{map[string]any{"kind": "passkey"}} },
		"an exempt key with limit": func(_, row map[string]any) { row["exempt"] = true; row["days_left"] = json.Number("3") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := asRead(t, everyState(audited)).(map[string]any)
			spoil(whole, whole["rows"].([]any)[0].(map[string]any))
			if schema.Validate(whole) == nil {
				t.Error("taken as it is")
			}
		})
	}
}

// TestSchemaNamesEveryField holds the schema against the fields as they are
// declared, so that neither has one that the other lacks.
func TestSchemaNamesEveryField(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Properties map[string]object `json:"properties"`
		Items      *object           `json:"items"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of     any
		schema object
	}{
		{report.Report{}, schema.object},
		{report.Forecast{}, schema.Properties["forecast"]},
		{report.Filter{}, schema.Properties["filter"]},
		{report.Rules{}, schema.Properties["rules"]},
		{report.Row{}, schema.Defs["row"]},
		{account.Problem{}, *schema.Properties["problems"].Items},
		{report.RunResult{}, schema.Properties["run"]},
		{account.KeyRef{}, *schema.Properties["run"].Properties["disabled_keys"].Items},
		{report.Credential{}, schema.Defs["credential"]},
		{changes.Changes{}, schema.Defs["changes"]},
		{changes.Change{}, schema.Defs["change"]},
		{changes.Unclear{}, schema.Defs["unclear"]},
		{changes.Point{}, schema.Defs["point"]},
		{callers.Uses{}, schema.Defs["uses"]},
		{callers.Caller{}, schema.Defs["caller"]},
		{callers.Action{}, schema.Defs["action"]},
	} {
		var named []string
		for name := range c.schema.Properties {
			named = append(named, name)
		}
		slices.Sort(named)
		if declared := fieldsOf(reflect.TypeOf(c.of)); !slices.Equal(named, declared) {
			t.Errorf("%T: the schema names %q, declared are %q", c.of, named, declared)
		}
	}
}

func fieldsOf(of reflect.Type) (names []string) {
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			names = append(names, fieldsOf(field.Type)...)
		case name != "-" && field.IsExported():
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
