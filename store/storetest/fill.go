package storetest

import (
	"fmt"
	"testing"
)

// Fill puts people into an empty database behind the store's back, each with an
// account u<n> of source okta that is in 20 of 5,000 groups and in the last,
// which has everybody. It is for measuring large stores; the audit has no
// entries for it.
func Fill(t testing.TB, dsn string, people int) {
	t.Helper()
	numbers := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)", n)
	}
	db := Raw(t, dsn)
	Exec(t, db,
		`INSERT INTO people (id, uid, kind, login, login_key, display, locked, not_before, created, rev) `+numbers(people)+`
			SELECT i, 'p' || CAST(i AS TEXT), 'human', '', '', '', 0, 0, 1, 0 FROM n`,
		`INSERT INTO accounts (id, uid, source, external_id, login, login_key, display, email, active, person,
			doc, created, modified, rev, deleted) `+numbers(people)+`
			SELECT i, 'u' || CAST(i AS TEXT), 'okta', 'x' || CAST(i AS TEXT), 'user' || CAST(i AS TEXT), 'user' || CAST(i AS TEXT),
				'User ' || CAST(i AS TEXT), 'user' || CAST(i AS TEXT) || '@example.com', 1, i, '{}', 1, 1, 0, 0 FROM n`,
		`INSERT INTO groups (id, uid, source, external_id, display, display_key, dn, doc, members, created, modified, rev, deleted) `+numbers(5001)+`
			SELECT i, 'g' || CAST(i AS TEXT), 'okta', '', 'Group ' || CAST(i AS TEXT), 'group ' || CAST(i AS TEXT), '', '', 0, 1, 1, 0, 0 FROM n`,
		`INSERT INTO members (group_id, account, since)
			WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 20)
			SELECT (a.id + n.k * 251) % 5000 + 1, a.id, 1 FROM accounts a CROSS JOIN n`,
		`INSERT INTO members (group_id, account, since) SELECT 5001, a.id, 1 FROM accounts a`,
		`UPDATE groups SET members = (SELECT count(*) FROM members m WHERE m.group_id = groups.id)`,
		fmt.Sprintf(`UPDATE head SET last_person = %d, last_account = %d, last_group = 5001`, people, people),
		`ANALYZE`)
}
