package store_test

import (
	"strings"
	"testing"

	"grantbridge/store"
	"grantbridge/store/storetest"
)

// What a follower asks after each commit must not read everybody: at 100,000
// people it took most of a core.
func TestWhatAFollowerAsksTakesTheIndexOfRevisions(t *testing.T) {
	dsn := storetest.DSN(t, "sqlite")
	storetest.OpenDSN(t, dsn, store.Options{})
	db := storetest.Raw(t, dsn)
	for text, index := range map[string]string{store.ChangedPeople: "people_rev", store.ChangedGroups: "groups_rev"} {
		rows, err := db.Query("EXPLAIN QUERY PLAN "+strings.ReplaceAll(text, "$1", "?1"), 7)
		if err != nil {
			t.Fatal(err)
		}
		plan := ""
		for rows.Next() {
			var id, parent, x int
			var says string
			if err := rows.Scan(&id, &parent, &x, &says); err != nil {
				t.Fatal(err)
			}
			plan += says + "\n"
		}
		if rows.Close(); !strings.Contains(plan, index+" (rev>?)") {
			t.Errorf("does not search %s:\n%s", index, plan)
		}
	}
}
