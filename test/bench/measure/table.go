package measure

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Table collects figures of several servers, repeated, and prints min, median, max and how ours compares.
type Table struct {
	title string
	goal  string
	unit  string
	rows  []string
	data  map[string][]float64
	notes map[string]string
	base  func(row string, rows []string) string
}

// NewTable begins a table. base names the row of ours that a row is compared with; "": with none.
func NewTable(title, unit, goal string, base func(row string, rows []string) string) *Table {
	return &Table{title: title, unit: unit, goal: goal, data: map[string][]float64{}, notes: map[string]string{}, base: base}
}

// Add is one more figure of a row.
func (t *Table) Add(row string, v float64) {
	if _, ok := t.data[row]; !ok {
		t.rows = append(t.rows, row)
	}
	t.data[row] = append(t.data[row], v)
}

// Note stands behind the row.
func (t *Table) Note(row, text string) { t.notes[row] = text }

// Median is 0 of no figures.
func Median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Print writes the table. The ratio is the median of the row of ours over that of the row.
func (t *Table) Print(w io.Writer) {
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
	for _, r := range t.rows {
		ratio := "-"
		if ours, theirs := Median(t.data[t.base(r, t.rows)]), Median(t.data[r]); ours > 0 && theirs > 0 {
			ratio = fmt.Sprintf("%.2f", ours/theirs)
		}
		list := t.data[r]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%d\t %s\n", r, number(slices.Min(list)), number(Median(list)), number(slices.Max(list)), ratio, len(list), t.notes[r])
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
