package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

// runStore compares the store's group commit with what else can be done: the
// store with a transaction for each operation, its statements in two round
// trips; and a conventional transaction for each, a round trip a statement. All
// look for the login first, index the attributes, and chain the audit entry
// under the head's lock.
func runStore(args []string) error {
	f := flag.NewFlagSet("store", flag.ExitOnError)
	span := f.Duration("for", 3*time.Second, "how long each cell is measured")
	server := postgresFlag(f)
	_ = f.Parse(args)
	kinds := places(*server)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Printf("creating accounts, durable commits a second; load %s\n", load())
	fmt.Fprintln(w, "DATABASE\tCALLERS\tGROUP COMMIT\tEACH, PIPED\tEACH, CONVENTIONAL\t× PIPED\t× CONVENTIONAL\tCPU A COMMIT\tPIPED\tCONVENTIONAL")
	for _, kind := range kinds {
		for _, callers := range []int{1, 32, 128} {
			if err := storeRow(w, kind, *server, callers, *span); err != nil {
				return err
			}
		}
	}
	err := w.Flush()
	fmt.Printf("CPU is this process's, which on SQLite includes the database's; load %s\n", load())
	return err
}

func storeRow(w *tabwriter.Writer, kind, server string, callers int, span time.Duration) error {
	var rates, costs [3]float64
	for i, open := range []func(dsn string) (creator, error){openGrouped, openEach, openConventional} {
		p, err := newPlace(kind, server)
		if err != nil {
			return err
		}
		c, err := open(p.dsn)
		if err != nil {
			return err
		}
		rates[i], costs[i], err = createFor(c, callers, span)
		c.close()
		p.drop()
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "%s\t%d\t%.0f/s\t%.0f/s\t%.0f/s\t%.1f\t%.1f\t%s\t%s\t%s\n", kind, callers, rates[0], rates[1], rates[2], rates[0]/rates[1], rates[0]/rates[2],
		duration(costs[0]), duration(costs[1]), duration(costs[2]))
	return nil
}

// creator creates accounts.
type creator struct {
	create func(login string) error
	close  func()
}

// createFor is how many accounts a second callers create in span, after a warm-up
// of a fifth of it, and the CPU time of each in ns.
func createFor(c creator, callers int, span time.Duration) (rate, ns float64, err error) {
	var n atomic.Int64
	var failed atomic.Pointer[error]
	run := func(d time.Duration) {
		end := time.Now().Add(d)
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for time.Now().Before(end) && failed.Load() == nil {
					if err := c.create(fmt.Sprintf("user%d@contoso.example", n.Add(1))); err != nil {
						failed.Store(&err)
					}
				}
			})
		}
		wg.Wait()
	}
	run(span / 5)
	before, start, from := cpu(), time.Now(), n.Load()
	run(span)
	if e := failed.Load(); e != nil {
		return 0, 0, *e
	}
	done := float64(n.Load() - from)
	return done / time.Since(start).Seconds(), (cpu() - before) / done, nil
}

func openGrouped(dsn string) (creator, error) {
	st, err := store.Open(context.Background(), dsn, store.Options{Migrate: true})
	if err != nil {
		return creator{}, err
	}
	by := store.By{Actor: "scim:entra", Via: "scim", Lane: store.LaneNormal}
	return creator{func(login string) error {
		_, err := st.Do(context.Background(), by, &store.ChangeAccount{Change: &directory.AccountChange{Source: "entra", UniqueLogin: true,
			Edit: func(a directory.Account) (directory.Account, error) {
				a.Login, a.Display, a.ExternalID, a.Email, a.Active = login, "User "+login, "x"+login, login, true
				a.Doc = []byte(`{"userName":"` + login + `"}`)
				for _, v := range valuesOf(login) {
					a.Values = append(a.Values, directory.Value{Path: v[0], Text: v[1]})
				}
				return a, nil
			}}})
		return err
	}, func() { _ = st.Close() }}, nil
}

func valuesOf(login string) [][2]string {
	return [][2]string{{"displayname", "user " + login}, {"emails.type", "work"}, {"emails.value", login}, {"name.familyname", login}, {"name.givenname", "user"}, {"username", login}}
}

// openEach lets one operation into the store at a time, so that each is a
// transaction of its own.
func openEach(dsn string) (creator, error) {
	c, err := openGrouped(dsn)
	var one sync.Mutex
	create := c.create
	c.create = func(login string) error {
		one.Lock()
		defer one.Unlock()
		return create(login)
	}
	return c, err
}

// openConventional writes the same rows as programs do that have no group
// commit: a transaction for each, a round trip for each statement, waiting for
// the head's row lock among themselves.
func openConventional(dsn string) (creator, error) {
	st, err := store.Open(context.Background(), dsn, store.Options{Migrate: true})
	if err != nil {
		return creator{}, err
	}
	if err := st.Close(); err != nil {
		return creator{}, err
	}
	c, err := connectConventional(dsn)
	return creator{c.create, func() { _ = c.db.Close() }}, err
}
