// Package probes looks once at one service and says what was seen.
//
// A probe has no memory, no schedule and no opinion: whether a failure counts is decided elsewhere (package decide), when
// to look is decided by package schedule.
//
//	spec := probes.Spec{Service: "http", Steps: []probes.Step{{
//		Send: "GET /robots.txt HTTP/1.0", Expect: probes.Pattern{Text: "httpd is working"}}}}
//	p, errs := spec.Compile()         // all mistakes at once
//	res := p.Look(ctx, addr)          // within spec.Timeout, and never panics
//
// # Three outcomes
//
// OK and Failed are about the service. Untested is about us: no file descriptor, no local port, no route from here, no
// permission, a missing plugin, a look called off. Untested is the zero value and must never be counted as a failure. The
// Reason says which; each goes with one Outcome only:
//
//	Failed    refused timeout closed unreachable mismatch rejected status protocol tls tls-expired tls-name
//	          tls-untrusted tls-expiring nxdomain rcode critical not-serving
//	Untested  cancelled local-resources no-route no-permission plugin-missing plugin-unknown internal
//
// What our own kernel refuses at once is Untested, what the network or the host answers is Failed: "no route to host" is the
// first when there is no route here, the second when a router says so.
//
// # Kinds
//
//	type   port     passes when                                                keys of its own
//	tcp    -        connected, and the steps pass                              send expect reject raw banner tls
//	tls    -        the handshake is done, the certificate good, and as tcp    as tcp
//	http   80       the status is accepted, the body has expect, not reject    path host method headers status expect reject
//	https  443      as http, over TLS                                          as http
//	smtp   25/465   greeting 220, EHLO accepted, STARTTLS when offered         starttls tls, steps
//	pop3   110/995  greeting +OK                                               starttls tls, steps
//	imap   143/993  greeting * OK or * PREAUTH                                 starttls tls, steps
//	ftp    21       greeting 220                                               starttls, steps
//	nntp   119/563  greeting 200 or 201                                        starttls tls, steps
//	ssh    22       identification SSH-2.0                                     steps
//	dns    53       the answer has what is expected                            query query_type expect recursion
//	icmp   -        an echo reply came                                         -
//	grpc   -        grpc.health.v1.Health/Check says SERVING                   grpc_service host tls
//	exec   -        the plugin exits 0 or 1                                    command
//
// Every kind takes timeout (3s), and those with ports take port, or service, which is looked up in the services file
// (ServicePort). A dash means that the port must be given. Kinds with TLS take server_name, verify (true), ca, min_days and
// fail_expiring. A key the kind has no use for is a mistake.
//
// # Send and expect
//
// A step sends a line (CRLF is added; a line that ends in HTTP/1.0 or HTTP/1.1 gets the empty line too; raw = true sends it as
// it stands) and then reads until expect is found, reject is found, the service closes, the timeout ends or 64 KiB have come.
//
//   - expect and reject are substrings, byte for byte; expect_regexp and reject_regexp are RE2 expressions.
//   - Both look at all bytes so far: for the first step from the first byte of the connection, greeting included, so that QUIT and 220
//     work for smtp; for a later step from the end of the match of the step before.
//   - reject is looked for first and fails at once.
//   - Bytes without a match are mismatch, no bytes at all are timeout or closed. Result.Step counts from 1; 0 is before the steps.
//   - With banner, the whole greeting (one line, or lines like "220-") is read before the first send. It is the default when service is
//     one that greets: smtp, pop3, imap, ftp, nntp, ssh and their kin.
//
// # HTTP
//
// One request with Connection: close, no redirects, no compression, no cookies. Accepted are 200 to 399, or the list in status. The
// status is judged before the body; the body is read only for expect or reject, and at most 64 KiB of it. With reject the whole
// body is read, as it may stand at the end.
//
// # TLS
//
// Certificates are verified for server_name, else host, else the address, from TLS 1.2 on. After STARTTLS without a server_name
// they are not, as between mail servers (decision M13). CertExpiry is reported in any case; fewer than min_days is a Warning, and a
// failure only with fail_expiring. starttls is auto for smtp, and for the others never unless it is given or a key about
// the certificate is.
//
// # DNS
//
// Over UDP, again after half the timeout, and over TCP when the answer is truncated. expect is an address, other record data, or an
// rcode like NXDOMAIN; without it NOERROR and one record of the type are enough.
//
// # ICMP
//
// Two echo requests at most, over one socket a family that all looks share: raw with CAP_NET_RAW, else the ping socket that
// net.ipv4.ping_group_range allows. With neither: no-permission.
//
// # Plugins
//
// command is a program and its arguments, never a shell line; {address} and {port} in the arguments are replaced, and
// LOADSHARE_ADDRESS and LOADSHARE_PORT are all it finds in its environment beside PATH and LC_ALL. Exit 0 is OK, 1 is OK with a Warning,
// 2 is critical, 3 and all else is plugin-unknown. At the timeout its whole process group is killed, which is timeout.
//
// # Adding a kind
//
// A new kind is one file beside these, with a compile function like compileDNS: it checks its part of the Spec, reports every mistake
// as a SpecError in the words of the configuration, and gives back a func(*attempt) that looks. Then one line in the switch of Spec.Compile,
// its constant and its place in Kinds. The function
//
//   - takes its deadline from attempt.deadline and obeys attempt.ctx; attempt.open and talk do both for TCP;
//   - ends in exactly one of attempt.end, attempt.endErr and attempt.succeed, with a Reason of its own where none fits;
//   - reads a bounded number of bytes, and keeps nothing once it returns.
//
// Its tests are a table of real loopback servers, one for each way to fail, that compares Reason and Step; a parser gets a fuzz test.
package probes
