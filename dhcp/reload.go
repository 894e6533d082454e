package dhcp

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"loadshare/dhcp/config"
	"loadshare/dhcp/engine"
)

// Reload takes over another configuration, or, on an error, nothing of it.
func (s *Server) Reload(conf *config.Config) error {
	if err := s.mayReload(conf); err != nil {
		return err
	}
	err := s.loop.call(func() {
		s.conf.Store(conf)
		s.loop.step(engine.Reconfigure{Config: conf.Engine})
		s.loop.handGroup()
	})
	if err != nil {
		return err
	}
	for _, l := range s.links {
		l.beside.configured(conf)
	}
	select {
	case s.dns.conf <- conf:
	case <-s.ctx.Done():
	}
	s.poke()
	return nil
}

// mayReload says whether a configuration can take the place of the present one: what is served and how can, who and where this server
// is cannot.
func (s *Server) mayReload(conf *config.Config) error {
	now := s.conf.Load()
	switch {
	case conf.StateDir != now.StateDir:
		return errors.New("state_dir cannot change while the server runs: restart it")
	case !slices.Equal(conf.Interfaces, now.Interfaces) || !slices.Equal(conf.Listen, now.Listen) || conf.RelayReplySource != now.RelayReplySource:
		return errors.New("interfaces, listen and relay_reply_port cannot change while the server runs: restart it")
	case conf.Control != now.Control || conf.Metrics != now.Metrics:
		return errors.New("[control] and [metrics] cannot change while the server runs: restart it")
	case !reflect.DeepEqual(conf.Alerts, now.Alerts):
		return errors.New("[alerts] cannot change while the server runs: restart it")
	case !reflect.DeepEqual(conf.LeaseQuery, now.LeaseQuery):
		return errors.New("[leasequery] cannot change while the server runs: restart it")
	case conf.History != now.History:
		return errors.New("history cannot change while the server runs: restart it")
	case len(conf.Pairs) != len(now.Pairs):
		return errors.New("[[failover]] cannot come or go while the server runs: restart it")
	case (conf.DDNS == nil) != (now.DDNS == nil), conf.DDNS != nil && len(conf.DDNS.Servers) != len(now.DDNS.Servers):
		return errors.New("[ddns] and the number of its servers cannot change while the server runs: restart it")
	}
	for _, p := range now.Pairs {
		i := slices.IndexFunc(conf.Pairs, func(o config.Pair) bool { return o.Name == p.Name })
		if i < 0 {
			return fmt.Errorf("[[failover]] %s cannot go while the server runs: restart it", p.Name)
		}
		o := conf.Pairs[i]
		if o.Role != p.Role || o.Address != p.Address || o.Partner != p.Partner || o.Draft != p.Draft || !o.Draft && !o.Auth.Same(p.Auth) {
			return fmt.Errorf("[[failover]] %s: role, address, partner, link and the key cannot change while the server runs: restart it", p.Name)
		}
	}
	return nil
}
