// Package importer reads configurations of older systems and prints ours,
// together with the list of what does not map.
//
// [Phonax] reads the three files of the "Dynamic DNS load sharing with
// failover" package of 2000 (checklist F07 to F18):
//
//	failover-monitor.config   password, clusternode_server_port, email,
//	                          bind8_dns_serverN, check_serverN
//	failover.config           password, local_server_port, email,
//	                          scripts_path, failover_directory
//	normal-dns                update add NAME TTL A ADDRESS
//
// Files are told apart by what is in them, never by their names; several of one
// kind are read as one. What comes out passes the configuration reader of the
// role it is for. What could not be mapped, and what changes in meaning, is
// said in notes: file, line, what was found, what to do.
//
// The old password is never reused as a key (decision M11).
package importer

// File is one input.
type File struct {
	// Name is only used in notes and errors.
	Name string
	Data []byte
}

// Output is one file to write.
type Output struct{ Name, Text string }

// Result is what an import gives.
type Result struct {
	// Files are the files to write, in the order in which to print them.
	Files []Output
	// Notes say what does not map, what was decided, and what to do next, one
	// fact each.
	Notes []string
}
