package provision_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// lines hands over what is logged, a line at a time.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestTheLogSaysThatTheStoreIsAwayAndThatItIsBack(t *testing.T) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		logged := make(lines, 100)
		e, err := provision.New(t.Context(), storetest.OpenDSN(t, dsn, store.Options{}), provision.Config{
			Log: slog.New(slog.NewTextHandler(logged, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			_ = e.Run(ctx) // it has no error
			close(ended)
		}()
		db := storetest.Raw(t, dsn)
		storetest.Exec(t, db, `ALTER TABLE head RENAME TO headless`)
		if says := <-logged; !strings.Contains(says, `level=ERROR msg="cannot follow the store; answers become stale"`) {
			t.Errorf("when it goes, the log says %s", says)
		}
		storetest.Exec(t, db, `ALTER TABLE headless RENAME TO head`)
		if says := <-logged; !strings.Contains(says, `level=INFO msg="the store is followed again; answers are fresh" away=`) {
			t.Errorf("when it is back, the log says %s", says)
		}
		stop()
		<-ended
		if n := len(logged); n > 0 {
			t.Errorf("and %d lines more, first %s", n, <-logged)
		}
	})
}
