package alert

import (
	"strings"
	"testing"

	"loadshare/internal/config"
)

func readConfig(t *testing.T, text string) (Config, config.Problems) {
	t.Helper()
	doc, err := config.Parse("monitor.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := ConfigFrom(doc.Root().Table("alerts"), "monitor")
	return c, doc.Problems()
}

const good = `[alerts]
smtp = "smtp://127.0.0.1:25"
from = "loadshare@mydomain.com"
to = ["root@mydomain.com", "a@x.org, b@x.org"]
`

func TestConfigOfTheContract(t *testing.T) {
	c, ps := readConfig(t, good)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	if c.Relay.String() != "smtp://127.0.0.1:25" || len(c.To) != 2 || len(c.To[1]) != 2 || c.Summary != DefaultSummary || c.Rate != DefaultRate || !c.Enabled() {
		t.Errorf("%+v", c)
	}
	if c, ps := readConfig(t, ""); c.Enabled() || len(ps) > 0 {
		t.Errorf("without [alerts]: %+v, %v", c, ps)
	}
	for smtp, want := range map[string]string{"smtps://mail.x.org": "smtps://mail.x.org:465", "smtp+tls://mail.x.org": "smtp+tls://mail.x.org:587", "smtp://[::1]": "smtp://[::1]:25"} {
		if c, ps := readConfig(t, strings.Replace(good, "smtp://127.0.0.1:25", smtp, 1)); c.Relay.String() != want || len(ps) > 0 {
			t.Errorf("%s: %s, %v, want %s", smtp, c.Relay, ps, want)
		}
	}
	if c, _ := readConfig(t, good+`summary = "off"`); c.Summary != "" {
		t.Errorf("off is %q", c.Summary)
	}
}

func TestConfigProblems(t *testing.T) {
	for name, test := range map[string]struct{ text, key string }{
		"scheme":           {strings.Replace(good, "smtp://", "http://", 1), "alerts.smtp"},
		"port":             {strings.Replace(good, ":25", ":99999", 1), "alerts.smtp"},
		"password in url":  {strings.Replace(good, "smtp://", "smtp://u:p@", 1), "alerts.smtp"},
		"from":             {strings.Replace(good, "loadshare@", "loadshare at ", 1), "alerts.from"},
		"to":               {strings.Replace(good, "root@mydomain.com", "root at home", 1), "alerts.to[1]"},
		"nobody":           {"[alerts]\nsmtp = \"smtp://127.0.0.1\"\nfrom = \"a@x.org\"", "alerts.to"},
		"no server":        {"[alerts]\nto = [\"a@x.org\"]\nfrom = \"a@x.org\"", "alerts.smtp"},
		"webhook":          {"[alerts]\nwebhook = \"ftp://x\"", "alerts.webhook"},
		"rate":             {good + `rate = "often"`, "alerts.rate"},
		"summary":          {good + `summary = "daily"`, "alerts.summary"},
		"summary tz":       {good + `summary = "TZ=Europe/Berlin"`, "alerts.summary"}, // the library panics on it
		"summary never":    {good + `summary = "0 0 30 2 *"`, "alerts.summary"},
		"login in clear":   {good + `user = "u"`, "alerts.user"},
		"unknown":          {good + `sms = "1"`, "alerts.sms"},
		"password missing": {good + `password = "none"`, "alerts.password"},
	} {
		_, ps := readConfig(t, test.text)
		found := false
		for _, p := range ps.Errors() {
			found = found || p.Key == test.key
		}
		if !found {
			t.Errorf("%s: %v, want a problem with %s", name, ps, test.key)
		}
	}
	if _, ps := readConfig(t, "[alerts]\nwebhook = \"http://chat.x.org/hook\""); len(ps.Warnings()) != 1 || ps.Err() != nil {
		t.Errorf("http to another host: %v, want a warning", ps)
	}
}

func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"0 7 * * *", "@daily", "TZ=", "TZ=UTC", "CRON_TZ=UTC 0 7 * * *", "@every 1s", "60 * * * *", "*/0 * * * *"} {
		f.Add(s)
	}
	// Whatever is written there, reading it does not panic, and what is accepted comes some day.
	f.Fuzz(func(t *testing.T, spec string) {
		if s, err := parseSchedule(spec); (s == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", spec, s, err)
		}
	})
}
