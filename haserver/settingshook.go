package haserver

import (
	"loadshare/haserver/pairmsg"
	"loadshare/haserver/zone"
)

// settingsOf are the settings of a zone that the partner may have.
func (s *Server) settingsOf(name zone.Name) pairmsg.ZoneSettings {
	out := pairmsg.ZoneSettings{Name: name}
	if z := s.view.Load().exact(name); z != nil {
		out.Update, out.Transfer = z.conf.UpdateText, z.conf.TransferText
		for _, a := range z.conf.Notify {
			out.Notify = append(out.Notify, a.String())
		}
	}
	return out
}

// settingsArrived is called with the settings of a zone before its content comes from the partner.
func (s *Server) settingsArrived(pairmsg.ZoneSettings) {}

// settingsReceived is called with every message about settings.
func (s *Server) settingsReceived(m pairmsg.Message, _ func(answer pairmsg.Message)) {
	s.log.Debug("settings_received", "kind", pairmsg.Kind(m))
}
