$TTL 86400
@ IN SOA ns1.mydomain.com. root.ns1.mydomain.com. (
	2000030101 ; serial
	28800      ; refresh
	140        ; retry
	3600000    ; expire
	86400 )    ; minimum
	IN NS ns1.mydomain.com.
	IN NS ns2.mydomain.com.
	IN MX 10 clusternode1.mydomain.com.
	IN MX 10 clusternode2.mydomain.com.

ns1 IN A 192.168.0.10
ns2 IN A 192.168.0.11
$GENERATE 1-5 clusternode$ IN A 192.168.0.$
monitor1 IN A 192.168.0.100
monitor2 IN A 192.168.0.101

www 30 IN A 192.168.0.1
www 30 IN A 192.168.0.2
www 30 IN A 192.168.0.3
smtp 30 IN A 192.168.0.1
smtp 30 IN A 192.168.0.2
