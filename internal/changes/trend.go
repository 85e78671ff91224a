package changes

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Point is what a trend shows of one month. Times are UTC.
type Point struct {
	Month string    `json:"month"` // as 2026-11
	At    time.Time `json:"at"`    // when the keys were read
	// Keys counts the active keys, PastLimit those of them past a limit.
	Keys      int `json:"keys"`
	PastLimit int `json:"past_limit"`
	// MedianAge is the median of the active keys' ages in whole days; null
	// without keys. Of an even number it is the lower of the two in the middle.
	MedianAge *int `json:"median_age_days"`

	// Partial reports that not everything could be read.
	Partial bool `json:"partial,omitempty"`
	// Accounts counts the accounts that it sums up, if there are several.
	Accounts int `json:"-"`

	ages map[int]int // active keys by age
}

// MonthOf names a moment's month.
func MonthOf(at time.Time) string { return at.UTC().Format("2006-01") }

// PointOf sums a snapshot up.
func PointOf(s Snapshot) Point {
	p := Point{Month: MonthOf(s.At), At: s.At.UTC(), Partial: s.Partial(), ages: map[int]int{}}
	for _, key := range s.Keys {
		if !key.active() {
			continue
		}
		p.Keys++
		p.ages[key.Age]++
		if key.State.PastLimit() {
			p.PastLimit++
		}
	}
	p.MedianAge = p.median()
	return p
}

// median is the age of the key in the middle; nil without keys.
func (p Point) median() *int {
	before := 0
	for _, age := range slices.Sorted(maps.Keys(p.ages)) {
		if before += p.ages[age]; 2*before >= p.Keys {
			return new(age)
		}
	}
	return nil
}

// MergeTrends adds up the trends of several accounts, month by month. An account
// counts in the months that it has evidence of.
func MergeTrends(trends [][]Point) []Point {
	byMonth := map[string]*Point{}
	for _, trend := range trends {
		for _, p := range trend {
			sum := byMonth[p.Month]
			if sum == nil {
				sum = &Point{Month: p.Month, At: p.At, ages: map[int]int{}}
				byMonth[p.Month] = sum
			}
			if p.At.After(sum.At) {
				sum.At = p.At
			}
			sum.Accounts++
			sum.Keys += p.Keys
			sum.PastLimit += p.PastLimit
			sum.Partial = sum.Partial || p.Partial
			for age, n := range p.ages {
				sum.ages[age] += n
			}
		}
	}
	var merged []Point
	for _, p := range byMonth {
		p.MedianAge = p.median()
		merged = append(merged, *p)
	}
	slices.SortFunc(merged, func(a, b Point) int { return cmp.Compare(a.Month, b.Month) })
	return merged
}
