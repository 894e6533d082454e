// Package names decides which DNS names leases have, and how DNS learns of them (RFC 4701, 4702, 4703). Pure.
//
//	message -> Config.Wish -> Name --Put--> lease --Config.Change--> Job --durable--> Queue --Attempt--> ddns/send
//	                            |                                      ^                ^                    |
//	                            +-> option 81 of the reply             |                +--- Queue.Took <----+
//	                                                          Config.Settle <------- Finished
//
// # Which name
//
// The name of a reservation, else option 81, else option 12, as letters, digits and hyphens, below the domain of the scope. A client
// may say more than one label only below that domain; of any other name the first label is taken. No client is called localhost, wpad
// or isatap.
//
// # Who may have it
//
// A name belongs to the client whose DHCID record stands beside its address (RFC 4703, 5.3). What a name has without one is not
// touched, nor is another client's: that client then has no name in DNS, its lease says [Failed], and a later lease tries again. No
// other name is made up for it: a name that only DNS knows helps nobody.
//
// A client with an identifier of RFC 4361 has the same DHCID here and at a DHCPv6 server, so its A and AAAA share a name. For those
// that have not, a name with an AAAA and a DHCID, but without an A, is taken to be the same host's (unless [Config.Strict]): the A is
// put beside it and the DHCID left as it is. Such an A goes when the lease does, if it is the only one and is this lease's address.
//
// # Who cleans up
//
// The server that makes an address free removes its name (draft-ietf-dhc-failover-12, 5.12), not the one that sees it expire: while the
// partner cannot be asked, it may be renewing the lease. See [Config.Change]. Before a removal is sent it is looked at again, see
// [Check].
//
// # What is never in doubt
//
// Every update can be repeated, at either server, also when nobody knows whether it was taken: its prerequisites say what must be so,
// and a [Machine] goes on from what the answer says. A renewal asserts a name anew once in each length of the lease, and always when
// the last attempt failed.
package names
