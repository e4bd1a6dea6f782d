package memdir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"

	"grantbridge/directory"
)

// The controls that it knows.
const (
	oidPaging      = "1.2.840.113556.1.4.319"
	oidSyncRequest = "1.3.6.1.4.1.4203.1.9.1.1"
	oidSyncState   = "1.3.6.1.4.1.4203.1.9.1.2"
	oidSyncDone    = "1.3.6.1.4.1.4203.1.9.1.3"
	oidSyncInfo    = "1.3.6.1.4.1.4203.1.9.1.4"
	oidShowDeleted = "1.2.840.113556.1.4.417"
)

// Question is one search as it was asked; each page is a question.
type Question struct {
	Base   string
	Scope  int
	Attrs  []string
	Page   int // of a paged search, from 1; 0 is not paged
	Filter *ber.Packet
	size   int
	cookie string
	sync   []byte // the cookie of RFC 4533
	synced bool
	ghosts bool // tombstones too
}

// Answer is what is about to be sent; Spoil may change it.
type Answer struct {
	Question
	Code       int
	Text       string
	Entries    []*Entry
	References []string
	// Cookie and Paging are of the control that ends a page.
	Cookie string
	Paging bool
	// Infos are sync info messages, sent before the entries; States are of the
	// entries, 1 each when short. Done is the sync done control's value.
	Infos  [][]byte
	States []int
	Done   []byte
}

// paged is a search of which more follows.
type paged struct {
	cookie string
	rest   []*Entry
	page   int
}

func (c *client) search(id int, p *ber.Packet) error {
	c.s.mu.Lock()
	c.s.searches++
	c.s.mu.Unlock()
	q, err := question(p)
	if err != nil {
		return err
	}
	a := c.answer(q)
	if c.s.Spoil != nil {
		c.s.Spoil(a)
	}
	return c.sendAnswer(id, a)
}

func question(p *ber.Packet) (Question, error) {
	op := p.Children[1]
	if len(op.Children) < 8 {
		return Question{}, fmt.Errorf("a search of %d parts", len(op.Children))
	}
	scope, _ := op.Children[1].Value.(int64)
	q := Question{Base: string(op.Children[0].ByteValue), Scope: int(scope), Filter: op.Children[6]}
	for _, a := range op.Children[7].Children {
		q.Attrs = append(q.Attrs, string(a.ByteValue))
	}
	if len(p.Children) < 3 {
		return q, nil
	}
	for _, ctl := range p.Children[2].Children {
		value := ctl.Children[len(ctl.Children)-1]
		switch oid := string(ctl.Children[0].ByteValue); oid {
		case oidPaging:
			v := ber.DecodePacket(value.Data.Bytes())
			size, _ := v.Children[0].Value.(int64)
			q.size, q.cookie, q.Page = int(size), string(v.Children[1].ByteValue), 1
		case oidSyncRequest:
			q.synced = true
			for _, part := range ber.DecodePacket(value.Data.Bytes()).Children {
				if part.Tag == ber.TagOctetString {
					q.sync = part.ByteValue
				}
			}
		case oidShowDeleted:
			q.ghosts = true
		}
	}
	return q, nil
}

func (c *client) answer(q Question) *Answer {
	a := &Answer{Question: q}
	switch {
	case q.Base == "" && q.Scope == 0:
		a.Entries = []*Entry{c.s.rootDSE()}
		return a
	case c.s.BindDN != "" && !c.bound:
		a.Code, a.Text = 1, "000004DC: LdapErr: In order to perform this operation a successful bind must be completed"
		return a
	case q.cookie != "":
		return c.nextPage(a)
	case q.Page > 0 && c.s.PageMax > 0 && q.size > c.s.PageMax:
		a.Code, a.Text = 11, "size.pr exceeded"
		return a
	}
	c.find(a)
	if a.Code == 0 && q.synced {
		c.s.sync(a)
	}
	if c.s.Shuffle != nil && !q.synced {
		c.s.Shuffle(len(a.Entries), func(i, j int) { a.Entries[i], a.Entries[j] = a.Entries[j], a.Entries[i] })
	}
	if a.Code == 0 && c.s.SizeMax > 0 && len(a.Entries) > c.s.SizeMax {
		a.Code, a.Entries = 4, a.Entries[:c.s.SizeMax]
	}
	if q.Page > 0 {
		c.paged = &paged{rest: a.Entries}
		return c.cutPage(a)
	}
	return a
}

func (c *client) nextPage(a *Answer) *Answer {
	if c.paged == nil || c.paged.cookie != a.cookie {
		a.Code, a.Text = 53, "paged results cookie is invalid or old"
		return a
	}
	return c.cutPage(a)
}

func (c *client) cutPage(a *Answer) *Answer {
	c.paged.page++
	a.Page, a.Paging = c.paged.page, true
	n := min(max(a.size, 1), len(c.paged.rest))
	a.Entries, c.paged.rest = c.paged.rest[:n], c.paged.rest[n:]
	c.pages++
	if len(c.paged.rest) > 0 {
		c.paged.cookie = fmt.Sprint("page ", c.pages)
		a.Cookie = c.paged.cookie
	}
	return a
}

// find fills the entries that the search names.
func (c *client) find(a *Answer) {
	base, err := directory.ParseDN(a.Base)
	if err != nil {
		a.Code = 34
		return
	}
	if e := c.s.Dir.Entry(a.Base); e == nil || c.s.invisible(e) {
		a.Code = 32
		return
	}
	a.Entries = c.s.Dir.All(a.Base, func(e *Entry) bool {
		if c.s.invisible(e) {
			return false
		}
		if dn, _ := directory.ParseDN(e.DN); a.Scope == 0 && !dn.Equal(base) {
			return false
		}
		return matches(a.Filter, func(name string) []string { return c.s.values(e, name) })
	})
	if a.ghosts {
		a.Entries = append(a.Entries, c.s.ghosts(a.Filter)...)
	}
}

func (s *Server) invisible(e *Entry) bool {
	s.mu.Lock()
	below := s.hiddenBelow
	s.mu.Unlock()
	if below == "" {
		return false
	}
	top, _ := directory.ParseDN(below)
	dn, _ := directory.ParseDN(e.DN)
	return dn.Under(top) || dn.Equal(top)
}

// ghosts are tombstones as Active Directory shows them.
func (s *Server) ghosts(filter *ber.Packet) []*Entry {
	var out []*Entry
	for _, t := range s.Dir.Dead(0) {
		name, _, _ := strings.Cut(t.DN, ",")
		e := &Entry{ID: t.ID, DN: name + "\\0ADEL:" + t.ID.String() + ",CN=Deleted Objects," + Suffix, CSN: t.CSN,
			Names: []string{"isDeleted"}, Attrs: map[string][]string{"isDeleted": {"TRUE"}}}
		if matches(filter, func(name string) []string { return s.values(e, name) }) {
			out = append(out, e)
		}
	}
	return out
}

func (c *client) sendAnswer(id int, a *Answer) error {
	for _, info := range a.Infos {
		if err := c.send(message(id, tlv(0x79, tlv(0x80, []byte(oidSyncInfo)), tlv(0x81, info)))); err != nil {
			return err
		}
	}
	for i, e := range a.Entries {
		op := entryOp(e.DN, c.s.attributes(e, a.Attrs))
		var controls [][]byte
		if a.synced {
			state := 1
			if i < len(a.States) {
				state = a.States[i]
			}
			controls = append(controls, control(oidSyncState, tlv(0x30, integer(0x0a, state), octets(string(e.ID[:])))))
		}
		if err := c.send(message(id, op, controls...)); err != nil {
			return err
		}
	}
	for _, r := range a.References {
		if err := c.send(message(id, tlv(0x73, octets(r)))); err != nil {
			return err
		}
	}
	var controls [][]byte
	if a.Paging {
		controls = append(controls, control(oidPaging, tlv(0x30, integer(0x02, 0), octets(a.Cookie))))
	}
	if a.Done != nil {
		controls = append(controls, control(oidSyncDone, a.Done))
	}
	return c.send(message(id, result(0x65, a.Code, a.Text), controls...))
}

// attributes are those that were asked for and may be seen.
func (s *Server) attributes(e *Entry, asked []string) []Attribute {
	var out []Attribute
	if len(asked) == 0 || slices.Contains(asked, "*") {
		asked = append(slices.Clone(e.Names), asked...)
	}
	for _, name := range asked {
		name, option, _ := strings.Cut(name, ";")
		vs := s.values(e, name)
		if len(vs) == 0 || s.hidden(name) {
			continue
		}
		if s.Shuffle != nil {
			vs = slices.Clone(vs)
			s.Shuffle(len(vs), func(i, j int) { vs[i], vs[j] = vs[j], vs[i] })
		}
		if s.RangeMute && option != "" {
			continue
		}
		if s.Range > 0 && strings.EqualFold(name, "member") && (option != "" || len(vs) > s.Range) {
			out = append(out, s.ranged(name, option, vs)...)
			continue
		}
		out = append(out, Attribute{name, vs})
	}
	return out
}

// ranged is how Active Directory answers for a long list.
func (s *Server) ranged(name, option string, vs []string) []Attribute {
	from := 0
	if rng, ok := strings.CutPrefix(option, "range="); ok {
		first, _, _ := strings.Cut(rng, "-")
		from, _ = strconv.Atoi(first)
	}
	from = min(from, len(vs))
	to := min(from+s.Range, len(vs))
	last := strconv.Itoa(to - 1)
	if to == len(vs) {
		last = "*"
	}
	part := Attribute{fmt.Sprintf("%s;range=%d-%s", name, from, last), vs[from:to]}
	if option == "" {
		return []Attribute{{name, nil}, part}
	}
	return []Attribute{part}
}
