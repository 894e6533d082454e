package haserver

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"loadshare/internal/process"
	"loadshare/internal/textlog"
)

// The log says which key was not good: its name, as key_name, since the log of the process never shows the value of "key".
func TestTSIGRefusalNamesTheKey(t *testing.T) {
	logs := &textlog.Buffer{}
	log, err := process.NewLogger(logs, process.LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.before = func(server *Server) { server.log = log }
	s.start(t)
	msg, _ := sign(t, question("ns1.example.test.", dns.TypeA), "nobody.", ddnsSecret, nil)
	if s.raw(t, msg) == nil {
		t.Fatal("no answer")
	}
	if got := logs.String(); !strings.Contains(got, "msg=tsig_refused") || !strings.Contains(got, "error=BADKEY") || !strings.Contains(got, "key_name=nobody") {
		t.Errorf("log: %s", got)
	}
}
