package store_test

import (
	"testing"

	"grantbridge/store/storetest"
)

func TestAcknowledgedWritesSurviveKill(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	storetest.EachDSN(t, func(t *testing.T, dsn string) { storetest.Kill(t, dsn, rounds) })
}

func TestStoreComesBackAfterTheServerWasKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: the killed server, because of -short")
	}
	storetest.Outage(t, storetest.StartServer(t, "../scripts/postgres.sh"), 2)
}
