// Package catalog makes a catalog zone (RFC 9432) of the zones that a server has, so that standard secondaries follow new ones.
package catalog
