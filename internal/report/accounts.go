package report

import (
	"io"
	"slices"
	"time"
)

// WriteAccountsCSV is WriteReportCSV for several accounts: each row begins with
// the account that it is of.
func WriteAccountsCSV(w io.Writer, reports []Report) error {
	withRisk := slices.ContainsFunc(reports, func(r Report) bool { return hasRisk(r.Rows) })
	header, _ := csvOf(nil, withRisk)
	header = append([]string{"Account"}, header...)
	forecast := len(reports) > 0 && reports[0].Forecast != nil
	if forecast {
		header = append(header, "Forecast For")
	}
	var records [][]string
	for _, r := range reports {
		_, rows := csvOf(r.Rows, withRisk)
		for _, row := range rows {
			row = append([]string{r.Account.ID}, row...)
			if forecast {
				row = append(row, r.At.Format(time.RFC3339))
			}
			records = append(records, row)
		}
	}
	return WriteRecords(w, header, records)
}
