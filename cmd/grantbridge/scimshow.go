package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/scim"
	"grantbridge/scim/inspect"
	"grantbridge/store"
)

// showRequest writes one request in full.
func (a *app) showRequest(b *bridge, r store.SCIMRequest, e *inspect.Entry) error {
	return a.show(struct {
		scimLogRow
		*inspect.Entry
	}{rowOfRequest(r), e}, func(w io.Writer) {
		line := func(name, format string, args ...any) {
			fmt.Fprintf(w, "  %-11s %s\n", name, clean(fmt.Sprintf(format, args...)))
		}
		fmt.Fprintf(w, "%s %s   %d\n", r.Method, clean(strings.TrimSuffix(e.Path+"?"+e.Query, "?")), r.Status)
		line("at", "%s, took %s", r.At.UTC().Format("2006-01-02 15:04:05.000Z"), r.Took)
		line("request", "%s", r.Request)
		line("source", "%s, %s, profile %s", r.Source, orDash(r.Credential), orDash(r.Profile))
		line("from", "%s, %s", orDash(e.Address), orDash(e.Agent))
		if r.Says != "" {
			line("says", "%s", r.Says)
		}
		a.writeRewrites(w, e.Rewrites)
		switch {
		case e.Body != nil:
			line("body", "%d bytes%s", e.BodySize, parenthesis(e.BodyNote))
			fmt.Fprintf(w, "%s\n", indent(e.Body))
		case e.BodyNote != "":
			line("body", "%s", e.BodyNote)
		}
		a.writeObjects(w, e.Objects, e.More)
		a.writeAccess(w, b, e.Access)
	})
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func indent(text json.RawMessage) string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return ""
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("    ", "  ")
	_ = e.Encode(v)
	return "    " + strings.TrimRight(clean2(out.String()), "\n")
}

// clean2 is clean for text of more than one line.
func clean2(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (a *app) writeRewrites(w io.Writer, rewrites []inspect.Rewrite) {
	for i, r := range rewrites {
		name := ""
		if i == 0 {
			name = "read as"
		}
		fmt.Fprintf(w, "  %-11s %s: %s\n", name, r.Rule, clean(r.Detail))
	}
}

func (a *app) writeObjects(w io.Writer, objects []inspect.Object, more int) {
	for _, o := range objects {
		what := "no change"
		if o.Changed {
			what = fmt.Sprintf("revision %d", o.Revision)
		}
		if o.Error != "" {
			what = o.Error
		}
		fmt.Fprintf(w, "  %-11s %s %s   %d, %s\n", strings.ToLower(o.Type), o.Method, clean(o.ID), o.Status, clean(what))
		for _, l := range difference(o) {
			fmt.Fprintf(w, "    %s\n", clean(a.paint(map[byte]string{'-': red, '+': green}[l[0]], l)))
		}
		if m := o.Members; m != nil {
			fmt.Fprintf(w, "    members +%d −%d, %d wait for their user\n", m.Added, m.Removed, m.Parked)
		}
	}
	if more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}

// difference are the attributes before (-) and after (+).
func difference(o inspect.Object) (lines []string) {
	var before, after map[string]json.RawMessage
	_ = json.Unmarshal(o.Before, &before)
	_ = json.Unmarshal(o.After, &after)
	for _, f := range o.Fields {
		was, is := before[f], after[f]
		if was == nil && is == nil {
			lines = append(lines, "  "+f)
			continue
		}
		if was != nil {
			lines = append(lines, fmt.Sprintf("- %s: %s", f, was))
		}
		if is != nil {
			lines = append(lines, fmt.Sprintf("+ %s: %s", f, is))
		}
	}
	return lines
}

// writeAccess writes whose access changed, with the names of today.
func (a *app) writeAccess(w io.Writer, b *bridge, x *inspect.Access) {
	if x == nil {
		return
	}
	if x.From == 0 {
		fmt.Fprintf(w, "  %-11s %s\n", "access", x.Says)
		return
	}
	says := "nobody's changed"
	if x.People > 0 {
		says = fmt.Sprintf("of %s changed", count(x.People, "person"))
	}
	if !x.Exact {
		says += fmt.Sprintf(", between revisions %d and %d, with what others did", x.From, x.To)
	}
	if x.Says != "" {
		says += "; " + x.Says
	}
	fmt.Fprintf(w, "  %-11s %s\n", "access", says)
	snap, _ := b.Holder().Snapshot(now())
	names := siteNames(snap.AllSites())
	for _, m := range x.Moves {
		who := m.Person
		if p, err := b.FindPerson(m.Person); err == nil {
			who = orDash(p.Login)
		}
		change := fmt.Sprintf("%s → %s", m.From, m.To)
		if m.From == m.To {
			change = fmt.Sprintf("%s, %s", m.From, strings.Join(m.Actions, " "))
		}
		if m.Token {
			change += " through tokens"
		}
		color := green
		if m.To < m.From {
			color = red
		}
		fmt.Fprintf(w, "    %s  %s on %s\n", clean(who), a.paint(color, change), places(m, names))
	}
}

func places(m inspect.Move, names map[access.SiteID]string) string {
	var out []string
	for _, s := range m.Sites {
		switch name, ok := names[s]; {
		case s == access.Global:
			out = append(out, "the platform")
		case ok:
			out = append(out, name)
		default:
			out = append(out, fmt.Sprint(s))
		}
	}
	slices.Sort(out)
	text := strings.Join(out, ", ")
	if m.More > 0 {
		text += fmt.Sprintf(" and %d more", m.More)
	}
	return text
}

func (a *app) showReplay(b *bridge, p *scim.Replay) error {
	return a.show(p, func(w io.Writer) {
		fmt.Fprintf(w, "request %d of %s would be answered %d now (it was %d), on revision %d; nothing was written\n", p.ID, p.Source, p.Now, p.Then, p.Revision)
		if p.Says != "" {
			fmt.Fprintf(w, "  %-11s %s\n", "says", clean(p.Says))
		}
		if p.Note != "" {
			fmt.Fprintf(w, "  %-11s %s\n", "note", p.Note)
		}
		a.writeRewrites(w, p.Rewrites)
		a.writeObjects(w, p.Objects, 0)
		a.writeAccess(w, b, p.Access)
	})
}
