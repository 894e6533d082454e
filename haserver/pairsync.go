package haserver

import (
	"context"
	"errors"
	"slices"

	"loadshare/haserver/pairmsg"
	"loadshare/internal/control"
)

// The directions of `pair sync`. Main and backup are the roles in force.
const (
	mainToBackup = "main-to-backup"
	backupToMain = "backup-to-main"
)

// PairSyncRequest is the body of POST /v1/pair/sync (checklist H32, H33, H45).
type PairSyncRequest struct {
	Operation string `json:"operation"` // update, complete or exact; "": complete
	Direction string `json:"direction"` // main-to-backup or backup-to-main; "": main-to-backup
	Run       bool   `json:"run"`       // else only report
}

// PairSyncReply says what a synchronisation of the settings changes at the destination, or changed.
type PairSyncReply struct {
	Operation string   `json:"operation"`
	Direction string   `json:"direction"`
	Changes   []string `json:"changes"`
	Lost      []string `json:"lost"` // of the changes, what the destination loses
	Applied   bool     `json:"applied"`
}

// pairSync compares the settings of the two servers, and makes those of the destination as the operation wants.
func (s *Server) pairSync(ctx context.Context, r control.Request) (any, error) {
	var in PairSyncRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if in.Operation == "" {
		in.Operation = syncOperations[syncComplete]
	}
	if in.Direction == "" {
		in.Direction = mainToBackup
	}
	op := slices.Index(syncOperations[:], in.Operation)
	if op < 0 {
		return nil, control.Refuse("operation %q: accepted: update, complete or exact", in.Operation)
	}
	if in.Direction != mainToBackup && in.Direction != backupToMain {
		return nil, control.Refuse("direction %q: accepted: %s or %s", in.Direction, mainToBackup, backupToMain)
	}
	st := s.pairStatus()
	switch {
	case st.Role == pairmsg.Single:
		return nil, control.Refuse("this server has no partner: there is no section [ha] in its configuration")
	case !st.Connected:
		return nil, control.Refuse("the partner is not connected, so its settings are not known; `loadshare ha status` shows how that stands")
	}
	outward := (st.Role == pairmsg.Main) == (in.Direction == mainToBackup)
	theirs, err := s.partnerSettings(ctx)
	if err != nil {
		return nil, err
	}
	source, destination := s.settingsNow(), theirs
	if !outward {
		source, destination = theirs, s.settingsNow()
	}
	plan := planSettings(syncOperation(op), source, destination)
	reply := PairSyncReply{Operation: in.Operation, Direction: in.Direction, Changes: plan.changes, Lost: plan.lost}
	if in.Run && len(plan.changes) > 0 {
		if reply.Changes, err = s.carryOutPlan(ctx, plan, outward); err != nil {
			return nil, err
		}
		s.log.Warn("pair_synchronised", "operation", in.Operation, "direction", in.Direction, "by", r.By, "changes", reply.Changes)
	}
	reply.Applied = in.Run
	reply.Changes, reply.Lost = append([]string{}, reply.Changes...), append([]string{}, reply.Lost...)
	return reply, nil
}

func (s *Server) partnerSettings(ctx context.Context) ([]pairmsg.ZoneSettings, error) {
	m, err := s.askPartner(ctx, func(id uint64) pairmsg.Message { return pairmsg.SettingsAsk{ID: id} })
	if err != nil {
		return nil, err
	}
	theirs, ok := m.(pairmsg.Settings)
	if !ok {
		return nil, errors.New("the partner's answer is none to the question about its settings")
	}
	return theirs.Zones, nil
}

// carryOutPlan makes the destination as planned: the partner, or this server. It returns what was changed in fact.
func (s *Server) carryOutPlan(ctx context.Context, plan settingsPlan, outward bool) ([]string, error) {
	if outward {
		m, err := s.askPartner(ctx, func(id uint64) pairmsg.Message {
			return pairmsg.Settings{ID: id, Zones: plan.zones, Exact: plan.exact, Apply: true}
		})
		if err != nil {
			return nil, err
		}
		done, ok := m.(pairmsg.SettingsDone)
		switch {
		case !ok:
			return nil, errors.New("the partner's answer is none to the order")
		case done.Error != "":
			return nil, errors.New("the partner: " + done.Error)
		}
		return done.Changes, nil
	}
	var changes []string
	var failed error
	done := make(chan struct{})
	if !s.settings.order(func() {
		changes, failed = s.learn(plan.zones, plan.exact)
		close(done)
	}) {
		return nil, errors.New("too many changes of settings at once")
	}
	select {
	case <-done:
		return changes, failed
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.loop.done:
		return nil, errStopping
	}
}
