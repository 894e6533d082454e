$TTL 86400
@ IN SOA ns1.mydomain.com. root.mydomain.com. ( 1 28800 140 3600000 3600 )
  IN NS ns1.mydomain.com.
  IN NS ns2.mydomain.com.

ns1      IN A 192.168.0.10
ns2      IN A 192.168.0.11
node1    IN A 192.168.0.1
node2    IN A 192.168.0.2
monitor1 IN A 192.168.0.100

www 30   IN A 192.168.0.1
www 30   IN A 192.168.0.2
