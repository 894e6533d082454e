package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// table collects figures of several servers, repeated, and prints min, median, max and how ours compares.
type table struct {
	title string
	goal  string
	unit  string
	rows  []string
	data  map[string][]float64
	notes map[string]string
}

func newTable(title, unit, goal string) *table {
	return &table{title: title, unit: unit, goal: goal, data: map[string][]float64{}, notes: map[string]string{}}
}

func (t *table) add(row string, v float64) {
	if _, ok := t.data[row]; !ok {
		t.rows = append(t.rows, row)
	}
	t.data[row] = append(t.data[row], v)
}

func (t *table) note(row, text string) { t.notes[row] = text }

func (t *table) median(row string) float64 { return median(t.data[row]) }

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// print writes the table. The ratio is the median of the first row of ours over that of the row.
func (t *table) print(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s [%s]", t.title, t.unit)
	if t.goal != "" {
		fmt.Fprintf(w, "   goal: %s", t.goal)
	}
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "\tmin\tmedian\tmax\tours/theirs\tn\t\n")
	base := 0.0
	for _, r := range t.rows {
		if strings.HasPrefix(r, ours) {
			base = t.median(r)
			break
		}
	}
	for _, r := range t.rows {
		ratio := "-"
		if m := t.median(r); base > 0 && m > 0 {
			ratio = fmt.Sprintf("%.2f", base/m)
		}
		list := t.data[r]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%d\t %s\n", r, number(slices.Min(list)), number(t.median(r)), number(slices.Max(list)), ratio, len(list), t.notes[r])
	}
	_ = tw.Flush()
}

// number shows three digits that count.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
