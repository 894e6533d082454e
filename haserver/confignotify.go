package haserver

import (
	"time"

	"loadshare/haserver/message"
	"loadshare/haserver/notify"
	"loadshare/haserver/zone"
	"loadshare/internal/config"
)

// readNotify reads [notify], for which the defaults are good.
func readNotify(s *config.Section) notify.Config {
	c := notify.Defaults
	c.Gap = s.Duration("gap", c.Gap, 10*time.Millisecond, time.Minute)
	c.Retry = s.Duration("retry", c.Retry, 100*time.Millisecond, time.Minute)
	c.RetryMax = max(c.Retry, c.RetryMax)
	c.Tries = s.Int("tries", c.Tries, 1, 20)
	c.Remind = s.Duration("remind", c.Remind, time.Second, 24*time.Hour)
	return c
}

// readNotifyKey reads the key that a zone's NOTIFY is signed with.
func readNotifyKey(s *config.Section, keys message.Keys) zone.Name {
	text := s.String("notify_key", "")
	if text == "" {
		return ""
	}
	name, err := zone.ParseName(text)
	if err != nil || keys[name.Key()] == nil {
		s.Fail("notify_key", "a key that is in one of the files of `keys`")
		return ""
	}
	return zone.Name(name.Key())
}
