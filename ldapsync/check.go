package ldapsync

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"grantbridge/directory"
)

// Verdict is how one stage of a Check ended.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "ok"
	Warn    Verdict = "warning"
	Bad     Verdict = "failed"
	Skipped Verdict = "skipped" // because of what failed before
)

// Stage is one thing that Check looked at.
type Stage struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Says is what was found, and Do what to do about it, for the person who must.
	Says string `json:"says"`
	Do   string `json:"do,omitempty"`
	// Search is the line that asks the same with OpenLDAP's ldapsearch.
	Search string `json:"search,omitempty"`
}

// Report is what Check found.
type Report struct {
	Server string  `json:"server"`
	Kind   Kind    `json:"kind"`
	Mode   Mode    `json:"mode"`
	Stages []Stage `json:"stages"`
	// Lockout is the directory's own, when it is shown.
	Lockout Lockout `json:"lockout,omitzero"`
	// Trusted: a reading of everything would be believed now.
	Trusted bool `json:"trusted"`
	// People and Groups are a few of those that were read.
	People []Sample `json:"people,omitempty"`
	Groups []Sample `json:"groups,omitempty"`
}

// Sample is an entry as it would be known.
type Sample struct {
	ID      string `json:"id"`
	DN      string `json:"dn"`
	Name    string `json:"name"`
	Says    string `json:"says,omitempty"`
	Members int    `json:"members,omitempty"`
}

const samples = 5

// Check looks at everything that reading a directory depends on, stage by
// stage, and writes nothing. It goes on after a fault as far as it can.
func Check(ctx context.Context, c Config) Report {
	k := &checker{}
	if err := c.Validate(); err != nil {
		k.stage("configuration", Bad, err.Error(), "correct it; nothing was asked", "")
		return k.Report
	}
	c = c.withDefaults()
	ctx, cancel := c.within(ctx)
	defer cancel()
	k.cfg = &c
	s := k.connect(ctx)
	if s == nil {
		for _, name := range []string{"directory", "paging", "users", "groups", "proof"} {
			k.stage(name, Skipped, "there is no connection", "", "")
		}
		return k.Report
	}
	defer s.close()
	k.directory(s)
	k.reading(s)
	k.deletions(s)
	if l, err := s.lockout(); err == nil { // few may read it
		k.Lockout = l
	}
	return k.Report
}

type checker struct {
	Report
	cfg *Config
}

func (k *checker) stage(name string, v Verdict, says, do, search string) {
	k.Stages = append(k.Stages, Stage{name, v, says, do, search})
}

// connect tries every server, so that a broken second one is found before it
// is needed, and returns the first that works.
func (k *checker) connect(ctx context.Context) *session {
	var first *session
	for _, server := range k.cfg.Servers {
		s, err := k.cfg.bound(ctx, server)
		switch e := asError(err); {
		case err != nil:
			k.stage("connect "+server, Bad, e.Stage+": "+e.Err.Error(), e.advice(), "")
		case first == nil:
			first = s
			k.stage("connect "+server, Good, "connected, "+s.secured()+", bound as "+k.cfg.bindName(), "", "")
		default:
			s.close()
			k.stage("connect "+server, Good, "connected and bound; it is the next when the first fails", "", "")
		}
	}
	return first
}

func asError(err error) *Error {
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Stage: "connect", Err: err}
}

func (s *session) secured() string {
	_, encrypted := s.tap.Conn.(*tls.Conn)
	switch {
	case strings.HasPrefix(s.server, "ldapi:"):
		return "over a local socket"
	case !encrypted:
		return "NOT encrypted"
	case strings.HasPrefix(s.server, "ldaps:"):
		return "encrypted"
	}
	return "encrypted by StartTLS"
}

func (c *Config) bindName() string {
	switch c.Bind.Method {
	case BindSimple:
		return c.Bind.DN
	case BindGSSAPI:
		return c.Bind.Kerberos.String()
	}
	return string(c.Bind.Method)
}

// directory says what the server is and what it can.
func (k *checker) directory(s *session) {
	k.Server, k.Kind, k.Mode = s.server, s.p.kind, s.mode()
	vendor := s.root.vendor
	if vendor == "" {
		vendor = "a server that does not say its name"
	}
	k.stage("directory", Good, fmt.Sprintf("%s, taken for %s; ids from %s, changes by %s", vendor, s.p.kind, s.p.id, k.Mode), "", k.cfg.line(s, "", "base", "(objectClass=*)", "*", "+"))
	if slices.Contains(s.root.controls, oidPaging) {
		k.stage("paging", Good, "pages are supported", "", "")
	} else {
		k.stage("paging", Bad, "the server does not offer paged results", "without them nobody can tell an end from a cut: no reading will be believed", "")
	}
	if mark, err := s.watermark(); err == nil && mark == "" && s.p.kind == OpenLDAP {
		k.stage("watermark", Warn, "contextCSN of "+s.context(k.cfg.Users.Base)+" cannot be read", "let bind_dn read it: else every reading is a full one", k.cfg.line(s, s.context(k.cfg.Users.Base), "base", "(objectClass=*)", "contextCSN"))
	}
}

// reading reads everything once, as a first run would, and judges it.
func (k *checker) reading(s *session) {
	run := &reading{s: s, at: k.cfg.Now()}
	err := run.begin()
	if err == nil {
		err = run.full()
	}
	c := k.cfg
	if err != nil {
		e := asError(err)
		search := c.line(s, c.Users.Base, "sub", c.Users.Filter, newPeople(c, s.p, 0).attributes()...)
		if e.Stage == "groups" {
			search = c.line(s, c.Groups.Base, "sub", c.Groups.Filter, newGroups(c, s.p, newFinder(nil, nil)).attributes()...)
		}
		k.stage(e.Stage, Bad, e.Err.Error(), e.Words(), search)
		k.stage("proof", Bad, "a reading would not be believed", "see the failed stage above", "")
		return
	}
	k.users(s, &run.out)
	people := k.last()
	k.groups(s, &run.out)
	says := fmt.Sprintf("%s; %s", proven(run.out.UsersProof), proven(run.out.GroupsProof))
	switch unproven := run.out.Proven(); {
	case unproven != nil:
		k.stage("proof", Bad, unproven.Error(), "until this is so no reading changes anything", "")
	case people == Bad || k.last() == Bad:
		k.stage("proof", Bad, "a reading is complete, and lacks what must be in it: "+says, "see the failed stage above", "")
	default:
		k.Trusted = true
		k.stage("proof", Good, "a reading would be believed: "+says, "", "")
	}
}

func (k *checker) last() Verdict { return k.Stages[len(k.Stages)-1].Verdict }

func proven(p directory.Proof) string {
	l := p.Leg()
	return fmt.Sprintf("%s: %d entries, each page with its end", l.Name, l.Entries)
}

func (k *checker) users(s *session, r *directory.Reading) {
	search := k.cfg.line(s, k.cfg.Users.Base, "sub", k.cfg.Users.Filter, newPeople(k.cfg, s.p, 0).attributes()...)
	var nameless, unknown, disabled int
	for _, a := range r.Accounts {
		switch {
		case a.Login == "":
			nameless++
		case a.Activity == directory.ActivityUnknown:
			unknown++
		case !a.ActiveAt(r.At):
			disabled++
		}
		if len(k.People) < samples {
			k.People = append(k.People, Sample{ID: a.ID.String(), DN: a.DN, Name: a.Login, Says: saysActive(a, r)})
		}
	}
	says := fmt.Sprintf("%d people, %d of them disabled", len(r.Accounts), disabled)
	switch {
	case len(r.Accounts) == 0 && s.p.kind == ActiveDirectory && !strings.Contains(k.cfg.Users.Filter, "user"):
		k.stage("users", Bad, "nobody was found by "+k.cfg.Users.Filter, "in Active Directory set users.filter to (&(objectCategory=person)(objectClass=user))", search)
	case len(r.Accounts) == 0:
		k.stage("users", Bad, "nobody was found", "check users.base and users.filter, and that "+k.cfg.bindName()+" may read there", search)
	case nameless > 0:
		k.stage("users", Warn, fmt.Sprintf("%s; %d have no %s", says, nameless, s.p.login), "set users.login to the attribute with the login name", search)
	case unknown > 0:
		k.stage("users", Warn, fmt.Sprintf("%s; of %d it is not shown whether they are disabled", says, unknown), "let "+k.cfg.bindName()+" read "+strings.Join(s.p.activity, ", ")+": they start without access", search)
	default:
		k.stage("users", Good, says, "", search)
	}
}

func saysActive(a *directory.ReadAccount, r *directory.Reading) string {
	switch {
	case a.ActiveAt(r.At):
		return "active"
	case a.Activity == directory.ActivityUnknown:
		return "unknown"
	case a.Disabler != "":
		return "disabled: " + a.Disabler
	}
	return "expired"
}

func (k *checker) groups(s *session, r *directory.Reading) {
	search := k.cfg.line(s, k.cfg.Groups.Base, "sub", k.cfg.Groups.Filter, newGroups(k.cfg, s.p, newFinder(nil, nil)).attributes()...)
	state := directory.NewState(r.Source, r.Accounts, r.Groups)
	state.Depth = r.Depth
	direct, nested, unresolved, cut, empty := 0, 0, 0, 0, 0
	for _, g := range r.Groups {
		direct += len(g.Accounts)
		nested += len(g.Groups)
		unresolved += len(g.Unresolved)
		if !g.Whole {
			cut++
		} else if len(g.Accounts)+len(g.Groups)+len(g.Unresolved) == 0 && g.Token == "" {
			empty++
		}
		if len(k.Groups) < samples {
			k.Groups = append(k.Groups, Sample{ID: g.ID.String(), DN: g.DN, Name: g.Name, Members: len(state.Members(g.ID))})
		}
	}
	mail := k.distribution(s)
	says := fmt.Sprintf("%d groups with %d members and %d groups in groups", len(r.Groups), direct, nested)
	switch {
	case len(r.Groups) == 0:
		k.stage("groups", Bad, "no group was found", "check groups.base and groups.filter, and that "+k.cfg.bindName()+" may read there", search)
	case cut > 0:
		k.stage("groups", Bad, fmt.Sprintf("%s; of %d the members are not shown whole", says, cut), "let "+k.cfg.bindName()+" read member; who is in these groups will not change", search)
	case unresolved > 0:
		k.stage("groups", Warn, fmt.Sprintf("%s; %d members name nobody below users.base", says, unresolved), "widen users.base, or leave them: they get nothing", search)
	case mail > 0:
		k.stage("groups", Warn, fmt.Sprintf("%s; %d are distribution groups, which are for mail and guarded less", says, mail),
			"leave them out by groups.filter: (&(objectClass=group)"+securityGroup+")", search)
	case empty*2 > len(r.Groups):
		k.stage("groups", Warn, fmt.Sprintf("%s; %d groups are empty", says, empty), "check that "+k.cfg.bindName()+" may read member", search)
	default:
		k.stage("groups", Good, says, "", search)
	}
}

// securityGroup is what of Active Directory's groups gives rights: ADS_GROUP_TYPE
// SECURITY_ENABLED (MS-ADTS 2.2.12), by LDAP_MATCHING_RULE_BIT_AND (3.1.1.3.4.4.1).
const securityGroup = "(groupType:1.2.840.113556.1.4.803:=2147483648)"

// distribution counts the groups among those that are read which are for mail. A
// fault is none of them: that the groups can be read was seen before.
func (k *checker) distribution(s *session) int {
	if s.p.kind != ActiveDirectory {
		return 0
	}
	got := s.newIDs()
	q := query{name: "groups", base: k.cfg.Groups.Base, filter: "(&" + k.cfg.Groups.Filter + "(groupType=*)(!" + securityGroup + "))", attrs: []string{s.p.id}}
	if _, err := s.pages(q, got); err != nil {
		return 0
	}
	return len(got.dn)
}

// line is the question as ldapsearch asks it; the password is typed.
func (c *Config) line(s *session, base, scope, filter string, attrs ...string) string {
	words := append(c.certificates(), "ldapsearch", "-LLL", "-H", quote(s.server))
	if c.Bind.Method == BindGSSAPI {
		words = append(c.kinit(), words...)
	}
	if strings.HasPrefix(s.server, "ldap:") && !c.Plaintext {
		words = append(words, "-ZZ")
	}
	switch c.Bind.Method {
	case BindExternal:
		words = append(words, "-Y", "EXTERNAL")
	case BindGSSAPI:
		words = append(words, "-Q", "-Y", "GSSAPI", "-N", "-O", "maxssf=0")
	case BindAnonymous:
		words = append(words, "-x")
	default:
		words = append(words, "-x", "-D", quote(c.Bind.DN), "-W")
	}
	words = append(words, "-b", quote(base), "-s", scope)
	if scope == "sub" {
		words = append(words, "-E", fmt.Sprintf("pr=%d/noprompt", c.Page))
	}
	words = append(words, quote(filter))
	for _, a := range attrs {
		words = append(words, quote(a))
	}
	return strings.Join(words, " ")
}

// certificates are the variables that tell ldapsearch which to trust and to show.
func (c *Config) certificates() (words []string) {
	for _, v := range []struct{ name, file string }{{"CACERT", c.CAFile}, {"CERT", c.CertFile}, {"KEY", c.KeyFile}} {
		if v.file != "" {
			words = append(words, "LDAPTLS_"+v.name+"="+quote(v.file))
		}
	}
	return words
}

// kinit is what comes before ldapsearch, so that it has a ticket.
func (c *Config) kinit() []string {
	var words []string
	k := c.Bind.Kerberos
	if k.Config != "" {
		words = append(words, "export", "KRB5_CONFIG="+quote(k.Config)+";")
	}
	if k.Cache != "" {
		return append(words, "KRB5CCNAME="+quote("FILE:"+k.Cache))
	}
	return append(words, "kinit", "-k", "-t", quote(k.Keytab), quote(k.Principal), "&&")
}

func quote(s string) string {
	plain := func(r rune) bool {
		return r < 'a' && r != '-' && r != '.' && r != '/' && r != ':' && r != ',' && r != '=' && r != '+' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') || r > 'z'
	}
	if s != "" && strings.IndexFunc(s, plain) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
