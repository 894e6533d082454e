// Package notify decides when secondaries are told of a new serial (RFC 1996), and knows how far each of them is behind.
package notify
