package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"grantbridge/directory"
	"grantbridge/store"
)

// Tamper changes, drops, swaps and truncates every entry of an audit behind the
// store's back, and whom each is about: Verify must name the first revision that
// is not as it was.
func Tamper(t *testing.T, dsn string) {
	k := Kit{t, OpenDSN(t, dsn, store.Options{})}
	a := k.Account("okta", "a")
	g := k.Group("okta", "G", a.UID)
	k.Do(Members("okta", g.UID, directory.MemberChange{Remove: []string{a.UID}}))
	k.Do(&store.SetMapping{Text: "rules", IfVersion: -1})
	k.Do(DeleteAccount("okta", a.UID))
	last := k.Verified().Revision
	db := Raw(t, dsn)
	Exec(t, db, "CREATE TABLE kept AS SELECT * FROM audit", "CREATE TABLE kept_body AS SELECT * FROM audit_body",
		"CREATE TABLE kept_people AS SELECT * FROM audit_people")
	try := func(what string, rev int64, texts ...string) {
		t.Helper()
		Exec(t, db, texts...)
		r, err := k.S.Verify(context.Background())
		if want := fmt.Sprintf("revision %d: ", rev); err != nil || !strings.HasPrefix(r.Broken, want) {
			t.Errorf("%s: got %q, %v; want %q…", what, r.Broken, err, want)
		}
		Exec(t, db, "DELETE FROM audit", "INSERT INTO audit SELECT * FROM kept",
			"DELETE FROM audit_body", "INSERT INTO audit_body SELECT * FROM kept_body",
			"DELETE FROM audit_people", "INSERT INTO audit_people SELECT * FROM kept_people")
	}
	for rev := int64(1); rev <= last; rev++ {
		for _, column := range []string{"actor", "action", "target", "digest", "hash"} {
			try("changed "+column, rev, fmt.Sprintf("UPDATE audit SET %s = %s || 'x' WHERE rev = %d", column, column, rev))
		}
		try("changed at", rev, fmt.Sprintf("UPDATE audit SET at = at + 1 WHERE rev = %d", rev))
		try("changed body", rev, fmt.Sprintf("UPDATE audit_body SET body = body || ' ' WHERE rev = %d", rev))
		try("changed salt", rev, fmt.Sprintf("UPDATE audit_body SET salt = salt || ' ' WHERE rev = %d", rev))
		try("dropped", rev, fmt.Sprintf("DELETE FROM audit WHERE rev = %d", rev))
		try("truncated", rev, fmt.Sprintf("DELETE FROM audit WHERE rev >= %d", rev))
		try("added a person", rev, fmt.Sprintf("INSERT INTO audit_people (person, rev) VALUES (999, %d)", rev))
		if rev < last {
			try("swapped", rev, fmt.Sprintf("UPDATE audit SET rev = -1 WHERE rev = %d", rev),
				fmt.Sprintf("UPDATE audit SET rev = %d WHERE rev = %d", rev, rev+1),
				fmt.Sprintf("UPDATE audit SET rev = %d WHERE rev = -1", rev+1))
		}
	}
	try("added", last+1, fmt.Sprintf("INSERT INTO audit SELECT rev + 1, at, actor, action, target, digest, hash FROM audit WHERE rev = %d", last))
	try("added a person to no entry", last+9, fmt.Sprintf("INSERT INTO audit_people (person, rev) VALUES (1, %d)", last+9))
	about := aboutPeople(t, db)
	if len(about) < 4 {
		t.Errorf("only revisions %v are about somebody", about)
	}
	for _, rev := range about {
		try("took the people out", rev, fmt.Sprintf("DELETE FROM audit_people WHERE rev = %d", rev))
		try("changed the people", rev, fmt.Sprintf("UPDATE audit_people SET person = person + 1 WHERE rev = %d", rev))
	}
	Exec(t, db, fmt.Sprintf("DELETE FROM audit_body WHERE rev = %d", last))
	if r := k.Verified(); r.Erased != 1 || r.FirstErased != last || r.Unproven != 1 {
		t.Errorf("an erased body: %+v", r)
	}
	Exec(t, db, fmt.Sprintf("DELETE FROM audit_people WHERE rev = %d", last))
	if r := k.Verified(); r.Erased != 1 || r.Unproven != 0 {
		t.Errorf("an erased body, and whom it was about: %+v", r)
	}
	Exec(t, db, "UPDATE head SET hash = 'x'")
	if r, _ := k.S.Verify(context.Background()); r.Broken == "" {
		t.Error("a changed head was not seen")
	}
}

// aboutPeople are the revisions that are about somebody.
func aboutPeople(t *testing.T, db *sql.DB) (revs []int64) {
	t.Helper()
	rows, err := db.Query("SELECT DISTINCT rev FROM audit_people ORDER BY rev")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var rev int64
		if err := rows.Scan(&rev); err != nil {
			t.Fatal(err)
		}
		revs = append(revs, rev)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return revs
}
