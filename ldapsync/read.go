package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"grantbridge/directory"
)

// Reader reads one directory. One reading runs at a time.
type Reader struct{ cfg Config }

// NewReader returns a Reader, or says what is wrong with c.
func NewReader(c Config) (*Reader, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Reader{cfg: c.withDefaults()}, nil
}

// Read reads what there is, or what changed since old, whichever is enough and
// to be trusted. Its error is an *Error, and then nothing of the reading is
// handed out. A reading that ended well may still be unproven: directory.Diff
// says so, and Reading.Proven.
func (r *Reader) Read(ctx context.Context, old directory.State) (directory.Reading, error) {
	return r.read(ctx, old, false)
}

// ReadAll is Read, and always reads everything.
func (r *Reader) ReadAll(ctx context.Context, old directory.State) (directory.Reading, error) {
	return r.read(ctx, old, true)
}

func (r *Reader) read(ctx context.Context, old directory.State, full bool) (directory.Reading, error) {
	ctx, cancel := r.cfg.within(ctx)
	defer cancel()
	out, err := r.attempt(ctx, old, full)
	if e, ok := errors.AsType[*Error](err); ok && e.Next() == Restart && !full {
		out, err = r.attempt(ctx, old, true)
	}
	if err != nil && ctx.Err() != nil {
		return directory.Reading{}, fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return out, err
}

// attempt reads on one connection from beginning to end.
func (r *Reader) attempt(ctx context.Context, old directory.State, full bool) (directory.Reading, error) {
	s, err := r.cfg.open(ctx, serverOf(old.Checkpoint.Server))
	if err != nil {
		return directory.Reading{}, err
	}
	defer s.close()
	run := &reading{s: s, old: old, at: r.cfg.Now()}
	if err := run.begin(); err != nil {
		return directory.Reading{}, err
	}
	if !full && run.continues() {
		err = run.changes()
	} else {
		err = run.full()
	}
	if err != nil {
		return directory.Reading{}, err
	}
	return run.out, nil
}

// serverOf is the URL in session.id, to which a checkpoint belongs; of an
// Active Directory it is not known.
func serverOf(id string) string {
	for i := range len(id) {
		if id[i] == ' ' {
			return id[i+1:]
		}
	}
	return ""
}

// reading is one reading while it runs.
type reading struct {
	s     *session
	old   directory.State
	at    time.Time
	mark  string    // the watermark when it began
	stale []string  // why what follows must not be believed
	sync  *syncFeed // set while a full reading is a refresh of RFC 4533
	out   directory.Reading
}

// begin takes the watermark before anything is read, so that what changes while
// we read is read again next time.
func (r *reading) begin() error {
	mark, err := r.s.watermark()
	if err != nil {
		return r.s.fault("probe", err)
	}
	r.mark = mark
	known := r.old.Checkpoint
	if r.s.p.comparable(known.Server, r.s.id()) && r.s.p.kind.behind(known.Watermark, mark) {
		r.stale = append(r.stale, fmt.Sprintf("the server is behind what was read before (%s, now %s): a replica that lags, or one that was restored", known.Watermark, mark))
	}
	r.out = directory.Reading{Source: r.s.cfg.Source, At: r.at, Depth: r.s.cfg.Groups.Depth, From: known, Linked: r.s.p.kind == ActiveDirectory}
	return nil
}

// comparable reports whether the watermarks of two servers can be compared:
// those of OpenLDAP's replicas can, Active Directory counts on each server for
// itself.
func (p *profile) comparable(known, now string) bool {
	return known != "" && (known == now || p.kind == OpenLDAP)
}

// checkpoint is where the next reading may go on.
func (r *reading) checkpoint(mode Mode, cookie []byte) directory.Checkpoint {
	c := directory.Checkpoint{
		Server: r.s.id(), Questions: r.s.cfg.questions(r.s.p.kind), Mode: string(mode), Cookie: cookie, Watermark: r.mark, At: r.at,
	}
	if r.out.Full {
		c.FullAt = r.at
	} else {
		c.FullAt, c.Since = r.old.Checkpoint.FullAt, r.old.Checkpoint.Since+1
	}
	return c
}

// full reads everything.
func (r *reading) full() error {
	r.out.Full, r.out.Mode = true, string(ModeFull)
	if r.s.mode() == ModeSyncrepl && r.s.p.kind != OpenLDAP {
		r.sync = &syncFeed{r: r}
	}
	people := newPeople(r.s.cfg, r.s.p, len(r.old.Accounts))
	people.known = r.old
	users, err := r.allUsers(people)
	if err != nil {
		return err
	}
	people.done()
	users.Nameless, users.Twice = people.nameless, people.twice
	r.out.Accounts = people.accounts

	list := newGroups(r.s.cfg, r.s.p, newFinder(people.accounts, people.byDN))
	list.known, list.passed = r.old, r.passed(list.find)
	groups, err := r.allGroups(list)
	if err != nil {
		return err
	}
	groups.Nameless = list.nameless
	if err := r.members(list); err != nil {
		return err
	}
	groups.Twice = twice(r.out.Groups)
	r.judge(users, groups)
	if r.out.Proven() == nil {
		if err := r.absent(); err != nil {
			return err
		}
	}
	cookie, mode := r.first()
	r.out.To = r.checkpoint(mode, cookie)
	return nil
}

func (r *reading) allUsers(to *people) (directory.Leg, error) {
	if r.sync != nil {
		return r.sync.users(to)
	}
	return r.s.pages(query{name: "users", base: r.s.cfg.Users.Base, filter: r.s.cfg.Users.Filter, attrs: to.attributes()}, to)
}

func (r *reading) allGroups(to *groups) (directory.Leg, error) {
	if r.sync != nil {
		return r.sync.groups(to)
	}
	return r.s.pages(query{name: "groups", base: r.s.cfg.Groups.Base, filter: r.s.cfg.Groups.Filter, attrs: to.attributes()}, to)
}

// passed are the names that have come to others; none where the server itself
// changes what groups list.
func (r *reading) passed(now *finder) *passed {
	if r.out.Linked {
		return nil
	}
	return newPassed(r.old, now)
}

// members completes the groups that were read: open ranges, ids of members,
// and a second reading where nothing tells a change from a fault.
func (r *reading) members(list *groups) error {
	if err := r.s.closeRanges(list); err != nil {
		return err
	}
	res := newResolver(r.s, r.old, list)
	if err := res.resolve(list.list); err != nil {
		return err
	}
	if err := r.again(list, res); err != nil {
		return err
	}
	r.out.Groups = make([]*directory.ReadGroup, 0, len(list.list))
	for _, f := range list.list {
		g := f.ReadGroup
		r.out.Groups = append(r.out.Groups, &g)
	}
	slices.SortFunc(r.out.Groups, func(a, b *directory.ReadGroup) int { return a.ID.Compare(b.ID) })
	r.out.Notes = append(r.out.Notes, res.notes...)
	return nil
}

func twice(groups []*directory.ReadGroup) int {
	n := 0
	for i := 1; i < len(groups); i++ {
		if groups[i].ID == groups[i-1].ID {
			n++
		}
	}
	return n
}

// fresh is how long ago an entry must have changed for a stamp in seconds to
// say that it did not change again; clocks may differ by as much.
const fresh = 5 * time.Minute

// again reads groups a second time, alone, that lost members while no stamp
// says that they changed.
func (r *reading) again(list *groups, res *resolver) error {
	for i, f := range list.list {
		if r.s.p.coarse && recent(f.Stamp, r.at) {
			f.Stamp = ""
		}
		old := r.old.Group(f.ID)
		if f.Stamp != "" || old == nil || slices.Equal(old.Accounts, f.Accounts) && slices.Equal(old.Groups, f.Groups) {
			continue
		}
		once := newGroups(r.s.cfg, r.s.p, list.find)
		once.passed = list.passed
		if err := r.s.one(f.DN, once.attributes(), once); err != nil {
			return r.s.fault("groups", err)
		}
		if err := r.s.closeRanges(once); err != nil {
			return err
		}
		if err := res.resolve(once.list); err != nil {
			return err
		}
		if len(once.list) == 1 {
			o := once.list[0]
			list.list[i].Again = o.ID == f.ID && o.Whole && f.Whole && slices.Equal(o.Accounts, f.Accounts) && slices.Equal(o.Groups, f.Groups)
		}
	}
	return nil
}

// recent reports whether a modifyTimestamp is too near to now to be a stamp.
func recent(stamp string, now time.Time) bool {
	t, err := time.Parse("20060102150405Z", stamp)
	return err != nil || now.Sub(t).Abs() < fresh
}

// judge makes the proofs of a full reading.
func (r *reading) judge(users, groups directory.Leg) {
	users.Least, groups.Least = r.least(len(r.old.Accounts)), r.least(len(r.old.Groups))
	for _, dn := range r.s.cfg.UserCanaries {
		seen := slices.ContainsFunc(r.out.Accounts, func(a *directory.ReadAccount) bool { return sameDN(a.DN, dn) })
		users.Canaries = append(users.Canaries, directory.Canary{Name: dn, Seen: seen})
	}
	for _, dn := range r.s.cfg.GroupCanaries {
		seen := slices.ContainsFunc(r.out.Groups, func(g *directory.ReadGroup) bool {
			return sameDN(g.DN, dn) && len(g.Accounts)+len(g.Groups) > 0
		})
		groups.Canaries = append(groups.Canaries, directory.Canary{Name: dn + " with a member", Seen: seen})
	}
	r.prove(users, groups)
}

func (r *reading) prove(users, groups directory.Leg) {
	users.Faults, groups.Faults = append(users.Faults, r.stale...), append(groups.Faults, r.stale...)
	r.out.UsersProof, r.out.GroupsProof = directory.Prove(users), directory.Prove(groups)
}

// least is how many entries a full reading must have: never none where there
// were some.
func (r *reading) least(known int) int {
	if known == 0 {
		return 0
	}
	return max(1, int(math.Ceil(float64(known)*(1-r.s.cfg.Shrink))))
}

func sameDN(a, b string) bool {
	if a == b {
		return true
	}
	d, errA := directory.ParseDN(a)
	e, errB := directory.ParseDN(b)
	return errA == nil && errB == nil && d.Equal(e)
}

// absent asks for who was known and was not seen.
func (r *reading) absent() error {
	var accounts, groups []directory.EntryID
	i := 0
	for _, a := range r.old.Accounts { // both ascending
		for i < len(r.out.Accounts) && r.out.Accounts[i].ID.Compare(a.ID) < 0 {
			i++
		}
		if i == len(r.out.Accounts) || r.out.Accounts[i].ID != a.ID {
			accounts = append(accounts, a.ID)
		}
	}
	seen := make(map[directory.EntryID]bool, len(r.out.Groups))
	for _, g := range r.out.Groups {
		seen[g.ID] = true
	}
	for _, g := range r.old.Groups {
		if !seen[g.ID] {
			groups = append(groups, g.ID)
		}
	}
	c := r.s.cfg
	gone, err := r.s.confirm(accounts, scope{"users", c.Users.Base, c.Users.Filter})
	if err != nil {
		return err
	}
	more, err := r.s.confirm(groups, scope{"groups", c.Groups.Base, c.Groups.Filter})
	r.out.Gone = append(append(r.out.Gone, gone...), more...)
	return err
}
