// Command loadshare keeps names pointing at what works. It is one binary; a role is a
// subcommand, and so is everything an operator types. `loadshare help` is its manual.
//
// Nothing is decided here. A file is a command: it reads flags, calls the package that
// does the work or the control address of a running role, and prints.
//
//	main, root, app     the tree of commands, global flags, errors to exit codes
//	target              which role is meant: -s, -c, or a socket on this host
//	kind, checkers      what a file is, and who knows what is right for it
//	views, out          what roles answer, and how people like to read it
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the server could
// not be reached, 4 refused by the server.
package main
