package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// peopleAtOnce is how many people are read at a time: one query a table for so
// many, joined here.
const peopleAtOnce = 4096

// People calls yield for each person that q picks, in ascending order of id;
// the slices of a Person are the callee's to keep.
func (v *View) People(ctx context.Context, q PeopleQuery, yield func(Person) error) error {
	r := &peopleReader{v: v, q: q, groups: peopleGroups}
	if len(q.Timed) > 0 {
		r.groups = peopleGroupsTimed
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	if q.IDs == nil && q.Since == 0 {
		return r.everybody(ctx, yield)
	}
	ids, err := r.pick(ctx)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(ids, peopleAtOnce) {
		r.part = r.part[:0]
		people := stmt{
			text: `SELECT ` + personColumns + ` FROM rowset($1, id bigint) r JOIN people p ON p.id = r.id ORDER BY p.id`,
			args: []any{part}, each: r.person,
		}
		if err := r.rest(ctx, part, yield, people); err != nil {
			return err
		}
	}
	return nil
}

// changedPeople is in the order of rev, so that SQLite takes that index: asked
// for the order of id it reads everybody.
const changedPeople = `SELECT p.id FROM people p WHERE p.rev > $1 ORDER BY p.rev`

const personColumns = `p.id, p.uid, p.kind, p.login, p.display, p.locked, p.not_before, p.rev`

const (
	peopleAccounts = `
		SELECT a.person, a.id, a.uid, a.source, a.login, a.display, a.email, a.active, a.deleted
		FROM rowset($1, id bigint) r JOIN accounts a ON a.person = r.id
		ORDER BY a.person, a.id`
	peopleGroups      = groupsOfPeople + `string_agg(CAST(m.group_id AS TEXT), ',')` + groupsOfPeopleFrom
	peopleGroupsTimed = groupsOfPeople + `string_agg(CAST(m.group_id AS TEXT) || ':' || CAST(m.since AS TEXT), ',')` + groupsOfPeopleFrom
	// A question for each person: joined to all of them at once, PostgreSQL reads
	// everybody, and with the counts of a young table a hundred thousand times.
	groupsOfPeople     = `SELECT r.id, COALESCE((SELECT `
	groupsOfPeopleFrom = `
			FROM accounts a JOIN members m ON m.account = a.id
			WHERE a.person = r.id AND a.active = 1 AND a.deleted = 0
				AND a.source NOT IN (SELECT s.name FROM sources s WHERE s.disabled = 1)), '')
		FROM rowset($1, id bigint) r ORDER BY r.id`
	peopleValues = `
		SELECT v.owner, p.path, v.elem, v.text, v.rest
		FROM rowset($1, owner bigint, path bigint) r
		JOIN account_values v ON v.owner = r.owner AND v.path = r.path
		JOIN paths p ON p.id = v.path
		ORDER BY v.owner, p.path, v.elem, v.text`
)

var personKinds = []PersonKind{Human, Service, Owner}

// peopleReader reads people part by part.
type peopleReader struct {
	v       *View
	q       PeopleQuery
	groups  string
	sources map[string]Source
	timed   map[access.GroupID]bool
	paths   []int64
	part    []Person
}

func (r *peopleReader) begin(ctx context.Context) error {
	sources, err := r.v.Sources(ctx)
	if err != nil {
		return err
	}
	r.sources, r.timed = map[string]Source{}, map[access.GroupID]bool{}
	for _, s := range sources {
		r.sources[s.Name] = s
	}
	for _, g := range r.q.Timed {
		r.timed[g] = true
	}
	if len(r.q.Paths) == 0 {
		return nil
	}
	return r.v.ask(ctx, `SELECT p.id FROM rowset($1, path text) r JOIN paths p ON p.path = r.path`, func(row row) error {
		var id int64
		err := row.Scan(&id)
		r.paths = append(r.paths, id)
		return err
	}, sorted(r.q.Paths))
}

// pick lists the ids that Since and IDs pick, ascending.
func (r *peopleReader) pick(ctx context.Context) (ids []int64, err error) {
	if r.q.IDs == nil {
		ids, known := r.v.freshPeople(r.q.Since)
		if !known {
			ids, err = list(ctx, r.v, scanID, changedPeople, r.q.Since)
		}
		return slices.Sorted(slices.Values(ids)), err
	}
	want := make([]int64, len(r.q.IDs))
	for i, id := range r.q.IDs {
		want[i] = int64(id)
	}
	slices.Sort(want)
	return list(ctx, r.v, scanID, `
		SELECT p.id FROM rowset($2, id bigint) r JOIN people p ON p.id = r.id
		WHERE p.rev > $1 ORDER BY p.id`, r.q.Since, slices.Compact(want))
}

func (r *peopleReader) everybody(ctx context.Context, yield func(Person) error) error {
	for after := int64(0); ; {
		r.part = r.part[:0]
		err := r.v.ask(ctx, `SELECT `+personColumns+` FROM people p WHERE p.id > $1 ORDER BY p.id LIMIT $2`,
			r.person, after, int64(peopleAtOnce))
		if err != nil || len(r.part) == 0 {
			return err
		}
		after = int64(r.part[len(r.part)-1].ID)
		ids := make([]int64, len(r.part))
		for i, p := range r.part {
			ids[i] = int64(p.ID)
		}
		if err := r.rest(ctx, ids, yield); err != nil {
			return err
		}
	}
}

func (r *peopleReader) person(row row) error {
	var p Person
	var locked, notBefore int64
	err := row.Scan((*int64)(&p.ID), &p.UID, (*string)(&p.Kind), &p.Login, &p.Display, &locked, &notBefore, &p.Revision)
	p.Locked, p.NotBefore = locked != 0, timeOf(notBefore)
	if i := slices.Index(personKinds, p.Kind); i >= 0 {
		p.Kind = personKinds[i] // one text for all
	}
	r.part = append(r.part, p)
	return err
}

// find is the person of the part with the id; ids come in ascending order, and
// at is where the one before was found.
func (r *peopleReader) find(at *int, id int64) *Person {
	for int64(r.part[*at].ID) < id {
		*at++
	}
	return &r.part[*at]
}

// rest reads all else of the people in r.part, whose ids are given, and yields
// them; first is asked before.
func (r *peopleReader) rest(ctx context.Context, ids []int64, yield func(Person) error, first ...stmt) error {
	atAccount, atGroups := 0, 0
	err := r.v.askAll(ctx, append(first,
		stmt{text: peopleAccounts, args: []any{ids}, each: func(row row) error { return r.account(row, &atAccount) }},
		stmt{text: r.groups, args: []any{ids}, each: func(row row) error {
			var person int64
			var list string
			if err := row.Scan(&person, &list); err != nil || list == "" {
				return err
			}
			return r.memberships(r.find(&atGroups, person), list)
		}})...)
	if err != nil {
		return err
	}
	if err := r.values(ctx); err != nil {
		return err
	}
	for _, p := range r.part {
		if err := yield(p); err != nil {
			return err
		}
	}
	return nil
}

func (r *peopleReader) account(row row, at *int) error {
	var person, active, deleted int64
	var display, email string
	var a PersonAccount
	if err := row.Scan(&person, (*int64)(&a.ID), &a.UID, &a.Source, &a.Login, &display, &email, &active, &deleted); err != nil {
		return err
	}
	p := r.find(at, person)
	s := r.sources[a.Source]
	a.Source = cmp.Or(s.Name, a.Source) // one text for all
	a.Deleted = deleted != 0
	a.Active = active != 0 && !a.Deleted && !s.Disabled
	if s.Veto && (active == 0 || a.Deleted) {
		p.Suspended = true
	}
	first := func(to *string, value string) {
		if *to == "" && !a.Deleted {
			*to = value
		}
	}
	first(&p.Login, a.Login)
	first(&p.Display, display)
	first(&p.Email, email)
	p.Accounts = append(p.Accounts, a)
	return nil
}

// memberships reads "3,5" or, with times, "3:1700000000000000,5:…".
func (r *peopleReader) memberships(p *Person, list string) error {
	p.Groups = make([]access.GroupID, 0, strings.Count(list, ",")+1)
	for item := range strings.SplitSeq(list, ",") {
		id, since, timed := strings.Cut(item, ":")
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return err
		}
		g := access.GroupID(n)
		p.Groups = append(p.Groups, g)
		if timed && r.timed[g] {
			us, err := strconv.ParseInt(since, 10, 64)
			if err != nil {
				return err
			}
			p.join(g, timeOf(us))
		}
	}
	slices.Sort(p.Groups)
	p.Groups = slices.Compact(p.Groups)
	return nil
}

// join notes when the person entered g; by two accounts, the earlier time.
func (p *Person) join(g access.GroupID, at time.Time) {
	if p.Joined == nil {
		p.Joined = map[access.GroupID]time.Time{}
	}
	if old, ok := p.Joined[g]; !ok || at.Before(old) {
		p.Joined[g] = at
	}
}

func (r *peopleReader) values(ctx context.Context) error {
	if len(r.paths) == 0 {
		return nil
	}
	var pairs rowset
	at := map[int64]*PersonAccount{}
	for i := range r.part {
		for k := range r.part[i].Accounts {
			a := &r.part[i].Accounts[k]
			at[int64(a.ID)] = a
			for _, p := range r.paths {
				pairs = append(pairs, []any{int64(a.ID), p})
			}
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return r.v.ask(ctx, peopleValues, func(row row) error {
		var owner, elem int64
		var path, text, rest string
		err := row.Scan(&owner, &path, &elem, &text, &rest)
		if a := at[owner]; a != nil {
			a.Values = append(a.Values, directory.Value{Path: path, Elem: int(elem), Text: text + rest})
		}
		return err
	}, pairs)
}
