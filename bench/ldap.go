package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
	"grantbridge/ldapsync"
)

const ldapSuffix = "dc=corp,dc=example"

// ldapMain reads a large directory in three ways, round by round in one run:
//
//	go run . ldap -ldif FILE                              writes the directory, once
//	GRANTBRIDGE_SLAPD_LDIF=FILE ../scripts/slapd.sh DIR   serves it, and prints URL
//	go run . ldap URL                                     measures
//
// raw takes the bytes of the same paged searches and decodes nothing: it is
// what server and wire can do. go-ldap is its Search, page by page.
func ldapMain(args []string) int {
	flags := flag.NewFlagSet("ldap", flag.ExitOnError)
	ldif := flags.String("ldif", "", "write the directory into this file and end")
	people := flags.Int("people", 100_000, "how many people to write")
	_ = flags.Parse(args)
	var err error
	switch {
	case *ldif != "":
		err = writeLDIF(*ldif, *people)
	case flags.NArg() != 1:
		err = fmt.Errorf("say -ldif FILE, or the URL that scripts/slapd.sh prints")
	default:
		err = ldapRun(flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// writeLDIF writes people, a group for every 100 of them with 600 members, and
// five groups of groups.
func writeLDIF(name string, people int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "dn: %s\nobjectClass: domain\ndc: corp\n\n", ldapSuffix)
	fmt.Fprintf(w, "dn: cn=reader,%s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: secret\n\n", ldapSuffix)
	for _, ou := range []string{"people", "groups"} {
		fmt.Fprintf(w, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, ldapSuffix, ou)
	}
	for i := range people {
		fmt.Fprintf(w, "dn: uid=user%06d,ou=people,%s\nobjectClass: inetOrgPerson\nuid: user%06d\ncn: Given%d Family%d\nsn: Family%d\ndisplayName: Given%d Family%d\nmail: user%06d@corp.example\n\n",
			i, ldapSuffix, i, i, i%7919, i%7919, i, i%7919, i)
	}
	groups := people / 100
	for g := range groups {
		fmt.Fprintf(w, "dn: cn=group%04d,ou=groups,%s\nobjectClass: groupOfNames\ncn: group%04d\n", g, ldapSuffix, g)
		for m := range 600 {
			fmt.Fprintf(w, "member: uid=user%06d,ou=people,%s\n", (g*97+m*167)%people, ldapSuffix)
		}
		fmt.Fprintln(w)
	}
	for n := range 5 {
		fmt.Fprintf(w, "dn: cn=nested%d,ou=groups,%s\nobjectClass: groupOfNames\ncn: nested%d\n", n, ldapSuffix, n)
		for g := range groups / 5 {
			fmt.Fprintf(w, "member: cn=group%04d,ou=groups,%s\n", g*5+n, ldapSuffix)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// ldapBench is one directory to read.
type ldapBench struct {
	addr string
	pid  int // of slapd, 0 when it is not known
	cfg  ldapsync.Config
}

// ldapCost is what one way of reading cost.
type ldapCost struct {
	name            string
	wall            time.Duration
	client, server  float64 // seconds of CPU
	entries, values int
	bytes           int64
}

const ldapRounds = 3

// newLDAPBench is the directory that scripts/slapd.sh printed.
func newLDAPBench(address, source string) (*ldapBench, error) {
	rest, ok := strings.CutPrefix(address, "ldap://")
	host, query, _ := strings.Cut(rest, "/")
	if !ok {
		return nil, fmt.Errorf("%q is no URL of scripts/slapd.sh", address)
	}
	b := &ldapBench{addr: host, cfg: ldapsync.Config{
		Source: source, Servers: []string{"ldap://" + host}, Plaintext: true,
		Bind:   ldapsync.Bind{DN: "cn=reader," + ldapSuffix, Password: "secret"},
		Users:  ldapsync.Users{Base: "ou=people," + ldapSuffix},
		Groups: ldapsync.Groups{Base: "ou=groups," + ldapSuffix},
	}}
	if _, folder, ok := strings.Cut(query, "folder="); ok {
		text, _ := os.ReadFile(filepath.Join(folder, "pid"))
		b.pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	return b, nil
}

func ldapRun(address string) error {
	b, err := newLDAPBench(address, "bench")
	if err != nil {
		return err
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("%s, %s/%s, %d CPUs, load %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), strings.TrimSpace(string(load)))
	best := map[string]ldapCost{}
	var names []string
	for round := range ldapRounds {
		for _, way := range []struct {
			name string
			read func() (ldapCost, error)
		}{{"raw bytes", b.raw}, {"grantbridge", b.ours}, {"go-ldap", b.plain}} {
			c, err := b.measure(way.read)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			c.name = way.name
			fmt.Fprintf(os.Stderr, "round %d: %s %.2f s\n", round+1, c.name, c.wall.Seconds())
			if old, seen := best[c.name]; !seen || c.wall < old.wall {
				best[c.name] = c
			}
			if round == 0 {
				names = append(names, c.name)
			}
		}
	}
	showLDAP(best, names)
	return b.runs()
}

func (b *ldapBench) measure(read func() (ldapCost, error)) (ldapCost, error) {
	runtime.GC()
	client, server, start := cpu(), b.serverCPU(), time.Now()
	c, err := read()
	c.wall, c.client, c.server = time.Since(start), (cpu()-client)/1e9, b.serverCPU()-server
	return c, err
}

// serverCPU is the server's CPU time in seconds.
func (b *ldapBench) serverCPU() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(after)
	u, _ := strconv.Atoi(f[11])
	s, _ := strconv.Atoi(f[12])
	return float64(u+s) / 100
}

func showLDAP(best map[string]ldapCost, names []string) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "READER\tENTRIES\tMEMBERS\tWALL\tENTRIES/s\tOF RAW\tCLIENT CPU\tSERVER CPU\tMB")
	for _, n := range names {
		c, raw := best[n], best["raw bytes"]
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f s\t%.0f\t%.0f %%\t%.2f s\t%.2f s\t%.1f\n", c.name, c.entries, c.values, c.wall.Seconds(), float64(raw.entries)/c.wall.Seconds(),
			100*raw.wall.Seconds()/c.wall.Seconds(), c.client, c.server, float64(c.bytes)/1e6)
	}
	w.Flush()
}

// ours reads and proves, resolves members, and believes.
func (b *ldapBench) ours() (ldapCost, error) {
	r, err := ldapsync.NewReader(b.cfg)
	if err != nil {
		return ldapCost{}, err
	}
	reading, err := r.ReadAll(context.Background(), directory.State{})
	if err != nil {
		return ldapCost{}, err
	}
	c := ldapCost{entries: len(reading.Accounts) + len(reading.Groups)}
	for _, g := range reading.Groups {
		c.values += len(g.Accounts) + len(g.Groups) + len(g.Unresolved)
	}
	return c, reading.Proven()
}

// The searches of the two ways that we are compared with: the same attributes.
var ldapSearches = []struct {
	base, filter string
	attrs        []string
}{
	{"ou=people," + ldapSuffix, "(objectClass=inetOrgPerson)",
		[]string{"entryUUID", "uid", "displayName", "mail", "gidNumber", "pwdAccountLockedTime", "shadowExpire", "loginDisabled"}},
	{"ou=groups," + ldapSuffix, "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))",
		[]string{"entryUUID", "entryCSN", "cn", "description", "objectClass", "member", "uniqueMember", "memberUid", "gidNumber"}},
}

func (b *ldapBench) plain() (ldapCost, error) {
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		return ldapCost{}, err
	}
	return b.paged(c)
}

// raw takes entries off the wire before go-ldap sees them, and drops them.
func (b *ldapBench) raw() (ldapCost, error) {
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		return ldapCost{}, err
	}
	d := &dropper{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}
	cost, err := b.paged(d)
	cost.entries, cost.bytes = d.entries, d.bytes
	return cost, err
}

func (b *ldapBench) paged(c net.Conn) (ldapCost, error) {
	l := ldaplib.NewConn(c, true)
	l.Start()
	defer l.Close()
	if err := l.Bind(b.cfg.Bind.DN, b.cfg.Bind.Password); err != nil {
		return ldapCost{}, err
	}
	var cost ldapCost
	for _, s := range ldapSearches {
		var cookie []byte
		for {
			paging := ldaplib.NewControlPaging(1000)
			paging.SetCookie(cookie)
			res, err := l.Search(&ldaplib.SearchRequest{BaseDN: s.base, Scope: ldaplib.ScopeWholeSubtree, Filter: s.filter, Attributes: s.attrs, Controls: []ldaplib.Control{paging}})
			if err != nil {
				return cost, err
			}
			cost.entries += len(res.Entries)
			for _, e := range res.Entries {
				cost.values += len(e.GetAttributeValues("member"))
			}
			cookie = ldaplib.FindControl(res.Controls, ldaplib.ControlTypePaging).(*ldaplib.ControlPaging).Cookie
			if len(cookie) == 0 {
				break
			}
		}
	}
	return cost, nil
}

// dropper hands on all messages but search entries.
type dropper struct {
	net.Conn
	in      *bufio.Reader
	left    int // of the message that is handed on
	entries int
	bytes   int64
}

func (d *dropper) Read(p []byte) (int, error) {
	for d.left == 0 {
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n, err := d.in.Read(p[:min(len(p), d.left)])
	d.left -= n
	return n, err
}

func (d *dropper) next() error {
	head, err := d.in.Peek(2)
	if err != nil {
		return err
	}
	size, length := 2, int(head[1])
	if length >= 0x80 {
		size += length & 0x7f
		if head, err = d.in.Peek(size); err != nil {
			return err
		}
		length = int(binary.BigEndian.Uint64(append(make([]byte, 8-(size-2)), head[2:]...)))
	}
	d.bytes += int64(size + length)
	head, err = d.in.Peek(min(size+12, size+length))
	if err != nil {
		return err
	}
	if body := head[size:]; len(body) > 2 && body[0] == 2 && len(body) > 2+int(body[1]) && body[2+body[1]] == 0x64 {
		d.entries++
		_, err := io.CopyN(io.Discard, d.in, int64(size+length))
		return err
	}
	d.left = size + length
	return nil
}

// runs measures whole runs: everything, nothing new, and a hundred changes.
func (b *ldapBench) runs() error {
	r, err := ldapsync.NewReader(b.cfg)
	if err != nil {
		return err
	}
	ctx := context.Background()
	before := heap()
	reading, err := r.ReadAll(ctx, directory.State{})
	if err != nil {
		return err
	}
	delta, err := directory.Diff(directory.State{}, reading)
	if err != nil {
		return err
	}
	state := delta.Next
	reading, delta = directory.Reading{}, directory.Delta{}
	fmt.Printf("\nwhat is known of %d people and %d groups: %.0f MB of heap\n", len(state.Accounts), len(state.Groups), (heap()-before)/1e6)
	if err := b.one("full run, nothing changed", state, r.ReadAll); err != nil {
		return err
	}
	for range ldapRounds {
		if err := b.one("incremental run, nothing changed", state, r.Read); err != nil {
			return err
		}
	}
	if err := b.change(100); err != nil {
		return err
	}
	err = b.one("incremental run, 100 changes", state, r.Read)
	fmt.Printf("peak of the process, go-ldap's reading included: %s\n", peak())
	runtime.KeepAlive(state)
	return err
}

func (b *ldapBench) one(name string, state directory.State, read func(context.Context, directory.State) (directory.Reading, error)) error {
	stop, most := make(chan bool), make(chan uint64)
	go watchHeap(stop, most)
	start, client := time.Now(), cpu()
	reading, err := read(context.Background(), state)
	if err != nil {
		return err
	}
	got := time.Since(start)
	delta, err := directory.Diff(state, reading)
	if err != nil {
		return err
	}
	wall := time.Since(start)
	close(stop)
	fmt.Printf("%s (%s): %.3f s, of which compared %.3f s, %.2f s CPU, heap up to %d MB; %d accounts and %d groups differ, %d doubts\n", name, reading.Mode,
		wall.Seconds(), (wall - got).Seconds(), (cpu()-client)/1e9, <-most>>20, len(delta.Accounts), len(delta.Groups), len(delta.Doubts))
	return nil
}

func watchHeap(stop chan bool, most chan uint64) {
	var top uint64
	for {
		select {
		case <-stop:
			most <- top
			return
		case <-time.After(20 * time.Millisecond):
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			top = max(top, m.HeapInuse)
		}
	}
}

func peak() string {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "not known"
}

// change edits people, and one group, as the directory's administrator.
func (b *ldapBench) change(n int) error {
	l, err := ldaplib.DialURL("ldap://" + b.addr)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Bind("cn=admin,"+ldapSuffix, "secret"); err != nil {
		return err
	}
	for i := range n {
		m := ldaplib.NewModifyRequest(fmt.Sprintf("uid=user%06d,ou=people,%s", i*37, ldapSuffix), nil)
		m.Replace("displayName", []string{fmt.Sprint("Changed ", time.Now().UnixNano())})
		if i == 0 {
			m = ldaplib.NewModifyRequest("cn=group0000,ou=groups,"+ldapSuffix, nil)
			m.Delete("member", []string{"uid=user000000,ou=people," + ldapSuffix})
		}
		err := l.Modify(m)
		if ldaplib.IsErrorWithCode(err, ldaplib.LDAPResultNoSuchAttribute) { // gone since an earlier run
			m.Changes = nil
			m.Add("member", []string{"uid=user000000,ou=people," + ldapSuffix})
			err = l.Modify(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
