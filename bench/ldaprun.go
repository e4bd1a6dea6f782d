package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"grantbridge/access"
	"grantbridge/ldapsync"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
)

// The rules of the company in a directory: a group for each site's
// administrators, and a group of groups for everybody else.
const ldapRules = `version: 1
rules:
- {id: site-admins, from: corp, group: {regexp: "^group00(?P<site>[0-9][0-9])$"}, give: admin, sites: "{site}", token_ceiling: write}
- {id: half, from: corp, group: {glob: "nested*"}, give: view, sites: {labels: {region: eu}}}
`

// runLDAPSync measures whole runs of the worker, from the first byte of the
// directory to the last row of the store:
//
//	go run . ldapsync -postgres DSN URL    URL as scripts/slapd.sh prints it
//
// Each line is a process of its own, so that its memory is its own: the first
// run; a process that was just started and finds nothing new; the same process
// again, everything read; and increments, one of them of a hundred changes.
func runLDAPSync(args []string) error {
	f := flag.NewFlagSet("ldapsync", flag.ExitOnError)
	only := f.String("only", "", "sqlite or postgres")
	server := postgresFlag(f)
	_ = f.Parse(args)
	if f.NArg() != 1 {
		return errors.New("say the URL that scripts/slapd.sh prints")
	}
	for _, kind := range places(*server) {
		if *only != "" && kind != *only {
			continue
		}
		p, err := newPlace(kind, *server)
		if err != nil {
			return err
		}
		fmt.Printf("%s; load %s\n", kind, load())
		for _, phases := range []string{"first", "cold,full,idle,idle,idle,changed,full"} {
			c := exec.Command(os.Args[0], "ldapsync-child", p.dsn, f.Arg(0), phases)
			c.Stdout, c.Stderr = os.Stdout, os.Stderr
			if err = c.Run(); err != nil {
				break
			}
		}
		p.drop()
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// syncHouse is the engine, one site for each rule's group, and the worker.
type syncHouse struct {
	st  *store.Store
	w   *ldapsync.Worker
	dir *ldapBench
	dsn string
}

// ldapSyncChild runs the phases one after the other.
func ldapSyncChild(args []string) error {
	dsn, address, phases := args[0], args[1], strings.Split(args[2], ",")
	ctx := context.Background()
	h, stop, err := openSyncHouse(ctx, dsn, address, phases[0] == "first")
	if err != nil {
		return err
	}
	defer stop()
	if to := os.Getenv("GRANTBRIDGE_BENCH_PROFILE"); to != "" && phases[0] != "first" {
		out, err := os.Create(to)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	for _, phase := range phases {
		if err := h.phase(ctx, phase); err != nil {
			return err
		}
	}
	return nil
}

func openSyncHouse(ctx context.Context, dsn, address string, empty bool) (*syncHouse, func(), error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := newLDAPBench(address, "corp")
	if err != nil {
		return nil, nil, err
	}
	st, err := store.Open(ctx, dsn, store.Options{Migrate: true, Log: log})
	if err != nil {
		return nil, nil, err
	}
	e, err := provision.New(ctx, st, provision.Config{Sources: []store.Source{{Name: "corp", Veto: true}}, Limits: mapping.Limits{SuperusersAtLeast: -1}, Log: log})
	if err != nil {
		return nil, nil, err
	}
	if empty {
		err = furnishLDAP(ctx, e)
	}
	w, werr := ldapsync.NewWorker(e, b.cfg, ldapsync.WorkerOptions{Log: log})
	if err := errors.Join(err, werr); err != nil {
		return nil, nil, err
	}
	following, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = e.Run(following) })
	return &syncHouse{st, w, b, dsn}, func() { cancel(); done.Wait(); _ = st.Close() }, nil
}

func furnishLDAP(ctx context.Context, e *provision.Engine) error {
	var sites []access.Site
	for i := range 100 {
		sites = append(sites, access.Site{ID: access.SiteID(i + 1), Slug: fmt.Sprintf("%02d", i), Name: "Site", Labels: map[string]string{"region": []string{"eu", "us"}[i%2]}})
	}
	if err := e.PutSites(ctx, operator, sites); err != nil {
		return err
	}
	_, _, err := e.SetMapping(ctx, operator, "bench.yaml", []byte(ldapRules), "", "")
	return err
}

func (h *syncHouse) phase(ctx context.Context, name string) error {
	names := map[string]string{"first": "first run", "cold": "full run of a new process", "full": "full run", "idle": "incremental run", "changed": "incremental, 100 changes"}
	if name == "changed" {
		if err := h.dir.change(100); err != nil {
			return err
		}
	}
	resetPeak()
	before, err := h.rowsWritten()
	if err != nil {
		return err
	}
	start, client := time.Now(), cpu()
	report, err := h.w.Once(ctx, operator, ldapsync.RunOptions{Full: name != "idle" && name != "changed"})
	if err != nil {
		return err
	}
	wall, used := time.Since(start), (cpu()-client)/1e9
	memory := peak()
	after, err := h.rowsWritten()
	if err != nil {
		return err
	}
	fmt.Printf("  %-26s %8.3f s, %6.2f s CPU, peak RSS %s; %s: %s; %s\n", names[name], wall.Seconds(), used, memory, report.Mode, strings.Join(report.Says, "; "), wrote(before, after))
	return nil
}

// resetPeak makes VmHWM the memory of now (proc(5), clear_refs).
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// rowsWritten counts the rows that were ever inserted, updated or deleted, by
// table: of PostgreSQL's statistics; SQLite keeps none, so there only the rows
// that there are.
func (h *syncHouse) rowsWritten() (map[string]int64, error) {
	if strings.HasPrefix(h.dsn, "sqlite:") {
		return nil, nil
	}
	time.Sleep(1500 * time.Millisecond) // the statistics follow within a second
	db, err := sql.Open("pgx", h.dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(`SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE schemaname = current_schema()`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		out[name] = n
	}
	return out, rows.Err()
}

func wrote(before, after map[string]int64) string {
	if after == nil {
		return "rows not counted"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if n := after[name] - before[name]; n > 0 {
			out = append(out, fmt.Sprintf("%s %d", name, n))
		}
	}
	return "rows written: " + strings.Join(out, ", ")
}
