// Package contract tests the program as operators and attackers meet it: the real
// binary on loopback, its configurations, commands, exit codes, JSON, mails and
// open ports, and nothing of its inside.
//
// It needs no root and no other program; what needs root (a full disk) is skipped
// without it. Services, mail servers and broken DNS servers are little listeners of
// the tests themselves.
package contract
