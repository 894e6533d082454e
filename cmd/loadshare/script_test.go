package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"loadshare/internal/control"
	"loadshare/internal/freeport"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"loadshare": main})
}

// TestScript runs the command line as its users see it: exit codes, messages, output. Each script tells one story.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("LOADSHARE_RUNTIME_DIR", filepath.Join(env.WorkDir, "run"))
			env.Setenv("TZ", "UTC")
			for _, name := range []string{"PORT1", "PORT2"} {
				at, err := freeport.Find("127.0.0.1")
				if err != nil {
					return err
				}
				env.Setenv(name, strconv.Itoa(int(at.Port())))
			}
			return os.CopyFS(filepath.Join(env.WorkDir, "samples"), os.DirFS("testdata/samples"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "serve": serve, "untilready": untilReady, "untilshows": untilShows, "envsubst": envSubst, "reload": reload},
	})
}

// exits CODE COMMAND ARG... runs a command and wants exactly that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		code = ee.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// serve ROLE ADDRESS DIR [CA CERT KEY] is a role that answers what the files of DIR say: GET.pool.why.json is the answer to GET /v1/pool/why.
// A file that begins with REFUSE or FAIL is a refusal or a failure. What is asked is written to asked.log.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: serve ROLE ADDRESS DIR [CA CERT KEY]")
	}
	a, err := control.ParseAddress(args[1])
	ts.Check(err)
	cfg := control.Config{Role: args[0], Listen: a}
	if len(args) == 6 {
		cfg.TLS = control.TLS{CA: ts.MkAbs(args[3]), Cert: ts.MkAbs(args[4]), Key: ts.MkAbs(args[5])}
	}
	s, err := control.Listen(cfg, nil)
	ts.Check(err)
	ts.Setenv("ADDRESS", s.Address().String())
	files, err := os.ReadDir(ts.MkAbs(args[2]))
	ts.Check(err)
	var mu sync.Mutex
	asked := ts.MkAbs("asked.log")
	for _, f := range files {
		parts := strings.Split(strings.TrimSuffix(f.Name(), ".json"), ".")
		pattern := parts[0] + " /v1/" + strings.Join(parts[1:], "/")
		text := ts.ReadFile(filepath.Join(args[2], f.Name()))
		s.HandleLarge(pattern, func(_ context.Context, r control.Request) (any, error) {
			var body json.RawMessage
			if err := r.Decode(&body); err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			log, err := os.OpenFile(asked, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return nil, err
			}
			defer log.Close()
			fmt.Fprintf(log, "%s %s %s\n", pattern, r.Query.Encode(), body)
			if why, ok := strings.CutPrefix(text, "REFUSE "); ok {
				return nil, control.Refuse("%s", strings.TrimSpace(why))
			}
			if why, ok := strings.CutPrefix(text, "FAIL "); ok {
				return nil, errors.New(strings.TrimSpace(why))
			}
			return json.RawMessage(text), nil
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	ts.Defer(func() {
		cancel()
		if err := <-done; err != nil {
			ts.Logf("serve: %v", err)
		}
	})
}

// patience is how long a test waits for what is to happen: it matters only when the test fails.
const patience = time.Minute

// untilready ADDRESS waits until a role that was started answers that it is ready.
func untilReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: untilready ADDRESS")
	}
	c, err := control.Connect(args[0], control.TLS{})
	ts.Check(err)
	deadline := time.Now().Add(patience)
	for {
		var r struct{ Ready bool }
		if err = c.Get(context.Background(), "/v1/ready", &r); err == nil && r.Ready {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not ready after %s: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond) // a real process is waited for
	}
}

// envsubst FILE... puts the values of variables of the environment into files.
func envSubst(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: envsubst FILE...")
	}
	for _, file := range args {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(os.Expand(ts.ReadFile(file), ts.Getenv)), 0o600))
	}
}

// reload ADDRESS has a role read its configuration again, as SIGHUP does.
func reload(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: reload ADDRESS")
	}
	c, err := control.Connect(args[0], control.TLS{})
	ts.Check(err)
	ts.Check(c.Post(context.Background(), "/v1/reload", nil, nil))
}

// untilshows TEXT COMMAND ARG... runs a command until its output has the text.
func untilShows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: untilshows TEXT COMMAND ARG...")
	}
	deadline := time.Now().Add(patience)
	for {
		err := ts.Exec(args[1], args[2:]...)
		if out := ts.ReadFile("stdout"); strings.Contains(out, args[0]) {
			return
		} else if time.Now().After(deadline) {
			ts.Fatalf("no %q after %s: %v\n%s%s", args[0], patience, err, out, ts.ReadFile("stderr"))
		}
		time.Sleep(50 * time.Millisecond) // real processes are waited for
	}
}

// runHere runs a command in this process.
func runHere(stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, err strings.Builder
	code = run(args, stdin, &out, &err)
	return code, out.String(), err.String()
}
