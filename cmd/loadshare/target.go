package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"loadshare/internal/config"
	"loadshare/internal/control"
)

// How long an answer is waited for: an order, such as the load of a large zone, may take its time; how a role is, it says at once or not at all.
const (
	orderTimeout  = 30 * time.Second
	statusTimeout = 10 * time.Second
)

// target is a role to talk to.
type target struct {
	name    string // in a list of several: the server's name, or the role's
	address string
	tls     control.TLS
}

// runtimeDir is where the sockets of this host's roles are.
func (a *app) runtimeDir() string {
	if d := a.env("LOADSHARE_RUNTIME_DIR"); d != "" {
		return d
	}
	return control.DefaultDir
}

// connect makes a client for the one role that the flags name, or else for this host's role of that kind.
func (a *app) connect(role string) (*control.Client, error) {
	if a.server == "" && a.file == "" && role != "" {
		a.local = true
		a.server = "unix:" + filepath.Join(a.runtimeDir(), role+".sock")
	}
	list, err := a.targets()
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		var names []string
		for _, t := range list {
			names = append(names, t.address)
		}
		return nil, usagef("which one? name it with -s: %s", strings.Join(names, ", "))
	}
	return list[0].client()
}

func (t target) client() (*control.Client, error) {
	c, err := control.Connect(t.address, t.tls)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return c, nil
}

// targets are the roles that the flags name: the one of -s, the one whose configuration -c is, the whole
// site when that is a console's, or all that have a socket on this host.
func (a *app) targets() ([]target, error) {
	switch {
	case a.server != "" && a.file != "":
		return nil, usagef("-s and -c both say which role: give one of them")
	case a.server != "":
		return []target{{name: a.server, address: a.server, tls: a.tls}}, nil
	case a.file != "":
		return a.fromConfig()
	}
	sockets, _ := filepath.Glob(filepath.Join(a.runtimeDir(), "*.sock")) // fails only for a bad pattern
	slices.Sort(sockets)
	var list []target
	for _, s := range sockets {
		list = append(list, target{name: strings.TrimSuffix(filepath.Base(s), ".sock"), address: "unix:" + s})
	}
	if len(list) == 0 {
		return nil, &control.Unreachable{Address: "a role on this host", Err: &noSocket{a.runtimeDir()}}
	}
	return list, nil
}

// noSocket says that no role runs here, as far as its socket shows.
type noSocket struct{ dir string }

func (e *noSocket) Error() string {
	return "no socket in " + e.dir + "; start one (systemctl start loadshare-monitor), or name a role with -s or -c"
}

// fromConfig takes the control address out of the configuration of any role.
func (a *app) fromConfig() ([]target, error) {
	data, err := os.ReadFile(a.file)
	if err != nil {
		return nil, usagef("%v", err)
	}
	doc, err := config.Parse(a.file, data)
	if err != nil {
		return nil, err
	}
	k := kindOf(data)
	if k == kindConsole {
		return a.site(doc)
	}
	if k == kindUnknown && !doc.Root().Table("control").Has("listen") {
		return nil, usagef("%s is no configuration of a role: it is not clear where that listens", a.file)
	}
	c := control.ConfigFrom(doc.Root().Table("control"), string(k))
	if c.Listen.IsZero() {
		return nil, &config.Error{Problems: onlyControl(doc.Problems())}
	}
	t := target{name: string(k), address: c.Listen.String(), tls: a.tls}
	if t.tls == (control.TLS{}) {
		t.tls = c.TLS
	}
	return []target{t}, nil
}

// site is every server of a console's configuration.
func (a *app) site(doc *config.Doc) ([]target, error) {
	var list []target
	for _, s := range doc.Root().Tables("server") {
		list = append(list, target{
			name: s.Required("name"), address: control.ResolveAddress(s, "control", s.Required("control")),
			tls: control.TLS{CA: s.File("ca"), Cert: s.File("cert"), Key: s.File("cert_key")},
		})
	}
	if len(list) == 0 {
		return nil, usagef("%s lists no [[server]]", doc.Path())
	}
	return list, nil
}

// onlyControl leaves out what is said about other tables, which were not read.
func onlyControl(ps config.Problems) config.Problems {
	return slices.DeleteFunc(ps, func(p config.Problem) bool { return !strings.HasPrefix(p.Key, "control.") })
}

// ask runs one question with a bound on its time.
func ask(ctx context.Context, bound time.Duration, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return fn(ctx)
}
