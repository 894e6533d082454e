// Package failover is one endpoint of the DHCP failover protocol, pure (draft-ietf-dhc-failover-12).
package failover
