package provision

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"grantbridge/store"
	"grantbridge/store/storetest"
)

func TestUsesAreToldInBatchesAndEndsAreWarnedOf(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		var log strings.Builder
		now := time.Now()
		ctx, by := t.Context(), store.By{Actor: "cli:test"}
		e, err := New(ctx, st, Config{Sources: []store.Source{{Name: "okta"}}, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		m := &store.MintSCIMToken{Source: "okta", Expires: now.Add(40 * 24 * time.Hour)}
		if err := e.MintSCIMToken(ctx, by, m); err != nil {
			t.Fatal(err)
		}
		if _, err := e.AuthenticateSCIM("okta", m.Secret); err != nil {
			t.Fatal(err)
		}
		stop, cancel := context.WithCancel(ctx)
		cancel()
		e.tellUsesUntil(stop) // the last uses are told when the program stops
		err = st.Read(ctx, func(v *store.View) error {
			all, err := v.SCIMTokens(ctx)
			if len(all) != 1 || now.Sub(all[0].LastUsed) > time.Minute {
				t.Errorf("got %+v", all)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		told := map[int64]int{}
		for _, tt := range []struct {
			days int
			want string
		}{{40, ""}, {31, ""}, {30, "within_days=30"}, {20, ""}, {14, "within_days=14"}, {13, ""}, {3, "within_days=3"}, {1, "within_days=1"}, {0, ""}} {
			log.Reset()
			now = m.Expires.Add(-time.Duration(tt.days) * 24 * time.Hour)
			e.warnOnce(told)
			if got := log.String(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) || strings.Contains(got, m.Secret) {
				t.Errorf("%d days before: %q, want %q", tt.days, got, tt.want)
			}
		}
		now = m.Expires.Add(-time.Hour)
		if err := e.MintSCIMToken(ctx, by, &store.MintSCIMToken{Source: "okta"}); err != nil {
			t.Fatal(err)
		}
		if got := e.EndingSCIMTokens(); len(got) != 1 || got[0].Alone {
			t.Errorf("with another beside: %+v", got)
		}
	})
}
