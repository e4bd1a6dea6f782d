package scim_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"grantbridge/provision"
	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// A fixture is what an identity provider sends, in order, and what must come of
// it: testdata/PROVIDER/NAME.scim. Its head has lines "key: value" (source,
// profile, agent), then "mapping:" and the rules, indented. Then come steps:
//
//	== what happens
//	PATCH /Users/$alice
//	If-Match: *
//	{"schemas": …}
//	> 200
//	ETag: W/.*
//	{"active": false}
//	! rewrites boolean-text
//	! stored Users/$alice {"userName": …}
//	! members $group = $alice $bob
//	! may alice write main = no
//
// The wanted body is a part of the real one: objects may have more keys, arrays
// not more elements. "=> name" takes a text as $name, "*" is anything, "!absent"
// says that the key is not there.
type fixture struct {
	head    map[string]string
	mapping string
	steps   []step
}

type step struct {
	line         int
	name         string
	method, path string
	headers      []string
	body         string
	status       int
	wantHeaders  []string
	wantBody     string
	expectations []string
}

func readFixture(t *testing.T, file string) fixture {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{head: map[string]string{}}
	lines := strings.Split(string(b), "\n")
	i := 0
	for ; i < len(lines) && !strings.HasPrefix(lines[i], "== "); i++ {
		line := lines[i]
		key, value, ok := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "  "):
			f.mapping += line[2:] + "\n"
		case ok && !strings.HasPrefix(line, "#"):
			f.head[key] = strings.TrimSpace(value)
		}
	}
	for ; i < len(lines); i++ {
		if name, ok := strings.CutPrefix(lines[i], "== "); ok {
			f.steps = append(f.steps, step{line: i + 1, name: name})
			continue
		}
		f.steps[len(f.steps)-1].read(lines[i])
	}
	return f
}

var headerLine = regexp.MustCompile(`^[A-Za-z-]+: `)

func (s *step) read(line string) {
	switch {
	case strings.HasPrefix(line, "#"):
	case s.method == "" && strings.TrimSpace(line) == "":
	case s.method == "" && !strings.HasPrefix(line, "! "):
		s.method, s.path, _ = strings.Cut(line, " ")
	case strings.HasPrefix(line, "! "):
		s.expectations = append(s.expectations, line[2:])
	case strings.HasPrefix(line, "> "):
		s.status, _ = strconv.Atoi(strings.TrimSpace(line[2:]))
	case s.status == 0 && s.body == "" && headerLine.MatchString(line):
		s.headers = append(s.headers, line)
	case s.status == 0:
		s.body += line + "\n"
	case s.wantBody == "" && headerLine.MatchString(line):
		s.wantHeaders = append(s.wantHeaders, line)
	default:
		s.wantBody += line + "\n"
	}
}

func TestWhatProvidersSend(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.scim")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".scim")
		t.Run(name, func(t *testing.T) {
			f := readFixture(t, file)
			storetest.Each(t, func(t *testing.T, st *store.Store) { f.run(t, st) })
		})
	}
}

// play is a fixture under way.
type play struct {
	*house
	vars map[string]string
	log0 int
}

func (f fixture) run(t *testing.T, st *store.Store) {
	profile, err := scim.ParseProfile(f.head["profile"])
	if err != nil {
		t.Fatal(err)
	}
	f.play(t, openHouse(t, st, scim.Config{Sources: map[string]scim.Source{"okta": {Profile: profile}}}))
}

// play plays the fixture in a house.
func (f fixture) play(t *testing.T, h *house) {
	h.agent = f.head["agent"]
	if f.mapping != "" {
		_, _, err := h.e.SetMapping(t.Context(), operator, "fixture", []byte(f.mapping), "", "")
		h.must(err)
	}
	p := play{house: h, vars: map[string]string{}}
	for _, s := range f.steps {
		if !p.step(t, s) {
			return
		}
	}
}

func (p *play) step(t *testing.T, s step) (ok bool) {
	at := fmt.Sprintf("line %d, %s", s.line, s.name)
	p.log0 = len(p.house.log.String())
	if s.method != "" {
		var headers []string
		for _, h := range s.headers {
			headers = append(headers, p.fill(h))
		}
		path := strings.NewReplacer(" ", "%20", `"`, "%22").Replace(p.fill(s.path))
		r := p.send(s.method, path, strings.TrimSpace(p.fill(s.body)), headers...)
		if r.status != s.status {
			t.Errorf("%s: got %d, want %d: %s", at, r.status, s.status, r.text)
			return false
		}
		for _, h := range s.wantHeaders {
			name, want, _ := strings.Cut(h, ": ")
			if got := r.header.Get(name); !regexp.MustCompile("^" + p.fill(want) + "$").MatchString(got) {
				t.Errorf("%s: header %s is %q, want %s", at, name, got, want)
			}
		}
		if want := strings.TrimSpace(s.wantBody); want == "-" && r.text != "" {
			t.Errorf("%s: there is a body: %s", at, r.text)
		} else if want != "" && want != "-" {
			if why := p.part("", p.parse(t, at, want), r.body); why != "" {
				t.Errorf("%s: %s\nin %s", at, why, r.text)
				return false
			}
		}
	}
	for _, e := range s.expectations {
		if why := p.expect(t, p.fill(e)); why != "" {
			t.Errorf("%s: ! %s: %s", at, e, why)
			ok = false
		}
	}
	return true
}

var variable = regexp.MustCompile(`\$[a-z][a-z0-9]*`)

// fill puts in what was taken from earlier answers. $ref is SCIM's own.
func (p *play) fill(s string) string {
	return variable.ReplaceAllStringFunc(s, func(v string) string {
		if value, ok := p.vars[v[1:]]; ok {
			return value
		}
		return v
	})
}

func (p *play) parse(t *testing.T, at, s string) any {
	var v any
	if err := json.Unmarshal([]byte(p.fill(s)), &v); err != nil {
		t.Fatalf("%s: the wanted body is no JSON: %v", at, err)
	}
	return v
}

// part says why want is no part of got, or nothing.
func (p *play) part(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, want an object", path, got)
		}
		for key, w := range want {
			g, there := have[key]
			if w == "!absent" {
				if there {
					return fmt.Sprintf("%s.%s is there: %v", path, key, g)
				}
				continue
			}
			if !there {
				return fmt.Sprintf("%s.%s is not there", path, key)
			}
			if why := p.part(path+"."+key, w, g); why != "" {
				return why
			}
		}
		return ""
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			return fmt.Sprintf("%s is %v, want %d elements", path, got, len(want))
		}
		for i := range want {
			if why := p.part(fmt.Sprintf("%s[%d]", path, i), want[i], have[i]); why != "" {
				return why
			}
		}
		return ""
	case string:
		if want == "*" && got != nil && got != "" {
			return ""
		}
		if name, ok := strings.CutPrefix(want, "=> "); ok {
			p.vars[name], ok = got.(string)
			if !ok {
				return path + " is no text"
			}
			return ""
		}
	}
	if want != got {
		return fmt.Sprintf("%s is %v, want %v", path, got, want)
	}
	return ""
}

// expect checks one line of what came of a step.
func (p *play) expect(t *testing.T, line string) string {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "rewrites":
		for _, rule := range strings.Fields(rest) {
			if !strings.Contains(p.house.log.String()[p.log0:], rule+":") {
				return "not in " + p.house.log.String()[p.log0:]
			}
		}
		return ""
	case "no-rewrites":
		if strings.Contains(p.house.log.String()[p.log0:], "rewrites=") {
			return p.house.log.String()[p.log0:]
		}
		return ""
	case "profile":
		if !strings.Contains(p.house.log.String()[p.log0:], "profile="+rest) {
			return p.house.log.String()[p.log0:]
		}
		return ""
	case "logged", "unlogged":
		if strings.Contains(p.house.log.String()[p.log0:], rest) != (word == "logged") {
			return p.house.log.String()[p.log0:]
		}
		return ""
	case "stored":
		return p.stored(t, rest)
	case "members":
		return p.members(t, rest)
	case "may":
		return p.may(t, rest)
	}
	return "no such expectation"
}

// stored: TYPE/ID {the whole document}
func (p *play) stored(t *testing.T, rest string) string {
	where, want, _ := strings.Cut(rest, " ")
	endpoint, uid, _ := strings.Cut(where, "/")
	var doc []byte
	err := p.e.Store().Read(t.Context(), func(v *store.View) error {
		if endpoint == "Users" {
			a, err := v.Account(t.Context(), p.source, uid)
			doc = a.Doc
			return err
		}
		g, err := v.Group(t.Context(), p.source, uid)
		doc = g.Doc
		return err
	})
	if err != nil {
		return err.Error()
	}
	var got, w any
	if err := json.Unmarshal(doc, &got); err != nil {
		return err.Error()
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		return err.Error()
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(w)
	if string(a) != string(b) {
		return "stored is " + string(a)
	}
	return ""
}

// members: GROUP = ID ID
func (p *play) members(t *testing.T, rest string) string {
	uid, want, _ := strings.Cut(rest, " =")
	var got []string
	err := p.e.Store().Read(t.Context(), func(v *store.View) error {
		g, err := v.Group(t.Context(), p.source, uid)
		if err != nil {
			return err
		}
		ms, err := v.Members(t.Context(), g.ID, 0, 10_000)
		for _, m := range ms {
			got = append(got, m.UID)
		}
		return err
	})
	if err != nil {
		return err.Error()
	}
	wanted := strings.Fields(want)
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		return fmt.Sprintf("got %v, want %v", got, wanted)
	}
	return ""
}

// may: WHO WHAT SITE = yes|no [code]
func (p *play) may(t *testing.T, rest string) string {
	f := strings.Fields(rest)
	p.must(p.e.Sync(t.Context(), 0))
	x, err := p.e.Explain(t.Context(), provision.Question{Who: f[0], What: f[1], Site: f[2]})
	if err != nil {
		return err.Error()
	}
	if x.Decision != (f[4] == "yes") || len(f) > 5 && x.Code != f[5] {
		return fmt.Sprintf("%v %s: %s", x.Decision, x.Code, x.Says)
	}
	return ""
}
