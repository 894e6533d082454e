@ IN SOA ns1.mydomain.com. root.ns1.mydomain.com.(
                2000030101 ; Serial
                28800 ; refresh
                140 ; Retry
                3600000 ; Expire
                86400 ) ; Minimum

        IN NS ns1.mydomain.com.
        IN NS ns2.mydomain.com.

@     IN MX 10 clusternode1.mydomain.com.
        IN MX 10 clusternode2.mydomain.com.

; The individual hosts in the cluster:
clusternode1 IN A 192.168.0.1
clusternode2 IN A 192.168.0.2
clusternode3 IN A 192.168.0.3
clusternode4 IN A 192.168.0.4
clusternode5 IN A 192.168.0.5

; The 2 monitoring nodes monitor1 IN A 192.168.0.100
monitor2 IN A 192.168.0.101

;Hosts that are not part of a clustergroup
ns1 IN A 192.168.0.10
ns2 IN A 192.168.0.11

;The loadsharing done with Round Robin DNS
www 1 IN A 192.168.0.1
www 1 IN A 192.168.0.2
www 1 IN A 192.168.0.3

;Load sharing for sendning email
smtp 1 IN A 192.168.0.1
smtp 1 IN A 192.168.0.2

;Load sharing for pop3 serrver
pop 1 IN A 192.168.0.4
pop 1 IN A 192.168.0.5
