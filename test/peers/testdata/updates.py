# Updates as programs on dnspython send them, certbot's plugin first. Arguments: address of the server, file of TSIG keys, name of the key to
# certbot's plugin, a label of this run. It prints a line for each step: what was done, and what the server said.
import re
import sys

import dns.edns
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import dns.xfr
import dns.zone
from certbot_dns_rfc2136._internal.dns_rfc2136 import _RFC2136Client

server, keyfile, certbot_key, label = sys.argv[1:]
origin = "pair.test."
algorithms = {"hmac-md5": "HMAC-MD5.SIG-ALG.REG.INT"}
found = re.findall(r'key "([^"]+)" \{\s*algorithm ([^;]+);\s*secret "([^"]+)"', open(keyfile).read())
keys = {name: dns.tsig.Key(name, secret, algorithms.get(algorithm, algorithm)) for name, algorithm, secret in found}
secrets = {name: secret for name, _, secret in found}
ring = {key.name: key for key in keys.values()}


def update(name):
    return dns.update.UpdateMessage(origin, keyring=ring, keyname=keys[name].name, keyalgorithm=keys[name].algorithm)


def say(what, u, ask=dns.query.tcp):
    answer = ask(u, server, timeout=20)
    print(what, dns.rcode.to_text(answer.rcode()), "signed" if answer.had_tsig else "UNSIGNED")


# certbot: it looks for the zone by asking for the SOA of name after name, and adds and deletes single TXT records.
challenge = "_acme-challenge." + label + ".deep.pair.test"
bot = _RFC2136Client(server, 53, certbot_key, secrets[certbot_key], keys[certbot_key].algorithm, 20)
bot.add_txt_record(challenge, "first", 60)
bot.add_txt_record(challenge, "second", 60)
bot.del_txt_record(challenge, "first")
print("certbot", bot._find_domain(challenge))

# Every algorithm, over TCP and UDP. UDP may lose a message on a busy host: it is repeated, and changes nothing more.
for name in sorted(keys):
    u = update(name)
    u.replace(name + "." + label, 60, "TXT", keys[name].algorithm.to_text())
    say("tcp " + name, u)
    for attempt in range(10):
        try:
            say("udp " + name, u, lambda m, s, timeout: dns.query.udp(m, s, timeout=2))
            break
        except dns.exception.Timeout:
            continue

# Prerequisites of all kinds (RFC 2136, 2.4), each as it holds and as it does not.
for what, require in {
    "name is used": lambda u: u.present("www"),
    "name is used, no": lambda u: u.present("nobody"),
    "set exists": lambda u: u.present("www", "A"),
    "set exists, no": lambda u: u.present("www", "MX"),
    "set is": lambda u: u.present("www", "A", "192.0.2.10", "192.0.2.11"),
    "set is, no": lambda u: u.present("www", "A", "192.0.2.10"),
    "name is free": lambda u: u.absent("nobody"),
    "name is free, no": lambda u: u.absent("www"),
    "no set": lambda u: u.absent("www", "MX"),
    "no set, no": lambda u: u.absent("www", "A"),
}.items():
    u = update("ddns")
    require(u)
    u.add("required." + label, 60, "TXT", what)
    say(what, u)

# The zone by AXFR, then what changed by IXFR over TCP and over UDP.
zone = dns.zone.Zone(origin)
for mode in (dns.query.UDPMode.NEVER, dns.query.UDPMode.NEVER, dns.query.UDPMode.TRY_FIRST):
    query, serial = dns.xfr.make_query(zone, keyring=ring, keyname="ddns")
    dns.query.inbound_xfr(server, zone, query, timeout=20, lifetime=20, udp_mode=mode)
    u = update("ddns")
    u.add("later." + label, 60, "TXT", str(zone.get_rdataset("@", "SOA")[0].serial))
    say("transfer", u)
print("names", len([n for n in zone.nodes if n.is_subdomain(dns.name.from_text(label, None))]))
