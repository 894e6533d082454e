package main

import "time"

// What a monitor answers, as far as it is shown (contract, and what the monitor adds).

type monitorStatus struct {
	common
	ID       string     `json:"id"`
	Why      string     `json:"why"`
	Pools    []poolView `json:"pools"`
	Monitors []struct {
		ID        string     `json:"id"`
		Address   string     `json:"address"`
		Self      bool       `json:"self"`
		OK        bool       `json:"ok"`
		Since     *time.Time `json:"since"`
		LastError string     `json:"last_error"`
	} `json:"monitors"`
	Agents []struct {
		Address   string     `json:"address"`
		Connected bool       `json:"connected"`
		Since     *time.Time `json:"since"`
		LastError string     `json:"last_error"`
	} `json:"agents"`
	Guard struct {
		Holding bool       `json:"holding"`
		Reason  string     `json:"reason"`
		Since   *time.Time `json:"since"`
		Held    []string   `json:"held"`
	} `json:"guard"`
}

// poolList is all of them.
type poolList struct {
	Pools []poolView `json:"pools"`
}

// poolView is one record set that a monitor looks after.
type poolView struct {
	Record    string       `json:"record"`
	Type      string       `json:"type"`
	Zone      string       `json:"zone"`
	TTL       uint32       `json:"ttl"`
	Published []string     `json:"published"`
	State     string       `json:"state"`
	Holder    string       `json:"holder"`
	Reason    string       `json:"reason"`
	Cause     string       `json:"cause"`
	Members   []memberView `json:"members"`
	Receipt   *receiptView `json:"receipt"`
	Servers   []struct {
		Address    string     `json:"address"`
		State      string     `json:"state"`
		WrittenAt  *time.Time `json:"written_at"`
		AnsweredAt *time.Time `json:"answered_at"`
		LastError  string     `json:"last_error"`
	} `json:"servers"`
	Answers []struct {
		Server    string `json:"server"`
		LastError string `json:"last_error"`
	} `json:"answers"`
	Strays []string   `json:"strays"`
	Also   []poolView `json:"also"` // of the same name and other types
}

type memberView struct {
	Address      string      `json:"address"`
	State        string      `json:"state"`
	Since        *time.Time  `json:"since"`
	Reason       string      `json:"reason"`
	InDNS        bool        `json:"in_dns"`
	Kept         string      `json:"kept"` // why it stays in DNS although it is not up
	Restarts     int         `json:"restarts"`
	LastRestart  *time.Time  `json:"last_restart"`
	LastResult   string      `json:"last_result"`
	DrainedUntil *time.Time  `json:"drained_until"`
	DrainedBy    string      `json:"drained_by"`
	DrainReason  string      `json:"drain_reason"`
	Checks       []checkView `json:"checks"`
	Events       []eventView `json:"events"` // only in the answer to why
}

type checkView struct {
	Name     string     `json:"name"`
	Address  string     `json:"address"`
	Verdict  string     `json:"verdict"`
	Outcome  string     `json:"outcome"`
	Reason   string     `json:"reason"`
	Detail   string     `json:"detail"`
	At       *time.Time `json:"at"`
	LastOK   *time.Time `json:"last_ok"`
	Failures int        `json:"failures"`
	Blocked  string     `json:"blocked_by"`
}

type eventView struct {
	At     time.Time         `json:"at"`
	Kind   string            `json:"kind"`
	From   string            `json:"from"`
	To     string            `json:"to"`
	Reason string            `json:"reason"`
	Text   string            `json:"text"`
	Data   map[string]string `json:"data"`
}

// receiptView is when what was known about the last change.
type receiptView struct {
	SeenAt     *time.Time `json:"seen_at"`
	DecidedAt  *time.Time `json:"decided_at"`
	WrittenAt  *time.Time `json:"written_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	ProvedAt   *time.Time `json:"proved_at"`
	DrainedBy  *time.Time `json:"drained_by"`
}
