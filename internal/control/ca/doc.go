// Package ca is the site's own small certificate authority: an ECDSA P-256 key
// in a directory, and the certificates it signs for agents, control addresses
// and consoles. There is no server: `loadshare cert` runs where the directory is,
// and the files are carried to their hosts.
//
//	ca.pem      the authority's certificate; every host needs it
//	ca.key      its key; it never leaves the directory
//	NAME.pem    a node's certificate
//	NAME.key    its key
//
// Every file has mode 0600, and no file is ever overwritten. Certificates
// serve both ends of a connection, TLS server and client, and name
// their node, its further names and addresses, and loopback.
package ca
