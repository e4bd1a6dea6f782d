package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"grantbridge/directory"
)

// TestSQLiteLooksUpByKey: whatever the number of rows bound, a set is joined to
// the tables that grow by an index and never by reading them whole.
func TestSQLiteLooksUpByKey(t *testing.T) {
	var texts []string
	for _, text := range statements(t) {
		if strings.Contains(text, "rowset($1") {
			texts = append(texts, text)
		}
	}
	scan := regexp.MustCompile(`SCAN (a|p|g|m|v|accounts|people|groups|members|parked|manuals|tokens|account_values|group_values)\b`)
	seen := 0
	prepareAll(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"), texts, func(db *sql.DB, text string) error {
		for _, n := range append([]int{0}, bound...) {
			p := sqliteDialect.translate(text)
			if n > 0 {
				p = sqliteDialect.translateWith(text, boundRows(n))
			}
			rows, err := db.Query("EXPLAIN QUERY PLAN "+p.sql, make([]any, max(1, n)*len(p.cols))...)
			if err != nil {
				return err
			}
			for rows.Next() {
				var step string
				if err := rows.Scan(new(int), new(int), new(int), &step); err != nil {
					return err
				}
				if seen++; scan.MatchString(step) {
					return fmt.Errorf("%d rows: %s", n, step)
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if seen < 200 {
		t.Errorf("saw %d steps of plans; the search has missed most", seen)
	}
}

// TestPostgresLearnsThatATableGrew: the plan that the writer keeps for a look-up
// was made while the table was empty, and soon afterwards is one by key.
func TestPostgresLearnsThatATableGrew(t *testing.T) {
	s := openSchema(t, "growth")
	pushAccounts(t, s, 2*studyFirst)
	e := s.eng.(*postgresEngine)
	var plan []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		plan = genericPlan(t, e.config, loadLogin)
		if slices.ContainsFunc(plan, func(step string) bool {
			return strings.Contains(step, "Index Cond: ") && strings.Contains(step, "login_key = ")
		}) {
			return
		}
	}
	t.Errorf("after %d accounts the look-up of a login is still planned as\n%s", 2*studyFirst, strings.Join(plan, "\n"))
}

// TestPostgresCountsEachTable: memberships are counted when they arrive, however
// many accounts came before.
func TestPostgresCountsEachTable(t *testing.T) {
	ctx := context.Background()
	s := openSchema(t, "each")
	refs := pushAccounts(t, s, 2*studyFirst)
	group := &directory.GroupChange{Source: "okta", Edit: func(g directory.Group) (directory.Group, error) {
		g.Display = "Everybody"
		return g, nil
	}, Members: directory.MemberChange{Add: refs}}
	if _, err := s.Do(ctx, By{Actor: "test"}, &ChangeGroup{Change: group}); err != nil {
		t.Fatal(err)
	}
	counted := 0.0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		err := s.eng.(*postgresEngine).pool.QueryRow(ctx, `SELECT reltuples FROM pg_class WHERE oid = 'members'::regclass`).Scan(&counted)
		if err != nil {
			t.Fatal(err)
		}
		if counted == 2*studyFirst {
			return
		}
	}
	t.Errorf("%d members were put in, PostgreSQL plans for %.0f", 2*studyFirst, counted)
}

// TestAFollowerKeepsNoPlan: what a follower asked while a table was empty is
// planned anew when it asks again.
func TestAFollowerKeepsNoPlan(t *testing.T) {
	ctx := context.Background()
	s := openSchema(t, "follower")
	pushAccounts(t, s, 3)
	for range 12 {
		kept, made := 0, 0
		err := s.Follow(ctx, 1, func(v *View) error {
			if err := v.People(ctx, PeopleQuery{Since: 1}, func(Person) error { return nil }); err != nil {
				return err
			}
			return v.c.run(ctx, stmt{text: `SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE strpos(statement, $1) > 0`, args: []any{"string_agg("},
				each: func(r row) error { return r.Scan(&kept, &made) }})
		})
		if err != nil {
			t.Fatal(err)
		}
		if kept > 0 || made == 0 {
			t.Fatalf("the memberships of who changed were asked %d times by a kept plan, %d times by a new one", kept, made)
		}
	}
}

// openSchema is a store in a schema of its own on the test server.
func openSchema(t *testing.T, name string) *Store {
	t.Helper()
	ctx := context.Background()
	dsn := testServer(t)
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE; CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, dsn+"&search_path="+name, Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// pushAccounts makes n accounts, one commit each, and answers their ids.
func pushAccounts(t *testing.T, s *Store, n int) (refs []string) {
	t.Helper()
	for i := range n {
		login := fmt.Sprintf("user%d", i)
		op := &ChangeAccount{Change: &directory.AccountChange{Source: "okta", UniqueLogin: true, Edit: func(a directory.Account) (directory.Account, error) {
			a.Login, a.Active = login, true
			return a, nil
		}}}
		if _, err := s.Do(context.Background(), By{Actor: "test"}, op); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, op.After.UID)
	}
	return refs
}

// genericPlan is how a connection set up like the writer's would do text for any
// arguments.
func genericPlan(t *testing.T, config *pgx.ConnConfig, text string) (steps []string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	p := postgresDialect.translate(text)
	if _, err := c.Exec(ctx, "SET plan_cache_mode = force_generic_plan; PREPARE q AS "+p.sql); err != nil {
		t.Fatal(err)
	}
	rows, err := c.Query(ctx, "EXPLAIN EXECUTE q("+strings.Repeat("NULL, ", len(p.cols)-1)+"NULL)", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	steps, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return steps
}
