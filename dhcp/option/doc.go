// Package option knows DHCPv4 options: names and types, text to octets and back, and the parts that the server itself reads. Pure.
package option
