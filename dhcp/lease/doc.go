// Package lease is what is known of one address: who has it, until when, what the partner knows of it. Pure.
//
// States and their numbers are those of draft-ietf-dhc-failover-12, 5.11 and 12.3. Times are seconds since 1970 UTC; 0 is never.
package lease
