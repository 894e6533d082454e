// Package socket receives DHCPv4 messages, sends replies, and asks whether an address is in use (Linux).
package socket
