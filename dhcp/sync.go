package dhcp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loadshare/dhcp/config"
	"loadshare/dhcp/failover"
	"loadshare/internal/control"
)

const (
	syncTime = 20 * time.Second // for the partner's answer
	maxSync  = maxAside * 3 / 4 // octets of a configuration that are exchanged
)

// syncAsk asks the partner for its configuration, or to take over from ours.
type syncAsk struct {
	ID        uint64           `json:"id"`
	Source    bool             `json:"source,omitempty"` // its text is wanted
	Text      string           `json:"text,omitempty"`   // ours, to take over from
	Operation config.Operation `json:"operation"`
	Run       bool             `json:"run,omitempty"`
}

type syncAnswer struct {
	ID      uint64             `json:"id"`
	Text    string             `json:"text,omitempty"`
	Result  *config.SyncResult `json:"result,omitempty"`
	Refused string             `json:"refused,omitempty"`
}

// orderSync carries out dhcp-pair sync.
func (s *Server) orderSync(ctx context.Context, r control.Request) (any, error) {
	var o SyncOrder
	if err := r.Decode(&o); err != nil {
		return nil, err
	}
	p, err := s.which(o.Pair)
	if err != nil {
		return nil, err
	}
	op, ok := config.ParseOperation(o.Operation)
	if !ok || o.Direction != "main-to-backup" && o.Direction != "backup-to-main" {
		return nil, control.Refuse("operation is update, complete or exact, direction main-to-backup or backup-to-main")
	}
	if p.Draft {
		return nil, control.Refuse("the partner of %s speaks the plain protocol of the draft: its configuration cannot be exchanged", p.Name)
	}
	out := SyncReport{Operation: o.Operation, Direction: o.Direction, Destination: "backup"}
	if o.Direction == "backup-to-main" {
		out.Destination = "main"
	}
	s.log.Info("operator", "order", "sync", "pair", p.Name, "by", r.By, "operation", o.Operation, "direction", o.Direction, "run", o.Run)
	var result config.SyncResult
	if (out.Destination == "main") == (p.Role == failover.Main) {
		result, err = s.syncHere(ctx, s.links[p.Name], op, o.Run)
	} else {
		result, err = s.syncThere(ctx, s.links[p.Name], op, o.Run)
	}
	if err != nil {
		return nil, control.Refuse("%v", err)
	}
	out.Changes, out.File, out.Kept = append([]config.Change{}, result.Changes...), result.File, result.Kept
	out.Applied = o.Run && len(result.Changes) > 0
	return out, nil
}

// syncHere takes over from the partner.
func (s *Server) syncHere(ctx context.Context, p *pairLink, op config.Operation, run bool) (config.SyncResult, error) {
	a, err := p.askSync(ctx, &syncAsk{Source: true})
	if err != nil {
		return config.SyncResult{}, err
	}
	return s.takeOver(ctx, p, []byte(a.Text), op, run)
}

// syncThere has the partner take over from this server.
func (s *Server) syncThere(ctx context.Context, p *pairLink, op config.Operation, run bool) (config.SyncResult, error) {
	text, err := s.syncText()
	if err != nil {
		return config.SyncResult{}, err
	}
	a, err := p.askSync(ctx, &syncAsk{Text: text, Operation: op, Run: run})
	if err != nil {
		return config.SyncResult{}, err
	}
	if a.Result == nil {
		return config.SyncResult{}, errors.New("the partner's answer says nothing")
	}
	return *a.Result, nil
}

func (s *Server) syncText() (string, error) {
	text, err := config.SyncSource(s.conf.Load().Path)
	if err == nil && len(text) > maxSync {
		err = fmt.Errorf("the configuration has %d octets, over the %d that can be exchanged: copy the file", len(text), maxSync)
	}
	return string(text), err
}

// takeOver changes this server's configuration file, and has it read again. When that fails the result says which file is the old one.
func (s *Server) takeOver(ctx context.Context, p *pairLink, source []byte, op config.Operation, run bool) (config.SyncResult, error) {
	conf := s.conf.Load()
	result, err := config.SyncFile(op, p.conf.Name, source, conf.Path, conf.StateDir, run, time.Now())
	if err != nil || result.File == "" {
		return result, err
	}
	if s.reload == nil {
		return result, nil
	}
	if err := s.reload(ctx); err != nil {
		return result, fmt.Errorf("%s was written, but is not in force (the old one is %s): %w", result.File, result.Kept, err)
	}
	return result, nil
}

// askSync asks the partner and waits.
func (p *pairLink) askSync(ctx context.Context, q *syncAsk) (*syncAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	answer := make(chan *syncAnswer, 1)
	p.syncMu.Lock()
	p.lastAsk++
	q.ID = p.lastAsk
	if p.asked == nil {
		p.asked = map[uint64]chan *syncAnswer{}
	}
	p.asked[q.ID] = answer
	p.syncMu.Unlock()
	defer func() {
		p.syncMu.Lock()
		defer p.syncMu.Unlock()
		delete(p.asked, q.ID)
	}()
	if !p.sayAside(&aside{Ask: q}) {
		return nil, errors.New("the partner is not connected")
	}
	select {
	case a := <-answer:
		if a.Refused != "" {
			return nil, errors.New("the partner refuses: " + a.Refused)
		}
		return a, nil
	case <-ctx.Done():
		return nil, errors.New("the partner does not answer")
	case <-p.s.ctx.Done():
		return nil, errStopping
	}
}

func (p *pairLink) answered(a *syncAnswer) {
	p.syncMu.Lock()
	defer p.syncMu.Unlock()
	if to := p.asked[a.ID]; to != nil {
		delete(p.asked, a.ID)
		to <- a
	}
}

// answerSync does what the partner asks. It has proved who it is, and what is each server's own it cannot change.
func (p *pairLink) answerSync(s *session, q *syncAsk) {
	ctx, cancel := context.WithTimeout(p.s.ctx, syncTime)
	defer cancel()
	a := syncAnswer{ID: q.ID}
	var err error
	if q.Source {
		a.Text, err = p.s.syncText()
	} else {
		p.s.log.Info("operator", "order", "sync", "pair", p.conf.Name, "by", "the partner", "operation", q.Operation.String(), "run", q.Run)
		var result config.SyncResult
		result, err = p.s.takeOver(ctx, p, []byte(q.Text), q.Operation, q.Run)
		a.Result = &result
	}
	if err != nil {
		a.Refused = err.Error()
	}
	if frame := (&aside{Answer: &a}).frame(); len(frame) > 0 && len(frame) <= maxAside {
		s.putAside(frame)
	}
}
