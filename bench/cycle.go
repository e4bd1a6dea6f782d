package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"grantbridge/access"
)

// runCycle is the first provisioning cycle of a large tenant, by plain SCIM: for
// each user the match query and a POST; for each group the match query, a POST
// and PATCHes of some members each. No Bulk.
func runCycle(args []string) error {
	f := flag.NewFlagSet("cycle", flag.ExitOnError)
	o := cycle{}
	f.IntVar(&o.users, "users", 10_000, "people to push")
	f.IntVar(&o.memberships, "memberships", 100_000, "memberships to push; everybody is in one group, the rest spread over 1,000")
	f.IntVar(&o.workers, "workers", 16, "requests at once")
	f.IntVar(&o.batch, "batch", 20, "members in a PATCH")
	only := f.String("only", "", "sqlite or postgres")
	profile := f.String("profile", "", "write the server's CPU profile of 20 seconds of each half to this prefix")
	server := postgresFlag(f)
	_ = f.Parse(args)
	o.profile = *profile
	for _, kind := range places(*server) {
		if *only != "" && kind != *only {
			continue
		}
		p, err := newPlace(kind, *server)
		if err != nil {
			return err
		}
		err = o.run(p)
		p.drop()
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func postgresFlag(f *flag.FlagSet) *string {
	return f.String("postgres", os.Getenv("GRANTBRIDGE_BENCH_POSTGRES"), "DSN of a PostgreSQL server; without it SQLite only")
}

type cycle struct {
	users, memberships, workers, batch int
	profile, kind                      string

	c      *child
	ids    []string
	groups []string
	began  time.Time
	sent   atomic.Int64
}

const cycleGroups = 1000

func groupName(g int) string {
	switch {
	case g == 0:
		return "All employees"
	case g <= siteCount:
		return "Matomo-Admin-" + siteSlug(g-1)
	}
	return fmt.Sprintf("Team %d", g)
}

// each is how many groups a user is in beside the one of all.
func (o *cycle) each() int { return o.memberships/o.users - 1 }

// groupOf is the k-th group of user u: all different, evenly spread.
func (o *cycle) groupOf(u, k int) int { return 1 + (u*7+k*(cycleGroups/max(1, o.each())))%cycleGroups }

func (o *cycle) run(p *place) (err error) {
	fmt.Printf("%s: %d users, %d memberships in %d groups, %d at once, %d members a PATCH; load %s\n", p.kind, o.users, o.users*(o.each()+1), cycleGroups+1, o.workers, o.batch, load())
	o.kind = p.kind
	if o.c, err = startChild(p.dsn); err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			_ = o.c.end()
		}
	}()
	o.sent.Store(0)
	clientBefore := cpu()
	o.began = time.Now()
	if err := o.pushUsers(); err != nil {
		return err
	}
	usersTook := time.Since(o.began)
	if err := o.pushGroups(); err != nil {
		return err
	}
	took := time.Since(o.began)
	s, err := o.c.stats("")
	if err != nil {
		return err
	}
	if err := o.checkLive(); err != nil {
		return err
	}
	ended = true
	if err := o.c.end(); err != nil {
		return err
	}
	fmt.Printf("  total %s: users %s (%.0f users/s), groups and memberships %s (%.0f memberships/s); %d requests, %.0f/s\n", took.Round(time.Second/10), usersTook.Round(time.Second/10),
		float64(o.users)/usersTook.Seconds(), (took - usersTook).Round(time.Second/10), float64(o.users*(o.each()+1))/(took-usersTook).Seconds(), o.sent.Load(), float64(o.sent.Load())/took.Seconds())
	fmt.Printf("  server CPU %.1f s (%.0f µs a request; the database's own is in it on SQLite only), client CPU %.1f s; server's peak RSS %.0f MB\n", s.CPU, s.CPU/float64(o.sent.Load())*1e6, (cpu()-clientBefore)/1e9, s.Peak/1e6)
	fmt.Printf("  follower, commit → snapshot answers: p50 %s, p99 %s, of %d; load %s\n", percentile(s.Lags, .5).Round(time.Millisecond/10), percentile(s.Lags, .99).Round(time.Millisecond/10), len(s.Lags), load())
	return o.verify(p.dsn)
}

func (o *cycle) pushUsers() error {
	o.ids = make([]string, o.users)
	defer o.progress("users", &o.users)()
	return spread(o.workers, o.users, func(u int) (err error) {
		login := loginOf(u)
		n, err := o.c.found("/Users?filter=" + url.QueryEscape(`userName eq "`+login+`"`))
		if err != nil || n != 0 {
			return fmt.Errorf("match %s: %d found: %w", login, n, err)
		}
		o.ids[u], err = o.c.create("/Users", entraUser(u))
		o.sent.Add(2)
		return err
	})
}

func loginOf(u int) string { return fmt.Sprintf("user%d@contoso.example", u) }

// entraUser is a user as Entra creates one, without attributes that its default
// mapping leaves out when they are empty.
func entraUser(u int) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],`+
		`"externalId":"x%d","userName":"user%d@contoso.example","active":true,"displayName":"User Number %d","emails":[{"primary":true,"type":"work","value":"user%d@contoso.example"}],`+
		`"meta":{"resourceType":"User"},"name":{"formatted":"User Number %d","familyName":"Number %d","givenName":"User"},"title":"Analyst","roles":[],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Department %d","employeeNumber":"%d"}}`, u, u, u, u, u, u, u%50, u)
}

func (o *cycle) pushGroups() error {
	o.groups = make([]string, cycleGroups+1)
	err := spread(o.workers, len(o.groups), func(g int) (err error) {
		name := groupName(g)
		n, err := o.c.found("/Groups?excludedAttributes=members&filter=" + url.QueryEscape(`displayName eq "`+name+`"`))
		if err != nil || n != 0 {
			return fmt.Errorf("match %s: %d found: %w", name, n, err)
		}
		o.groups[g], err = o.c.create("/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"g`+fmt.Sprint(g)+`","displayName":"`+name+`","meta":{"resourceType":"Group"}}`)
		o.sent.Add(2)
		return err
	})
	if err != nil {
		return err
	}
	members := o.members()
	n := 0
	for _, list := range members {
		n += (len(list) + o.batch - 1) / o.batch
	}
	defer o.progress("PATCHes", &n)()
	return spread(o.workers, len(members), func(g int) error {
		for part := range slices.Chunk(members[g], o.batch) {
			if err := o.patch(g, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// patch adds members. A group's PATCHes come one after the other.
func (o *cycle) patch(g int, users []int) error {
	var b strings.Builder
	b.WriteString(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"members","value":[`)
	for k, u := range users {
		if k > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"$ref":null,"value":"` + o.ids[u] + `"}`)
	}
	b.WriteString(`]}]}`)
	_, err := o.c.do(http.StatusNoContent, "PATCH", "/Groups/"+o.groups[g], b.String())
	o.sent.Add(1)
	return err
}

// members are the users of each group; the first group has all.
func (o *cycle) members() [][]int {
	members := make([][]int, cycleGroups+1)
	for u := range o.users {
		members[0] = append(members[0], u)
		for k := range o.each() {
			g := o.groupOf(u, k)
			members[g] = append(members[g], u)
		}
	}
	return members
}

// progress prints where we are every ten seconds until it is called.
func (o *cycle) progress(what string, total *int) (stop func()) {
	done, start, before := make(chan struct{}), time.Now(), o.sent.Load()
	perItem := int64(1)
	if what == "users" {
		perItem = 2
	}
	go o.takeProfile(what)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Second):
				n := (o.sent.Load() - before) / perItem
				fmt.Fprintf(os.Stderr, "  %s of %d %s, %.0f/s, load %s\n", fmt.Sprint(n), *total, what, float64(n)/time.Since(start).Seconds(), load())
			}
		}
	}()
	return func() { close(done) }
}

// takeProfile keeps 15 seconds of the server's CPU.
func (o *cycle) takeProfile(what string) {
	if o.profile == "" {
		return
	}
	time.Sleep(5 * time.Second)
	f, err := os.Create(o.profile + "." + what + "." + o.kind)
	if err != nil {
		return
	}
	defer f.Close()
	_ = (&client{base: o.c.Base, http: http.DefaultClient}).stream(http.StatusOK, "GET", "/debug/pprof/profile?seconds=15", "", f)
}

// samples are the people whose decisions are looked at.
func (o *cycle) samples(ask func(login string, site, level int) (bool, error)) (n int, err error) {
	for u := 0; u < o.users; u += max(1, o.users/100) {
		admin := map[int]bool{}
		for k := range o.each() {
			if g := o.groupOf(u, k); g <= siteCount {
				admin[g] = true
			}
		}
		for site := 1; site <= siteCount; site += 3 {
			for level, want := range map[access.Level]bool{access.Admin: admin[site], access.View: admin[site] || site%2 == 1} {
				got, err := ask(loginOf(u), site, int(level))
				if err != nil {
					return n, err
				}
				if got != want {
					return n, fmt.Errorf("%s on site %d at level %s: %v, want %v", loginOf(u), site, level, got, want)
				}
				n++
			}
		}
	}
	return n, nil
}

// checkLive asks the snapshot that followed the whole cycle.
func (o *cycle) checkLive() error {
	start := time.Now()
	for {
		s, err := o.c.stats("")
		if err != nil {
			return err
		}
		if s.Now.Memberships == o.users*(o.each()+1) && s.Now.People == o.users {
			break
		}
		if time.Since(start) > time.Minute {
			return fmt.Errorf("after a minute the snapshot has %+v", s.Now)
		}
		time.Sleep(50 * time.Millisecond)
	}
	plain := &client{base: o.c.Base, http: http.DefaultClient}
	n, err := o.samples(func(login string, site, level int) (bool, error) {
		b, err := plain.do(http.StatusOK, "GET", fmt.Sprintf("/bench/allowed?login=%s&site=%d&level=%d", url.QueryEscape(login), site, level), "")
		return string(b) == "true", err
	})
	if err == nil {
		fmt.Printf("  %d decisions of the running snapshot as they must be\n", n)
	}
	return err
}

// verify opens the store anew and looks at counts, decisions and the chain.
func (o *cycle) verify(dsn string) error {
	ctx := context.Background()
	before, start := cpu(), time.Now()
	h, err := openHouse(ctx, dsn)
	if err != nil {
		return err
	}
	defer h.stop()
	opened := time.Since(start)
	fmt.Printf("  opened again in %s, %.1f s CPU\n", opened.Round(time.Millisecond), (cpu()-before)/1e9)
	snap, _ := h.engine.Holder().Snapshot(time.Now())
	if got := snap.Stats(); got.People != o.users || got.Memberships != o.users*(o.each()+1) {
		return fmt.Errorf("the store has %d people with %d memberships, want %d with %d", got.People, got.Memberships, o.users, o.users*(o.each()+1))
	}
	n, err := o.samples(func(login string, site, level int) (bool, error) {
		return h.allowed(login, access.SiteID(site), access.Level(level))
	})
	if err != nil {
		return err
	}
	start = time.Now()
	report, err := h.st.Verify(ctx)
	if err != nil {
		return err
	}
	if report.Broken != "" {
		return fmt.Errorf("audit chain: %s", report.Broken)
	}
	fmt.Printf("  verified: %d people, %d memberships, %d decisions, audit chain of %d entries (%s)\n", o.users, o.users*(o.each()+1), n, report.Entries, time.Since(start).Round(time.Second/10))
	return nil
}
