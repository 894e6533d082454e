package haserver

import (
	"loadshare/haserver/pair"
	"loadshare/haserver/pairmsg"
)

// hint says in the log what a note of the machine means, and what to do where something is to be done; "": its reason says enough.
func hint(n *pair.Note) string {
	if n.From != n.To {
		return entered(n)
	}
	switch n.Reason {
	case pair.AckLate:
		return "the partner did not confirm within ack_timeout: from now on what is answered is on this disk alone, until copies-again"
	case pair.CopiesAgain:
		return "the partner has confirmed everything: what is answered is on both disks again"
	case pair.RolledBack:
		return "this state directory is older than what the partner has seen of it: the zones come from the partner, queries get SERVFAIL until then; if the partner is gone for good: loadshare ha serve-alone --reason TEXT"
	case pair.PartnerOlder:
		return "the partner's state directory is older than what this server has seen of it: it gets its zones from here"
	case pair.Conflicted:
		return "a merge had to choose; what lost is kept: loadshare ha conflicts"
	case pair.Drift:
		return "the zone was not the same on both though nothing had parted them: it is synchronised; look for a failing disk or memory"
	case pair.DamagedZone:
		return "the content in memory is not what its history says: it is taken from the partner; look for failing memory"
	case pair.ZoneExpired:
		return "alone with data older than the zone's EXPIRE: SERVFAIL until the partner is there; if it never will be: loadshare ha serve-alone --reason TEXT"
	case pair.SyncError, pair.SyncTimeout:
		return "the zone could not be made equal and is tried again; by hand: loadshare zone sync ZONE"
	case pair.ClockSkew:
		return "the clocks of the two differ: set both by NTP"
	case pair.RoleClash, pair.SameStore, pair.VersionDiffers:
		return "the two do not go together: mend the configuration or the state directory of the one that is wrong, and restart it"
	case pair.OwnUnfit:
		if n.Text == "" {
			return "this server can write again"
		}
		return "this server can write nothing, the partner takes the updates: look at its disk (df -h), then restart it"
	case pair.PartnerUnfit:
		if n.Text == "" {
			return "the partner can write again"
		}
		return "the partner can write nothing, this server takes the updates: look at the partner's disk, then restart it"
	case pair.Flapping:
		return "the two part again and again, and come back by themselves: look for a process that dies (its log, on both) and at the network between them"
	case pair.HelloLate:
		return "what connects does not say who it is: does the partner run, and the same version?"
	default:
		return ""
	}
}

// entered says what a change of the server's state means.
func entered(n *pair.Note) string {
	alone := "; this server goes on alone and keeps its changes for the partner"
	if n.To == pairmsg.PartnerDown {
		alone = "; this server goes on alone"
	}
	switch n.Reason {
	case pair.Contact:
		return "the partner is there: both say where their zones stand"
	case pair.Ready:
		return "both are ready: the main takes the updates, and each is on both disks before it is answered"
	case pair.GraceOver:
		return "the partner did not come within comm_timeout after the start" + alone
	case pair.Silent:
		return "nothing was heard of the partner" + alone
	case pair.ConnRefused:
		return "the partner's address refuses connections: its process is gone" + alone
	case pair.PartnerStopped:
		return "the partner was stopped in order" + alone
	case pair.OwnUnfit:
		return "this server can write nothing: the partner takes the updates"
	case pair.PartnerUnfit:
		return "the partner can write nothing" + alone
	case pair.OperatorSaysDown, pair.OperatorAlone:
		return "an operator said so" + alone
	case pair.Resumed:
		return "it was so before" + alone
	case pair.NotNegotiating:
		return "the partner is connected and does not get ready" + alone + ": look at its log, or restart it"
	default:
		return ""
	}
}

// notNow says to an operator why a zone takes no changes.
func notNow(r pair.Reason) string {
	switch r {
	case pair.InStartup:
		return "this server looks for its partner (startup): wait, or see loadshare ha status"
	case pair.InNegotiating:
		return "the two servers are just comparing what they have: try again"
	case pair.ZoneSynchronizing:
		return "it is just being synchronised: try again"
	case pair.ZoneStale:
		return "it is older than what the partner has: it is taken from there first"
	case pair.ZoneFresh:
		return "it was only read from its file, and the partner may know better: loadshare ha status shows how that stands"
	case pair.ZoneExpired:
		return "it is older than its EXPIRE and the partner is not there: loadshare ha status"
	case pair.Swapping:
		return "the roles are just being exchanged: try again"
	case pair.NoSecondCopy:
		return `there is no second copy, and ack = "strict" wants one: loadshare ha status`
	default:
		return r.String()
	}
}
