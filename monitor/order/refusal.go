package order

// Refusal says why an agent did not take an order, or why a step of it failed
// for good. "" means it was taken.
type Refusal string

// What an agent answers in a [Receipt], and what ends a server's part of a [Published].
const (
	Taken             Refusal = ""
	RefusedNotHolder  Refusal = "not-holder"  // another monitor holds the pool's lease
	RefusedStale      Refusal = "stale"       // a newer stamp is known here or in DNS
	RefusedNotAllowed Refusal = "not-allowed" // name, type or service is not in the agent's configuration
	RefusedEmpty      Refusal = "empty"       // the set would become empty and AllowEmpty is not set
	RefusedNoPublish  Refusal = "no-publish"  // this agent has no [publish]
	RefusedBudget     Refusal = "budget"      // restart budget used up
	RefusedBusy       Refusal = "busy"        // a restart of this service or pool is running
	RefusedTooLate    Refusal = "too-late"    // NotAfter has passed
	RefusedBadOrder   Refusal = "bad-order"   // it does not parse or contradicts itself
	RefusedByServer   Refusal = "server"      // the DNS server said no for good; the error names its rcode
	RefusedNoZone     Refusal = "no-zone"     // no configured server is authoritative for the name
	RefusedNotDurable Refusal = "not-durable" // the agent's own store cannot be written
	RefusedFull       Refusal = "queue-full"
)
