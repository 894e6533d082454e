// Package scavenge finds records that clients added long ago and have not refreshed since.
package scavenge
