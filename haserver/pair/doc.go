// Package pair is one server's half of an HA DNS pair as a pure machine: what it may answer, what it takes, what it ships and when it
// says so (decisions H-a to H-i, checklist H01 to H34). No clock, no I/O.
package pair
