// Package scope is which networks a message may be served from, and what its client gets there: scopes, shared networks, reservations,
// clients, client-classes and policies. Pure.
package scope
