// Package alert tells people what happened: by mail, by webhook, or both.
//
//	cfg := alert.ConfigFrom(doc.Root().Table("alerts"), "monitor")
//	n, err := alert.New(cfg, store, log)
//	go n.Run(ctx)
//	err = n.Send(alert.Alert{Incident: id, Kind: alert.Failure, Title: "www.mydomain.com: 192.168.0.1 is down",
//		Next: "loadshare pool why www.mydomain.com 192.168.0.1", Body: "…", At: now})
//
// A [Live] is the same for a role whose [alerts] may change while it runs.
//
// # What is promised
//
// Send returns when the alert is on disk; it never waits for a network. From
// then on the alert is delivered to every destination (each entry of `to`, and
// the webhook), however long a server is away and however often the process restarts,
// or it is given up with an error in the log and in [Stats]: when the
// destination refuses it for good twice (a 5xx answer to the mail, then one to
// the digest that repeats it), or when [MaxQueue] younger ones wait.
// At least once: a server that took a mail and died before it said so gets
// it again, under the same Message-ID.
//
// # One incident, one thread
//
// All mail of one Incident is a thread: the first message has a Message-ID of ours, the others name
// it in In-Reply-To and References. What waits of the same incident
// when a mail is written is folded into that mail, and so are Children: a node that
// takes thirty services with it is one mail.
//
// # Not too much
//
// Each destination has a token bucket (`rate = "10/10m"`). What comes when it
// is empty waits for the next token and then goes in one digest. Nothing is thrown away.
//
// # Mail as between mail servers
//
// smtp://host: STARTTLS when it is offered, certificate not verified; smtp+tls://: STARTTLS required and
// verified; smtps://: TLS from the start, verified (decision M13). Each entry of `to` is a group that
// gets a message of its own, so that one refused address does not keep the mail from the others.
//
// # The table [alerts]
//
//	smtp = "smtp://127.0.0.1:25"        or smtp+tls://host:587, smtps://host:465
//	from = "loadshare@mydomain.com"
//	to = ["root@mydomain.com"]          an entry "a@x.org, b@x.org" is a group that shares one mail
//	webhook = "https://…"               POST of {"version":1,"id","subject","text","alerts":[…]}
//	rate = "10/10m"                     messages a destination gets in a window
//	summary = "0 7 * * *"               cron, UTC unless CRON_TZ=Europe/Berlin comes first; "off"
//	user, password = "FILE"             login, only with smtp+tls:// and smtps://
//	ca = "FILE"                         authorities besides those of the system
package alert
