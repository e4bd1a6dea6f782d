package store_test

import (
	"testing"

	"grantbridge/store"
	"grantbridge/store/storetest"
)

func TestConformance(t *testing.T) {
	for _, kind := range storetest.Kinds {
		t.Run(kind, func(t *testing.T) {
			storetest.DSN(t, kind) // says once what is left out
			storetest.Conformance(t, func(t *testing.T, o store.Options) *store.Store {
				return storetest.Open(t, kind, o)
			})
		})
	}
}
