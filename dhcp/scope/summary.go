package scope

// Summary is a configuration in words: what must be the same on both partners (checklist D04), without what is each server's own
// (interfaces). It is plain data, for JSON.
type Summary struct {
	Parts []Part `json:"parts"`
}

// Part is one object of the configuration.
type Part struct {
	Kind   string  `json:"kind"` // server, network, scope, class, client, option
	Name   string  `json:"name,omitempty"`
	Values []Value `json:"values"` // by key, ascending
}

// Value is one setting, as an operator would write it.
type Value struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

// Difference is one setting that two configurations disagree about; "" is not set.
type Difference struct {
	Kind  string `json:"kind"`
	Name  string `json:"name,omitempty"`
	Key   string `json:"key"` // "" when the whole part is missing on one side
	Here  string `json:"here"`
	There string `json:"there"`
}

// Summarize puts the configuration into words. pair names the failover pair whose scopes count; "" is all scopes.
func Summarize(c Config, pair string) Summary { return Summary{} }

// Compare is what differs, in the order of a's parts, then of those that only b has.
func Compare(a, b Summary) []Difference { return nil }

// String is the difference for people: scope "voice": routers 10.0.0.1 here, 10.0.0.2 there.
func (d Difference) String() string { return "" }

// Digest is the same for equal summaries and, for all purposes, for no others.
func (s Summary) Digest() [32]byte { return [32]byte{} }

// Digest is that of one part.
func (p Part) Digest() [32]byte { return [32]byte{} }
