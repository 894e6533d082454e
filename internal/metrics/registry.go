package metrics

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// prefix begins every name.
const prefix = "loadshare_"

// MaxSeries is how many combinations of label values one metric keeps.
const MaxSeries = 1000

// other is the value of every label beyond MaxSeries.
const other = "other"

// Registry holds the metrics of one role. Make one with New.
type Registry struct {
	inner *prometheus.Registry
	reg   prometheus.Registerer
}

// New makes a registry with the metrics of the process and of the Go runtime.
func New(role string) *Registry {
	inner := prometheus.NewRegistry()
	// Those of the runtime and the process have the prefix, too: loadshare_go_goroutines.
	prometheus.WrapRegistererWithPrefix(prefix, inner).MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Registry{inner: inner, reg: prometheus.WrapRegistererWith(prometheus.Labels{"role": role}, inner)}
}

// fullName puts the prefix before name, once.
func fullName(name string) string { return prefix + strings.TrimPrefix(name, prefix) }

// bound admits label values until there are MaxSeries combinations.
type bound struct {
	labels int
	mu     sync.Mutex // metrics are counted by many goroutines
	seen   map[string]struct{}
}

func newBound(labels []string) *bound {
	return &bound{labels: len(labels), seen: map[string]struct{}{}}
}

// admit returns the values to count under: values, or "other" for each.
func (b *bound) admit(values []string) []string {
	if len(values) != b.labels {
		panic("metrics: as many label values as labels are needed") // a mistake of the caller, found by its first test
	}
	if b.labels == 0 {
		return values
	}
	key := strings.Join(values, "\xff")
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.seen[key]; ok {
		return values
	}
	if len(b.seen) < MaxSeries {
		b.seen[key] = struct{}{}
		return values
	}
	all := make([]string, len(values))
	for i := range all {
		all[i] = other
	}
	return all
}

// forget gives the room of values back.
func (b *bound) forget(values []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.seen, strings.Join(values, "\xff"))
}
