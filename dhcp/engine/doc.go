// Package engine is the decisions of the DHCP server: who gets which address, for how long, and what is said when. Pure.
package engine
