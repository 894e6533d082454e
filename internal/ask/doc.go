// Package ask puts one DNS question to one given server and says what it
// answered.
//
// It is for an agent that must know what a record set holds before it writes
// and whether the server answers it afterwards, for a monitor that verifies, and
// for finding the zone of a name (decision M12: SOA queries upward, to the given
// server only; SOA MNAME is never a destination). It is no resolver: no
// recursion, no cache but [Zones], no following of aliases.
//
// [Client.Set] reads a record set, [Client.Zone] finds a zone, [Client.Exchange]
// sends any message and returns the answer that belongs to it; package ddns/send is
// built on that.
//
// "Could not ask" is never the same as "is empty": a set is empty only when the
// server said so with authority. The errors tell apart a server that is silent
// ([Silent]), one that is not authoritative ([NotAuthoritative]) and one that
// refused ([Refused]).
//
// Signed answers (RFC 8945): with a [Key] every query is signed and an answer
// counts only if its signature verifies. Answers that do not are dropped and
// waited past, as section 5.4 there says; one that carries an error is told when the
// time is up.
package ask
