// Package probes looks once at one service and says what was seen.
package probes
