package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// table collects figures of several servers, repeated, and prints min, median, max and how ours compares.
type table struct {
	title, unit, goal string
	rows              []kind
	data              map[string][]float64
	notes             map[string]string
}

func newTable(title, unit, goal string) *table {
	return &table{title: title, unit: unit, goal: goal, data: map[string][]float64{}, notes: map[string]string{}}
}

func (t *table) add(k kind, v float64) {
	if _, ok := t.data[k.name]; !ok {
		t.rows = append(t.rows, k)
	}
	t.data[k.name] = append(t.data[k.name], v)
}

func (t *table) note(k kind, text string) { t.notes[k.name] = text }

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// print writes the table. The ratio is the median of ours, alone or as a pair as the row is, over that of the row.
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
	for _, k := range t.rows {
		ratio := "-"
		for _, o := range t.rows {
			if ours, theirs := median(t.data[o.name]), median(t.data[k.name]); o.ours && o.pair == k.pair && theirs > 0 {
				ratio = fmt.Sprintf("%.2f", ours/theirs)
				break
			}
		}
		list := t.data[k.name]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%d\t %s\n", k.name, number(slices.Min(list)), number(median(list)), number(slices.Max(list)), ratio, len(list), t.notes[k.name])
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
