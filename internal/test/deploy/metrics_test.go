package deploy

import (
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/metrics"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/run"
)

func metricsTable() string {
	var table strings.Builder
	table.WriteString("| metric | unit | what it counts |\n|---|---|---|\n")
	for _, m := range metrics.Of(run.Summary{Tally: report.NewTally()}) {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", m.Name, m.Unit, m.Means)
	}
	return table.String()
}
