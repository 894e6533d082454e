// Package names decides which DNS names leases have (RFC 4701, 4702, 4703). Pure.
package names
