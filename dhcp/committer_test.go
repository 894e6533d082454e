package dhcp

import (
	"testing"
	"time"

	"loadshare/dhcp/engine"
)

// What a client waits for is written at once, with all that has gathered; what nobody waits for after gatherTime, or when it is many.
func TestWhatAGroupWaitsFor(t *testing.T) {
	const begun = time.Hour
	lazy, awaited := engine.Write{Batch: 1}, engine.Write{Batch: 2, Awaited: true}
	many := make([]engine.Write, gathered)
	for name, c := range map[string]struct {
		writes  []engine.Write
		after   time.Duration
		gathers bool
	}{
		"an update of the partner":           {[]engine.Write{lazy}, 0, true},
		"more of them":                       {many[1:], gatherTime - 1, true},
		"many":                               {many, 0, false},
		"one, a while ago":                   {[]engine.Write{lazy}, gatherTime, false},
		"a lease":                            {[]engine.Write{awaited}, 0, false},
		"a lease and an update after it":     {[]engine.Write{awaited, lazy}, 0, false},
		"an update that waited, and a lease": {[]engine.Write{lazy, awaited}, 1, false},
	} {
		var g group
		for i := range c.writes {
			g.add(&c.writes[i], begun+time.Duration(i))
		}
		until, gathers := g.gathers(begun + c.after)
		if gathers != c.gathers || until != begun+gatherTime {
			t.Errorf("%s: gathers %v until %v, want %v", name, gathers, until, c.gathers)
		}
		g.clear()
		if g.write.Awaited {
			t.Errorf("%s: the empty group is awaited", name)
		}
	}
}
