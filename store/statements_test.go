package store

import (
	"context"
	"database/sql"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"grantbridge/directory"
)

// statements finds every SQL text of the package: each constant text that
// begins with a verb of SQL, put together from the package's constants.
func statements(t *testing.T) []string {
	t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	consts := map[string]ast.Expr{}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i := range v.Values {
					consts[v.Names[i].Name] = v.Values[i]
				}
			}
			return true
		})
	}
	var texts []string
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			switch e.(type) {
			case *ast.BasicLit, *ast.BinaryExpr:
			default:
				return true
			}
			text, ok := constant(e, consts)
			if !ok {
				return true
			}
			if strings.HasSuffix(strings.TrimSpace(text), "WHERE") {
				return false // put together from a question; see below
			}
			switch verb, _, _ := strings.Cut(strings.TrimSpace(text), " "); verb {
			case "SELECT", "INSERT", "UPDATE", "DELETE":
				if len(strings.Fields(text)) > 3 && !strings.Contains(text, "%s") && !strings.Contains(text, "pg_notify") && !strings.Contains(text, "goose") && !strings.Contains(text, "current_schema") {
					texts = append(texts, text)
				}
			}
			return false
		})
	}
	return texts
}

// constant is the text of an expression of constants.
func constant(e ast.Expr, consts map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		c, ok := consts[e.Name]
		if !ok {
			return "", false
		}
		return constant(c, consts)
	case *ast.BinaryExpr:
		a, ok1 := constant(e.X, consts)
		b, ok2 := constant(e.Y, consts)
		return a + b, ok1 && ok2
	}
	return "", false
}

// TestEveryStatementIsUnderstoodByBothDatabases prepares each SQL text, those
// that are put together from questions too.
func TestEveryStatementIsUnderstoodByBothDatabases(t *testing.T) {
	texts := statements(t)
	if len(texts) < 60 {
		t.Fatalf("found %d statements; the search has missed most", len(texts))
	}
	for _, sort := range []string{"", "title", "username"} {
		for _, table := range []*table{accountTable, groupTable} {
			inner := directory.Filter{Op: directory.OpNot, Args: []directory.Filter{{Op: directory.OpCo, Path: "emails.value", Text: "x"}}}
			q := directory.Query{SortPath: sort, Start: 3, Filter: &directory.Filter{Op: directory.OpAnd, Args: []directory.Filter{
				{Op: directory.OpElem, Path: "emails", Args: []directory.Filter{inner}},
				{Op: directory.OpEw, Path: "title", Text: "x"}, {Op: directory.OpPr, Path: "title"},
				{Op: directory.OpNe, Path: table.members, Text: "x"}, {Op: directory.OpLe, Path: "meta.created", Text: "2020-01-01T00:00:00Z"}}}}
			text, _, err := newFinder(table, "okta", q).page(context.Background(), nil, table.alias+".id")
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
	}
	text, _ := auditText(AuditQuery{Actor: "a", Action: "b", Target: "c", Person: 1, Text: "d", Before: 9})
	texts = append(texts, text)
	text, _ = scimLogText(SCIMLogQuery{Source: "a", Status: 400, StatusTo: 599, Resource: "b", Person: 1, Request: "c", Since: time.Now(), Until: time.Now(), Before: 9, After: 3})
	texts = append(texts, text)

	t.Run("sqlite", func(t *testing.T) {
		dsn := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
		prepareAll(t, dsn, texts, func(db *sql.DB, text string) error {
			p, err := db.Prepare(sqliteDialect.translate(text).sql)
			if err == nil {
				p.Close()
			}
			return err
		})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := testServer(t)
		c, err := pgx.Connect(context.Background(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		if _, err := c.Exec(context.Background(), "CREATE SCHEMA IF NOT EXISTS statements"); err != nil {
			t.Fatal(err)
		}
		prepareAll(t, dsn+"&search_path=statements", texts, func(db *sql.DB, text string) error {
			p, err := db.Prepare(postgresDialect.translate(text).sql)
			if err == nil {
				p.Close()
			}
			return err
		})
	})
}

func prepareAll(t *testing.T, dsn string, texts []string, prepare func(*sql.DB, string) error) {
	if _, err := Migrate(context.Background(), dsn); err != nil {
		t.Fatal(err)
	}
	db, err := schemaDB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range texts {
		if err := prepare(db, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	t.Logf("%d statements", len(texts))
}
