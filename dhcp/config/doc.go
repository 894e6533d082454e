// Package config reads the configuration of the role dhcp: the TOML file to scopes, the engine's settings, pairs, DNS and the rest.
//
// [Load] reports all problems of a file at once, each with file, line, key, value and what is accepted; a [Config] is usable only when
// none of them is an error. What a key means, its default and its limits stand in docs/configuration.md; a test compares that with
// what is read here.
//
//	config.go    the first level, and the whole
//	failover.go  [[failover]]: pairs
//	scope.go     [[scope]] and its reservations
//	people.go    [[shared_network]], [[class]] and [[client]]
//	policy.go    options and times, wherever they may stand
//	option.go    option tables, and [[option_definition]]
//	value.go     ranges, hardware addresses, identifiers, times in seconds
//	ddns.go      [ddns]
//	leasequery.go [leasequery]
//	judge.go     what is allowed and still unwise
//	place.go     what package scope finds wrong, with its line
//	sync*.go     one configuration made like another's (loadshare dhcp-pair sync)
package config
