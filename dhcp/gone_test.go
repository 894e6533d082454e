package dhcp

import (
	"strings"
	"testing"
)

// withoutPair is a configuration of twins without its [[failover]].
func withoutPair(text string) string {
	head, rest, _ := strings.Cut(text, "[[failover]]")
	_, scopes, _ := strings.Cut(rest, "[[scope]]")
	return head + "[[scope]]" + strings.Replace(scopes, "failover = \"pair1\"", "", 1)
}

// A backup whose [[failover]] is taken away, and that is started again alone, says so, keeps off the main's addresses, and takes the
// operator's word that the main is down; an order that only two can carry out is refused.
func TestABackupWithoutItsFailover(t *testing.T) {
	main, backup := twins(t, "")
	main.start(t)
	backup.start(t)
	untilNormal(t, main, backup)
	acquire(t, main.relay(t), 1)
	backup.stop(t)
	backup.text = withoutPair(backup.text)
	backup.start(t)
	p := backup.pair(t)
	if p.Name != "pair1" || !p.TakenAway || p.State != "communications-interrupted" || !p.Serving || len(p.Suggestions) != 1 || p.Over != nil {
		t.Fatalf("%+v", p)
	}
	until(t, "an alarm says so", func() bool {
		for _, a := range backup.server.watchd.standing() {
			if a.Name == alarmTaken && a.About == "pair1" && strings.Contains(a.Next, "partner-down --pair pair1") {
				return true
			}
		}
		return false
	})
	l := acquire(t, backup.relay(t), 2)
	var at LeaseStatus
	main.ask(t, "/v1/lease/show", map[string][]string{"address": {l.IP.String()}}, &at)
	if at.State != "backup" {
		t.Errorf("%s, which the backup gave, is %s at the main", l.IP, at.State)
	}
	if err := backup.try("/v1/dhcp-pair/rebalance", nil, PairOrder{}, nil); err == nil {
		t.Error("rebalanced with nobody")
	}
	if err := backup.try("/v1/dhcp-pair/partner-down", nil, PairOrder{Pair: "pair2"}, nil); err == nil || !strings.Contains(err.Error(), "pair1") {
		t.Errorf("another pair: %v", err)
	}
	main.stop(t)
	var done Done
	if err := backup.try("/v1/dhcp-pair/partner-down", nil, PairOrder{}, &done); err != nil || !strings.Contains(done.Text, "partner-down") {
		t.Fatalf("%+v, %v", done, err)
	}
	if p = backup.pair(t); p.State != "partner-down" || p.Over == nil || len(p.Suggestions) != 0 {
		t.Errorf("%+v", p)
	}
}
