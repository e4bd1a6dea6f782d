package mapping

import (
	"slices"
	"strconv"
	"strings"

	"grantbridge/access"
)

// sites is what a rule says of sites. It is the same whatever sites there are:
// slugs and labels are resolved when a decision is made.
type sites struct {
	all        bool
	ids        []access.SiteID
	slugs      []template
	labels     map[string]string
	slug       *template // a glob
	exceptIDs  []access.SiteID
	exceptSel  []access.Selector
	exceptText string
	text       string
	at         *node
}

// captures are the names in braces.
func (s *sites) captures() []string {
	var out []string
	for _, t := range s.slugs {
		out = append(out, t.names()...)
	}
	if s.slug != nil {
		out = append(out, s.slug.names()...)
	}
	return out
}

// sites reads a set of sites; nil when it says nothing usable.
func (r *reader) sites(n *node, table keys, what string) *sites {
	s := &sites{at: n}
	ok := true
	switch n.shape {
	case isText:
		if n.text == "all" && !n.quoted {
			s.all = true
			break
		}
		ok = r.pick(s, n)
	case isNumber:
		ok = r.pick(s, n)
	case isList:
		for _, item := range r.several(n, what) {
			ok = r.pick(s, item) && ok
		}
	case isMap:
		ok = r.sitesMap(s, n, table, what)
	default:
		r.wrongShape(n, what, "all, an id, a slug, a list of them, or keys")
		return nil
	}
	if !ok {
		return nil
	}
	s.text = s.describe()
	return s
}

// pick reads one id or slug.
func (r *reader) pick(s *sites, n *node) bool {
	id, slug, ok := r.siteRef(n)
	switch {
	case !ok:
		return false
	case id != 0:
		if !slices.Contains(s.ids, id) {
			s.ids = append(s.ids, id)
		}
	default:
		s.slugs = append(s.slugs, slug)
	}
	return true
}

// siteRef reads an id or a slug, and checks that the site exists when the
// sites are known and the slug has no capture.
func (r *reader) siteRef(n *node) (access.SiteID, template, bool) {
	switch n.shape {
	case isNumber:
		id, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || id < 1 || n.text[0] == '+' {
			r.fail("GB121", n, "%s is no site; ids are whole numbers from 1, slugs that look like numbers stand in quotes", shown(n.text))
			return 0, template{}, false
		}
		if r.ids != nil && !r.ids[access.SiteID(id)] {
			r.fail("GB121", n, "no site with id %d", id)
			return 0, template{}, false
		}
		return access.SiteID(id), template{}, true
	case isText:
		if _, ok := r.word(n, "a site"); !ok {
			return 0, template{}, false
		}
		if n.text == "all" && !n.quoted {
			r.fail("GB104", n, "all stands alone: sites: all (a site with this slug is written in quotes)")
			return 0, template{}, false
		}
		t := parseTemplate(n, false)
		if _, known := r.slugs[slugKey(n.text)]; r.slugs != nil && !known && len(t.names()) == 0 {
			r.fail("GB121", n, "no site %s%s", shown(n.text), didYouMean(n.text, keysOf(r.slugs)))
			return 0, template{}, false
		}
		return 0, t, true
	}
	r.wrongShape(n, "a site", "an id or a slug")
	return 0, template{}, false
}

// sitesMap reads sites as keys: one of set, all, sites, or labels and slug; and
// except.
func (r *reader) sitesMap(s *sites, n *node, table keys, what string) bool {
	if !r.keys(n, table, what) {
		return false
	}
	if !r.oneWay(n, what) {
		return false
	}
	ok := true
	if v := n.at("all"); v != nil {
		s.all = v.shape == isBool && v.text == "true"
		if !s.all {
			r.wrongShape(v, "all", "true")
			ok = false
		}
	}
	if v := n.at("sites"); v != nil {
		for _, item := range r.several(v, "sites") {
			ok = r.pick(s, item) && ok
		}
		ok = ok && len(s.ids)+len(s.slugs) > 0
	}
	if v := n.at("set"); v != nil {
		ok = r.useSet(s, v) && ok
	}
	if v := n.at("labels"); v != nil {
		s.labels = r.labels(v)
		ok = ok && s.labels != nil
	}
	if v := n.at("slug"); v != nil {
		s.slug = r.slugGlob(v)
		ok = ok && s.slug != nil
	}
	if v := n.at("except"); v != nil {
		ok = r.except(s, v) && ok
	}
	return ok
}

// oneWay checks that the sites are said in one way.
func (r *reader) oneWay(n *node, what string) bool {
	var first *node
	ok := true
	for _, p := range n.pairs {
		k := p.key.text
		if k == "except" || k == "slug" && n.at("labels") != nil || !sitesKeys.has(k) {
			continue
		}
		if first != nil && first.text != k {
			r.fail("GB104", p.key, "%s has one of %s and %s; only labels and slug go together", what, first.text, k)
			ok = false
		}
		first = p.key
	}
	if first == nil {
		r.fail("GB103", n, "%s needs all, sites, labels, slug or, in a rule, set", what)
		return false
	}
	return ok
}

// useSet makes s what the named set is.
func (r *reader) useSet(s *sites, n *node) bool {
	name, ok := r.word(n, "set")
	if !ok {
		return false
	}
	named, known := r.sets[name]
	if !known {
		r.fail("GB120", n, "no site set %s%s", shown(name), didYouMean(name, keysOf(r.sets)))
		return false
	}
	if named == nil {
		return false // its problem was noted where it stands
	}
	at := s.at
	*s = *named
	s.at = at
	s.exceptIDs, s.exceptSel = slices.Clone(named.exceptIDs), slices.Clone(named.exceptSel)
	return true
}

func (r *reader) labels(n *node) map[string]string {
	if n.shape != isMap || len(n.pairs) == 0 {
		r.wrongShape(n, "labels", "names with values, like {region: eu}")
		return nil
	}
	out := map[string]string{}
	for _, p := range n.pairs {
		if _, twice := out[p.key.text]; twice {
			r.fail("GB102", p.key, "the label %s is there twice", shown(p.key.text))
		}
		v := p.value
		switch {
		case v.shape == isBool:
			r.wrongShape(v, "the label "+p.key.text, "text")
		case v.shape == isText && captureName.MatchString(v.text):
			r.fail("GB131", v, "captures name sites by slug; a label's value is written as it is")
		default:
			r.word(v, "the label "+p.key.text)
		}
		out[p.key.text] = v.text
	}
	return out
}

func (r *reader) slugGlob(n *node) *template {
	word, ok := r.word(n, "slug")
	if !ok {
		return nil
	}
	if _, err := parseGlob(word); err != nil {
		r.fail("GB130", n, "slug: %v", err)
		return nil
	}
	t := parseTemplate(n, true)
	return &t
}

// except reads the sites taken out again. What they are must not hang on a
// capture: an exception that fails would widen the rule.
func (r *reader) except(s *sites, n *node) bool {
	out := &sites{at: n}
	if n.shape == isText && n.text == "all" && !n.quoted {
		r.fail("GB104", n, "except: all leaves nothing")
		return false
	}
	table := exceptKeys
	if out = r.sites(n, table, "except"); out == nil {
		return false
	}
	for _, c := range out.captures() {
		r.fail("GB131", n, "except cannot have the capture {%s}", c)
	}
	if out.all || len(out.exceptIDs)+len(out.exceptSel) > 0 {
		r.fail("GB104", n, "except cannot name a set that is all sites or has exceptions of its own")
		return false
	}
	sc, _ := out.scope(nil)
	s.exceptIDs = append(s.exceptIDs, sc.Sites...)
	s.exceptSel = append(s.exceptSel, sc.Select...)
	if s.exceptText != "" {
		s.exceptText += ","
	}
	s.exceptText += out.describe()
	return true
}

// describe is the sites as people wrote them, sets put in.
func (s *sites) describe() string {
	var parts []string
	switch {
	case s.all:
		parts = append(parts, "all")
	case s.labels != nil || s.slug != nil:
		for _, k := range keysOf(s.labels) {
			parts = append(parts, k+"="+s.labels[k])
		}
		if s.slug != nil {
			parts = append(parts, "slug="+s.slug.String())
		}
	default:
		for _, id := range s.ids {
			parts = append(parts, strconv.FormatInt(int64(id), 10))
		}
		for _, t := range s.slugs {
			parts = append(parts, t.String())
		}
	}
	text := strings.Join(parts, ",")
	if s.exceptText != "" {
		text += " except " + s.exceptText
	}
	return text
}

// scope is the access scope for these captures; !ok when a capture is empty, so
// that it names no site.
func (s *sites) scope(captures map[string]string) (access.Scope, bool) {
	sc := access.Scope{All: s.all, Sites: slices.Clone(s.ids), Text: s.text,
		ExceptSites: slices.Clone(s.exceptIDs), ExceptSelect: slices.Clone(s.exceptSel)}
	var texts []string
	for _, t := range s.slugs {
		glob, text, ok := t.fill(captures)
		if !ok {
			return access.Scope{}, false
		}
		sc.Select = append(sc.Select, access.Selector{Slug: glob})
		texts = append(texts, text)
	}
	sel := access.Selector{Labels: s.labels}
	if s.slug != nil {
		glob, text, ok := s.slug.fill(captures)
		if !ok {
			return access.Scope{}, false
		}
		sel.Slug = glob
		texts = append(texts, text)
	}
	if sel.Slug != "" || len(sel.Labels) > 0 {
		sc.Select = append(sc.Select, sel)
	}
	if len(s.captures()) > 0 {
		sc.Text = s.filled(texts)
	}
	return sc, true
}

// filled is the text of a scope whose captures were put in.
func (s *sites) filled(texts []string) string {
	var parts []string
	for _, k := range keysOf(s.labels) {
		parts = append(parts, k+"="+s.labels[k])
	}
	for _, id := range s.ids {
		parts = append(parts, strconv.FormatInt(int64(id), 10))
	}
	for _, t := range texts {
		if s.slug != nil {
			t = "slug=" + t
		}
		parts = append(parts, t)
	}
	text := strings.Join(parts, ",")
	if s.exceptText != "" {
		text += " except " + s.exceptText
	}
	return text
}
