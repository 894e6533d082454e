// Package catalog makes a catalog zone (RFC 9432, version 2) of the zones that a server has, so that standard secondaries follow new
// ones. It is pure: a zone and a list in, the next generation out.
//
//	New(name) --> an empty catalog      Next(catalog, members) --> what it is now, and the Delta      Read(catalog) --> the members
//
// A member is one PTR record at an owner of its own, <label>.zones.<catalog> (4.1); a group is a TXT record at group.<label>.zones.<catalog>
// (4.3.2). The label of a member stays as long as the zone is in the list, whatever else comes and goes: to a secondary another label is
// another zone of that name, whose state it throws away (5.4). So a zone that was taken out and comes back gets another one: a label is
// made of the zone's name and the serial of the generation that it came with.
//
// Everything below the apex belongs to this package: what else is there goes with the next change. SOA and NS stay as they are.
package catalog
