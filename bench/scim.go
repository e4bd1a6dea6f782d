package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// runSCIM measures single requests through HTTP, one after the other: the real
// door, engine and follower in a process of their own, and elimity's server on a
// store in memory.
func runSCIM(args []string) error {
	f := flag.NewFlagSet("scim", flag.ExitOnError)
	o := single{}
	f.IntVar(&o.large, "large", 100_000, "members of the large group")
	f.IntVar(&o.rounds, "n", 100, "PATCHes of a kind")
	server := postgresFlag(f)
	_ = f.Parse(args)
	o.sizes = []int{10, 1000, o.large}
	fmt.Printf("one request after the other, median wall time; load %s\n", load())
	fmt.Fprintln(os.Stderr, "elimity …")
	h, err := elimityServer()
	if err != nil {
		return err
	}
	s := httptest.NewServer(h)
	rows := []singleRow{}
	row, err := o.measure("elimity on a map", newClient(s.URL, ""), nil)
	s.Close()
	if err != nil {
		return err
	}
	rows = append(rows, row)
	for _, kind := range places(*server) {
		fmt.Fprintln(os.Stderr, kind, "…")
		row, err := o.inChild(kind, *server)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		rows = append(rows, row)
	}
	o.show(rows)
	return nil
}

type single struct {
	large, rounds int
	sizes         []int
}

// singleRow is what one server takes.
type singleRow struct {
	name      string
	patch     []time.Duration // by size
	ratio     float64
	find      time.Duration
	get       time.Duration
	getFirst  time.Duration // until the first byte
	put       time.Duration // 10 in, 10 out
	putHeap   float64       // bytes more than before, at most
	putAllocs float64       // bytes allocated
	measured  bool
}

func (o *single) inChild(kind, server string) (singleRow, error) {
	p, err := newPlace(kind, server)
	if err != nil {
		return singleRow{}, err
	}
	defer p.drop()
	c, err := startChild(p.dsn)
	if err != nil {
		return singleRow{}, err
	}
	row, err := o.measure("grantbridge on "+kind, c.client, c)
	if err == nil {
		return row, c.end()
	}
	_ = c.end()
	return row, err
}

func (o *single) measure(name string, c *client, ch *child) (r singleRow, err error) {
	r.name = name
	ids, err := o.people(c, ch)
	if err != nil {
		return r, err
	}
	groups := make([]string, len(o.sizes))
	for i, size := range o.sizes {
		// Created by PUT, so that a server's limit of a POST body does not matter.
		if groups[i], err = c.create("/Groups", groupBody(fmt.Sprint("size ", i), nil)); err != nil {
			return r, err
		}
		if _, err := c.do(http.StatusOK, "PUT", "/Groups/"+groups[i], groupBody(fmt.Sprint("size ", i), ids[:size])); err != nil {
			return r, err
		}
	}
	if r.patch, err = o.patches(c, groups, ids[o.large+10]); err != nil {
		return r, err
	}
	r.ratio = r.patch[len(r.patch)-1].Seconds() / r.patch[0].Seconds()
	if r.find, err = o.finds(c); err != nil {
		return r, err
	}
	if r.getFirst, r.get, err = o.get(c, "/Groups/"+groups[len(groups)-1]); err != nil {
		return r, err
	}
	return r, o.put(c, ch, &r, groups[len(groups)-1], ids)
}

// people are twenty more than the large group has.
func (o *single) people(c *client, ch *child) ([]string, error) {
	if ch != nil {
		return ch.people(o.large + 20)
	}
	ids := make([]string, o.large+20)
	return ids, spread(16, len(ids), func(i int) (err error) {
		ids[i], err = c.create("/Users", plainUser(i))
		return err
	})
}

func plainUser(i int) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d@contoso.example","displayName":"User %d","name":{"givenName":"User","familyName":"%d"},"emails":[{"value":"user%d@contoso.example","type":"work","primary":true}],"active":true}`, i, i, i, i)
}

func groupBody(name string, ids []string) string {
	var b strings.Builder
	b.WriteString(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"` + name + `","members":[`)
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"value":"` + id + `"}`)
	}
	b.WriteString(`]}`)
	return b.String()
}

// patches adds one member and removes it, in groups of all sizes by turns, so
// that neighbours on the machine slow all alike.
func (o *single) patches(c *client, groups []string, id string) ([]time.Duration, error) {
	const head = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
	add := head + `{"op":"add","path":"members","value":[{"value":"` + id + `"}]}]}`
	remove := head + `{"op":"remove","path":"members[value eq \"` + id + `\"]"}]}`
	took := make([][]time.Duration, len(groups))
	for n := range o.rounds + 5 {
		for g, group := range groups {
			for _, body := range []string{add, remove} {
				start := time.Now()
				if _, err := c.do(http.StatusNoContent, "PATCH", "/Groups/"+group, body); err != nil {
					return nil, err
				}
				if n >= 5 {
					took[g] = append(took[g], time.Since(start))
				}
			}
		}
	}
	var out []time.Duration
	for _, list := range took {
		out = append(out, percentile(list, .5))
	}
	return out, nil
}

func (o *single) finds(c *client) (time.Duration, error) {
	var took []time.Duration
	for i := range o.rounds {
		start := time.Now()
		n, err := c.found("/Users?filter=" + url.QueryEscape(fmt.Sprintf(`userName eq "user%d@contoso.example"`, i*7)))
		if err != nil || n != 1 {
			return 0, fmt.Errorf("find: %d found: %w", n, err)
		}
		took = append(took, time.Since(start))
	}
	return percentile(took, .5), nil
}

// firstByte notes when writing began.
type firstByte struct {
	start time.Time
	after time.Duration
	n     int
}

func (f *firstByte) Write(b []byte) (int, error) {
	if f.n == 0 {
		f.after = time.Since(f.start)
	}
	f.n += len(b)
	return len(b), nil
}

func (o *single) get(c *client, path string) (first, all time.Duration, err error) {
	var firsts, alls []time.Duration
	for range 5 {
		f := &firstByte{start: time.Now()}
		if err := c.stream(http.StatusOK, "GET", path, "", f); err != nil {
			return 0, 0, err
		}
		firsts, alls = append(firsts, f.after), append(alls, time.Since(f.start))
	}
	return percentile(firsts, .5), percentile(alls, .5), nil
}

// put replaces the large group's members: ten go and ten come, three times.
func (o *single) put(c *client, ch *child, r *singleRow, group string, ids []string) error {
	var took []time.Duration
	for n := range 3 {
		body := groupBody(fmt.Sprint("size ", len(o.sizes)-1), ids[10*(1-n%2):][:o.large])
		var before stats
		var stop func() float64
		if ch != nil {
			var err error
			if before, err = ch.stats("1"); err != nil {
				return err
			}
			stop = ch.watchHeap()
		}
		start := time.Now()
		if err := c.stream(http.StatusOK, "PUT", "/Groups/"+group, body, io.Discard); err != nil {
			return err
		}
		took = append(took, time.Since(start))
		if ch != nil {
			r.putHeap = max(r.putHeap, stop()-before.Heap)
			after, err := ch.stats("")
			if err != nil {
				return err
			}
			r.putAllocs, r.measured = after.Allocated-before.Allocated, true
		}
	}
	r.put = percentile(took, .5)
	return nil
}

// watchHeap looks at the server's heap until it is stopped, and returns the most
// that was in use, collected or not.
func (c *child) watchHeap() (stop func() float64) {
	done, most := make(chan struct{}), make(chan float64)
	go func() {
		top := 0.0
		for {
			if res, err := http.Get(c.Base + "/bench/stats"); err == nil {
				var s stats
				_ = json.NewDecoder(res.Body).Decode(&s)
				res.Body.Close()
				top = max(top, s.Heap)
			}
			select {
			case <-done:
				most <- top
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() float64 { close(done); return <-most }
}

func (o *single) show(rows []singleRow) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "SERVER\tPATCH IN 10\t1,000\t%d\tRATIO\tFIND USERNAME\tGET %d\tFIRST BYTE\tPUT %d\tHEAP MORE\tALLOCATED\n", o.large, o.large, o.large)
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
	for _, r := range rows {
		heap, allocs := "–", "–"
		if r.measured {
			heap, allocs = fmt.Sprintf("%.0f MB", r.putHeap/1e6), fmt.Sprintf("%.0f MB", r.putAllocs/1e6)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t%s\t%s\t%s\n", r.name, ms(r.patch[0]), ms(r.patch[1]), ms(r.patch[2]), r.ratio, ms(r.find), ms(r.get), ms(r.getFirst), ms(r.put), heap, allocs)
	}
	w.Flush()
	fmt.Printf("load %s\n", load())
}
