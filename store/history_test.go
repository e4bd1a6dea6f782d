package store_test

import (
	"os"
	"testing"

	"pgregory.net/rapid"

	"grantbridge/store/storetest"
)

func TestHistoriesEndAlikeOnBothDatabases(t *testing.T) {
	kinds := storetest.Kinds
	if os.Getenv("GRANTBRIDGE_TEST_POSTGRES") == "" {
		t.Run("postgres", func(t *testing.T) { storetest.DSN(t, "postgres") }) // says that it is left out
		kinds = []string{"sqlite", "sqlite"}
	}
	storetest.Histories(t, func(r *rapid.T) (dsns []string) {
		for _, kind := range kinds {
			dsns = append(dsns, storetest.DSN(drawn{t, r}, kind))
		}
		return dsns
	})
}

// drawn cleans up after each history, not only after the test.
type drawn struct {
	testing.TB
	r *rapid.T
}

func (d drawn) Cleanup(f func()) { d.r.Cleanup(f) }
