package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"loadshare/monitor/order"
)

// Keys of the agent's store.
const (
	poolPrefix    = "pool/"
	servicePrefix = "service/"
)

// poolRecord is a pool as it is saved: one record, replaced whole. The state of
// the legs is not in it: after a start every server is read again.
type poolRecord struct {
	Newest  order.Stamp   `json:"newest"`
	Holder  string        `json:"holder,omitempty"`
	Lease   time.Duration `json:"lease,omitempty"`
	Adopted bool          `json:"adopted,omitempty"`
	// Job is the newest order while a server still misses it.
	Job *jobRecord `json:"job,omitempty"`
}

type jobRecord struct {
	Order    order.Publish `json:"order"`
	From     string        `json:"from"`
	Adopting bool          `json:"adopting,omitempty"`
}

type serviceRecord struct {
	Total    int       `json:"total"`
	Attempts []attempt `json:"attempts"`
}

func (m *Machine) save(p *pool) {
	r := poolRecord{Newest: p.newest, Holder: p.holder, Lease: p.lease, Adopted: p.adopted}
	if p.job != nil && !p.job.over() {
		r.Job = &jobRecord{Order: p.job.order, From: p.job.from, Adopting: p.job.adopting}
	}
	m.put(poolPrefix+string(p.id), r)
}

func (m *Machine) saveService(s *service) {
	m.put(servicePrefix+s.name, serviceRecord{Total: s.total, Attempts: s.attempts})
}

// put adds one record to the output; a later one of the same key replaces it.
func (m *Machine) put(key string, record any) {
	value, err := json.Marshal(record)
	if err != nil {
		panic("plan: own record does not encode: " + err.Error())
	}
	if i, ok := m.saved[key]; ok {
		m.out.Save[i].Value = value
		return
	}
	m.saved[key] = len(m.out.Save)
	m.out.Save = append(m.out.Save, Save{Key: key, Value: value})
}

func (m *Machine) load(now time.Time, key string, value []byte) error {
	if id, ok := strings.CutPrefix(key, poolPrefix); ok {
		var r poolRecord
		if err := strict(value, &r); err != nil {
			return err
		}
		p := m.pool(order.PoolID(id))
		if p == nil {
			return fmt.Errorf("more than %d pools", len(m.pools))
		}
		p.newest, p.holder, p.lease, p.adopted = r.Newest, r.Holder, r.Lease, r.Adopted
		// The last holder is obeyed for one more lease, so that a restart of
		// the agent is no chance for a standby.
		if p.holder != "" {
			p.until = now.Add(min(max(p.lease, minLease), maxLease))
		}
		if r.Job != nil {
			if string(r.Job.Order.Pool) != id {
				return fmt.Errorf("holds an order of %s", r.Job.Order.Pool)
			}
			p.job = newJob(now, m.cfg, r.Job.From, r.Job.Order, r.Job.Adopting, false)
			if !p.job.over() {
				m.active[p.id] = p
			}
		}
		return nil
	}
	if name, ok := strings.CutPrefix(key, servicePrefix); ok {
		var r serviceRecord
		if err := strict(value, &r); err != nil {
			return err
		}
		s := m.service(name)
		s.total, s.attempts = r.Total, r.Attempts
		s.interrupted(now)
		return nil
	}
	return fmt.Errorf("a key of no kind known here")
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the record")
	}
	return nil
}
