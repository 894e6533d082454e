package names

import (
	"slices"
	"strings"

	"loadshare/ddns"
)

// dns is a server that does what RFC 2136, 3.2 and 3.4 say: name and type -> values.
type dns map[string]map[string][]string

func (d dns) has(name, typ, value string) bool { return slices.Contains(d[name][typ], value) }

// update answers one change.
func (d dns) update(c ddns.Change) string {
	for _, p := range c.Prereqs {
		set := d[p.Name][p.Type]
		switch {
		case p.Kind == ddns.NameInUse && len(d[p.Name]) == 0:
			return "NXDOMAIN"
		case p.Kind == ddns.NameNotInUse && len(d[p.Name]) > 0:
			return "YXDOMAIN"
		case p.Kind == ddns.SetExists && len(set) == 0:
			return "NXRRSET"
		case p.Kind == ddns.SetAbsent && len(set) > 0:
			return "YXRRSET"
		case p.Kind == ddns.SetEquals && !slices.Equal(slices.Sorted(slices.Values(set)), slices.Sorted(slices.Values(p.Values))):
			return "NXRRSET"
		}
	}
	for _, o := range c.Ops {
		switch o.Kind {
		case ddns.Add:
			if !d.has(o.Name, o.Type, o.Data) {
				d.put(o.Name, o.Type, append(slices.Clone(d[o.Name][o.Type]), o.Data)...)
			}
		case ddns.DeleteSet:
			d.put(o.Name, o.Type)
		case ddns.DeleteRecord:
			d.put(o.Name, o.Type, slices.DeleteFunc(slices.Clone(d[o.Name][o.Type]), func(v string) bool { return v == o.Data })...)
		case ddns.DeleteName:
			delete(d, o.Name)
		}
	}
	return "NOERROR"
}

func (d dns) put(name, typ string, values ...string) {
	if d[name] == nil {
		d[name] = map[string][]string{}
	}
	if d[name][typ] = values; len(values) == 0 {
		delete(d[name], typ)
	}
	if len(d[name]) == 0 {
		delete(d, name)
	}
}

// run carries a job out; the outcome.
func (d dns) run(c Config, j Job) Outcome {
	m := c.Start(j)
	for {
		change, more := m.Update()
		if !more {
			o, _ := m.Outcome()
			return o
		}
		m.Next(d.update(change))
	}
}

// text is the content, a line a set, DHCID as the client's letter.
func (d dns) text(known map[string]string) string {
	var out []string
	for name, types := range d {
		for typ, values := range types {
			v := strings.Join(slices.Sorted(slices.Values(values)), " ")
			if typ == "DHCID" {
				v = known[v]
			}
			out = append(out, name+" "+typ+" "+v)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}
