package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

// killed is a company whose directory is a real OpenLDAP, whose store is a real
// database, and whose worker is the real program; any of the three may be killed
// at any moment.
type killed struct {
	t    *testing.T
	dir  string // the program's
	ldap *killableSlapd
	db   *killablePostgres // nil on SQLite
	dsn  string
	// listen is where serve listens.
	listen string
	r      *rand.Rand
	// now and was are who is in which group, by the directory: after the last
	// edit, and at the last run that came to its end.
	now, was map[string]bool
	took     time.Duration // of a run after an edit
}

// Invariants 4, 6, 7 and 14 with real processes: whatever is killed at whatever
// moment, nobody has or lacks what neither the directory of before nor that of
// now says, the next run ends where the directory is, and nothing is done twice.
// Each is killed once; GRANTBRIDGE_ALL=1 kills 60 times.
func TestKilledAtRandomMomentsTheStoreFollowsTheDirectory(t *testing.T) {
	for kind, victims := range map[string][]string{"sqlite": {theWorker, theDirectory}, "postgres": {theDatabase}} {
		t.Run(kind, func(t *testing.T) {
			k := newKilled(t, kind)
			k.first()
			for len(victims) < 60 && os.Getenv("GRANTBRIDGE_ALL") == "1" {
				victims = append(victims, []string{theWorker, theDirectory, theDatabase}[k.r.IntN(3)])
			}
			for n, what := range victims {
				k.edit(n)
				k.run(n, what)
			}
			k.onceEach()
		})
	}
}

// A worker that slept through the end of its lease finds that it may not write
// any more what it knew before: another has done it, and more.
func TestAWorkerThatSleptIsFencedOff(t *testing.T) {
	k := newKilled(t, "sqlite")
	k.first()
	k.edit(0)
	k.must(k.ldap.proc.Process.Signal(syscall.SIGSTOP))
	slow := k.program()
	var says bytes.Buffer
	slow.Stderr, slow.Stdout = &says, &says
	k.must(slow.Start())
	k.ldap.connected() // so it has the lease and what was known, and waits
	k.must(slow.Process.Signal(syscall.SIGSTOP))
	k.must(k.ldap.proc.Process.Signal(syscall.SIGCONT))
	k.leaseEnds()
	k.finish()
	k.edit(1)
	k.finish()
	head := k.revision()
	k.must(slow.Process.Signal(syscall.SIGCONT))
	if err := slow.Wait(); err == nil {
		t.Errorf("it did not notice: %s", &says)
	}
	if k.revision() != head {
		t.Error("it wrote although its lease was another's")
	}
	k.check("after it woke", k.now, k.now)
	k.onceEach()
	t.Logf("%s", &says)
}

func newKilled(t *testing.T, kind string) *killed {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	k := &killed{t: t, dir: t.TempDir(), ldap: startSlapd(t), listen: "127.0.0.1:" + portBelow(t), r: rand.New(rand.NewPCG(seed, 1)), now: map[string]bool{}, was: map[string]bool{}}
	k.dsn = "sqlite:" + filepath.Join(k.dir, "grants.db")
	if kind == "postgres" {
		k.db = startPostgres(t)
		k.dsn = k.db.dsn
	}
	config := fmt.Sprintf(`store: %s
listen: %s
sources:
  corp:
    ldap:
      url: %s
      plaintext: true
      bind_dn: cn=reader,dc=corp,dc=example
      bind_password: secret
      users: {base: "ou=people,dc=corp,dc=example"}
      groups: {base: "ou=groups,dc=corp,dc=example"}
      limits: {few: 1000000, new_superusers: 1000000}
      page: 20
`, k.dsn, k.listen, k.ldap.url)
	k.must(os.WriteFile(filepath.Join(k.dir, "config.yaml"), []byte(config), 0o600))
	k.must(os.WriteFile(filepath.Join(k.dir, "rules.yaml"), []byte("version: 1\nrules:\n- {id: all, from: corp, group: {glob: \"*\"}, give: view, sites: all}\n"), 0o600))
	k.grantbridge("migrate", "up")
	k.grantbridge("site", "add", "1", "main")
	k.grantbridge("mapping", "apply", "rules.yaml", "--yes")
	return k
}

func (k *killed) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *killed) command(args ...string) *exec.Cmd {
	c := exec.Command("grantbridge", args...)
	c.Dir = k.dir
	return c
}

func (k *killed) program() *exec.Cmd {
	args := []string{"sync", "run", "--source", "corp", "--yes"}
	if k.r.IntN(3) == 0 {
		args = append(args, "--full")
	}
	return k.command(args...)
}

func (k *killed) grantbridge(args ...string) {
	k.t.Helper()
	if out, err := k.command(args...).CombinedOutput(); err != nil {
		k.t.Fatalf("grantbridge %v: %v\n%s", args, err, out)
	}
}

const killedPeople, killedGroups = 120, 12

// first fills the directory and reads it, twice and without a kill.
func (k *killed) first() {
	k.fill()
	k.finish()
	k.edit(-1)
	start := time.Now()
	k.finish()
	k.took = time.Since(start)
}

func (k *killed) fill() {
	var l bytes.Buffer
	for i := range killedPeople {
		fmt.Fprintf(&l, "dn: uid=p%d,ou=people,dc=corp,dc=example\nchangetype: add\nobjectClass: inetOrgPerson\nuid: p%d\ncn: p\nsn: p\n\n", i, i)
	}
	for g := range killedGroups {
		fmt.Fprintf(&l, "dn: cn=g%d,ou=groups,dc=corp,dc=example\nchangetype: add\nobjectClass: groupOfNames\ncn: g%d\n", g, g)
		l.WriteString(k.members(g) + "\n")
	}
	k.ldap.modify(l.String())
}

// members draws who is in a group, and writes it down.
func (k *killed) members(g int) string {
	name := fmt.Sprint("g", g)
	for m := range k.now {
		if strings.HasPrefix(m, name+" ") {
			delete(k.now, m)
		}
	}
	var out string
	for _, p := range k.r.Perm(killedPeople)[:10+k.r.IntN(40)] {
		out += fmt.Sprintf("member: uid=p%d,ou=people,dc=corp,dc=example\n", p)
		k.now[fmt.Sprintf("%s p%d", name, p)] = true
	}
	return out
}

// edit gives some groups other members and adds somebody.
func (k *killed) edit(n int) {
	var l bytes.Buffer
	for _, g := range k.r.Perm(killedGroups)[:killedGroups/2+k.r.IntN(killedGroups/2)] {
		fmt.Fprintf(&l, "dn: cn=g%d,ou=groups,dc=corp,dc=example\nchangetype: modify\nreplace: member\n%s\n", g, k.members(g))
	}
	fmt.Fprintf(&l, "dn: uid=new%d,ou=people,dc=corp,dc=example\nchangetype: add\nobjectClass: inetOrgPerson\nuid: new%d\ncn: p\nsn: p\n\n", n, n)
	k.ldap.modify(l.String())
}

const theWorker, theDirectory, theDatabase = "the worker", "OpenLDAP", "the database"

// run runs the worker and kills something; then what was killed is started, and
// a run without a kill must end where the directory is.
func (k *killed) run(n int, what string) {
	c := k.program()
	k.must(c.Start())
	time.Sleep(time.Duration(k.r.Int64N(int64(k.took))))
	switch {
	case what == theDirectory:
		k.ldap.kill()
	case what == theDatabase && k.db != nil:
		k.db.kill()
	default:
		what = theWorker
		_ = c.Process.Kill()
	}
	err := waitOrKill(c)
	switch what {
	case theDirectory:
		k.ldap.start()
	case theDatabase:
		k.db.start()
	}
	k.check(fmt.Sprintf("round %d, %s was killed", n, what), k.was, k.now)
	k.t.Logf("round %d: %s was killed; the run said %v; the store was whole", n, what, err)
	k.leaseEnds()
	k.finish()
}

// waitOrKill waits for a run whose database may never answer it again.
func waitOrKill(c *exec.Cmd) error {
	late := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
	defer late.Stop()
	return c.Wait()
}

// finish runs to the end; the store is then what the directory is.
func (k *killed) finish() {
	k.t.Helper()
	k.grantbridge("sync", "run", "--source", "corp", "--yes")
	k.check("a run that came to its end", k.now, k.now)
	k.was = maps.Clone(k.now)
}

// leaseEnds lets a dead worker's lease be as if its time were over.
func (k *killed) leaseEnds() {
	k.t.Helper()
	k.withStore(func(ctx context.Context, st *store.Store) error {
		l, held, err := st.Acquire(ctx, "ldap/corp", "the clock", time.Microsecond)
		if err != nil || held {
			return err
		}
		return st.Resign(ctx, l)
	})
}

func (k *killed) withStore(f func(context.Context, *store.Store) error) {
	k.t.Helper()
	ctx := k.t.Context()
	st, err := store.Open(ctx, k.dsn, store.Options{})
	k.must(err)
	defer st.Close()
	k.must(f(ctx, st))
}

func (k *killed) revision() (rev int64) {
	k.withStore(func(ctx context.Context, st *store.Store) error {
		return st.Read(ctx, func(v *store.View) error { rev = v.Revision(); return nil })
	})
	return rev
}

// check compares who is in which group with what before and after say: what
// both say must be there, what neither says must not.
func (k *killed) check(when string, before, after map[string]bool) {
	k.t.Helper()
	has := k.has()
	var wrong []string
	for m := range has {
		if !before[m] && !after[m] {
			wrong = append(wrong, "has "+m)
		}
	}
	for m := range before {
		if after[m] && !has[m] {
			wrong = append(wrong, "lacks "+m)
		}
	}
	if slices.Sort(wrong); len(wrong) > 0 {
		k.t.Fatalf("%s: %d wrong: %v", when, len(wrong), wrong[:min(len(wrong), 10)])
	}
}

// has is who is in which group, by the store.
func (k *killed) has() map[string]bool {
	k.t.Helper()
	has := map[string]bool{}
	k.withStore(func(ctx context.Context, st *store.Store) error {
		return st.Read(ctx, func(v *store.View) error {
			logins, names := map[directory.AccountID]string{}, map[directory.GroupID]string{}
			err := v.SourceAccounts(ctx, "corp", nil, func(a directory.Account) error {
				if a.Active {
					logins[a.ID] = a.Login
				}
				return nil
			})
			if err != nil {
				return err
			}
			groups, err := v.SourceGroups(ctx, "corp")
			if err != nil {
				return err
			}
			for _, g := range groups {
				names[g.ID] = g.Display
			}
			return v.SourceMembers(ctx, "corp", func(g directory.GroupID, a directory.AccountID) error {
				if logins[a] != "" {
					has[names[g]+" "+logins[a]] = true
				}
				return nil
			})
		})
	})
	return has
}

// onceEach reads the audit log: it is whole, and nobody was made twice.
func (k *killed) onceEach() {
	k.t.Helper()
	k.grantbridge("audit", "verify")
	made := map[string]int{}
	k.withStore(func(ctx context.Context, st *store.Store) error {
		return st.Read(ctx, func(v *store.View) error {
			entries, err := v.Audit(ctx, store.AuditQuery{Action: "user.create", Limit: 1000})
			for _, e := range entries {
				made[fmt.Sprint(e.People)]++
			}
			return err
		})
	})
	if len(made) < killedPeople {
		k.t.Errorf("the audit log has %d people", len(made))
	}
	for who, n := range made {
		if n != 1 {
			k.t.Errorf("person %s was made %d times", who, n)
		}
	}
}
