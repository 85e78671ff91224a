// Package metrics writes what a run did as a line of CloudWatch's embedded
// metric format: in Lambda's log, such a line becomes metrics.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/run"
)

const (
	// Namespace is the namespace of the metrics in CloudWatch.
	Namespace = "Sleuth"
	// Dimension is the metrics' only dimension: the account's id.
	Dimension = "Account"
)

// Units as CloudWatch names them.
const (
	count        = "Count"
	milliseconds = "Milliseconds"
)

// Metric is one value that a run is measured by.
type Metric struct {
	Name, Unit string
	Value      int64
	// Means says what is counted, for the documentation.
	Means string
}

// Of is what a run is measured by, in the order of the documentation.
func Of(s run.Summary) []Metric {
	metrics := []Metric{
		{"Users", count, int64(s.Users), "users that were read"},
		{"Keys", count, int64(s.Keys), "keys that were evaluated"},
	}
	for _, state := range audit.States() {
		metrics = append(metrics, Metric{"Keys" + camel(state.String()), count, int64(s.States[state]), "keys in the state `" + state.String() + "`"})
	}
	return append(metrics,
		Metric{"Exempt", count, int64(s.Exempt), "keys that are good because their user is exempt"},
		Metric{"Warned", count, int64(s.Warned), "keys whose owners were warned"},
		Metric{"Disabled", count, int64(s.Disabled), "keys that were disabled"},
		Metric{"Deleted", count, int64(s.Deleted), "disabled keys that were deleted"},
		Metric{"Failed", count, int64(s.Failed), "things that could not be read, done or sent"},
		Metric{"NoticesPending", count, int64(s.NoticesPending), "disabled keys whose final notice is still pending"},
		Metric{"APICalls", count, int64(s.APICalls), "calls to AWS, each attempt counted"},
		Metric{"Throttles", count, int64(s.Throttles), "of them, those that AWS turned away as too many"},
		Metric{"Duration", milliseconds, s.Finished.Sub(s.At).Milliseconds(), "how long the run took"},
	)
}

// camel turns stagnant_expire into StagnantExpire.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// envelope is what makes a line of JSON a line of metrics.
type envelope struct {
	Timestamp         int64 // milliseconds since 1970
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []definition
}

type definition struct{ Name, Unit string }

// Write writes the metrics of one run, as one line.
func Write(w io.Writer, s run.Summary) error {
	line := map[string]any{Dimension: s.Account.ID, "run": s.Run}
	described := directive{Namespace: Namespace, Dimensions: [][]string{{Dimension}}}
	for _, m := range Of(s) {
		line[m.Name] = m.Value
		described.Metrics = append(described.Metrics, definition{m.Name, m.Unit})
	}
	line["_aws"] = envelope{Timestamp: s.Finished.UnixMilli(), CloudWatchMetrics: []directive{described}}
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}
