package store_test

import (
	"testing"

	"grantbridge/store"
	"grantbridge/store/storetest"
)

func TestTamperedAuditIsNamed(t *testing.T) { storetest.EachDSN(t, storetest.Tamper) }

func TestConcurrentStoresLoseNothing(t *testing.T) { storetest.EachDSN(t, storetest.Concurrent) }

func TestRevocationOvertakesBulk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) { storetest.Lanes(t, s) })
}
