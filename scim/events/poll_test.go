package events

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

func TestAStreamTellsWhatChangesInOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		w := newWorld(t, st, polled())
		ann := w.Account("okta", "ann")
		g := w.Group("okta", "Editors", ann.UID)
		w.active(ann.UID, false)
		w.active(ann.UID, true)
		w.Do(storetest.Members("okta", g.UID, directory.MemberChange{Remove: []string{ann.UID}}))
		w.Do(&store.LockPerson{Person: access.PersonID(ann.Person), Locked: true})
		w.active(ann.UID, false)
		w.active(ann.UID, true) // the lock stands
		w.Do(&store.LockPerson{Person: access.PersonID(ann.Person)})
		w.Do(storetest.DeleteAccount("okta", ann.UID))
		w.Do(&store.ChangeGroup{Change: &directory.GroupChange{Source: "okta", UID: g.UID, Delete: true}})
		want := []string{
			"Users feed:add prov:create:notice", "Groups feed:add prov:create:notice",
			"Users prov:patch:notice prov:deactivate", "Users prov:patch:notice prov:activate",
			"Groups prov:patch:notice", "Users prov:deactivate",
			"Users prov:patch:notice prov:deactivate", "Users prov:patch:notice", "Users prov:activate",
			"Users feed:remove prov:delete", "Groups feed:remove prov:delete",
		}
		if diff := cmp.Diff(want, w.stories()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// Nothing was acknowledged: all of it waits still, and is the same.
		a, b := w.poll(`{"returnImmediately":true}`), w.poll(`{"returnImmediately":true}`)
		if diff := cmp.Diff(a.Sets, b.Sets); diff != "" || len(a.Sets) != len(want) {
			t.Errorf("sent again it is not the same:\n%s", diff)
		}
	})
}

func TestNoValueLeavesWithoutAFullEvent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		full := polled(CreateFull, PatchFull)
		full.Name = "full"
		w := newWorld(t, st, polled(), full)
		ann := w.Account("okta", "ann-the-secret")
		w.Do(storetest.EditAccount("okta", ann.UID, func(a *directory.Account) { a.Doc = []byte(`{"userName":"ann-the-secret","title":"Boss-the-secret"}`) }))
		a := w.poll(`{"returnImmediately":true}`)
		for _, jti := range a.order {
			claims := read(t, w.jwks(), a.Sets[jti])
			if text := fmt.Sprint(claims); strings.Contains(text, "the-secret") {
				t.Errorf("a notice shows a value: %s", text)
			}
			if claims.ISS != issuer || claims.Source != "okta" || claims.SubID["uri"] != "/Users/"+ann.UID || claims.AUD[0] != "https://matomo.example" {
				t.Errorf("got %+v", claims)
			}
		}
		rec := w.send(w.token, "full", `{"returnImmediately":true}`)
		var b answer
		_ = json.Unmarshal(rec.Body.Bytes(), &b)
		var titles []any
		for _, jws := range b.Sets {
			for _, p := range read(t, w.jwks(), jws).Events {
				data, _ := p["data"].(map[string]any)
				if p["attributes"] != nil || data == nil {
					t.Errorf("a full event has both or no data: %v", p)
				}
				if ops, _ := data["Operations"].([]any); len(ops) == 1 {
					titles = append(titles, ops[0].(map[string]any)["value"])
				}
			}
		}
		if len(b.Sets) != 2 || len(titles) != 1 || titles[0] != "Boss-the-secret" {
			t.Errorf("got %s", rec.Body)
		}
	})
}

func TestAcknowledging(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		w := newWorld(t, st, polled())
		w.accounts("a", 5)
		ask := func(body string) []string { t.Helper(); return w.poll(body).order }
		all := ask(`{"returnImmediately":true}`)
		if len(all) != 5 {
			t.Fatalf("got %v", all)
		}
		if a := w.poll(`{"returnImmediately":true,"maxEvents":2}`); !slices.Equal(a.order, all[:2]) || !*a.More {
			t.Errorf("maxEvents 2: got %v, more %v", a.order, *a.More)
		}
		if a := w.poll(`{"returnImmediately":true,"maxEvents":5}`); len(a.order) != 5 || *a.More {
			t.Errorf("maxEvents 5 of 5: got %v, more %v", a.order, *a.More)
		}
		// Out of order: the second and the fourth, which stay acknowledged.
		if a := w.poll(`{"maxEvents":0,"ack":` + quoted(all[1], all[3]) + `}`); len(a.order) != 0 {
			t.Errorf("maxEvents 0: got %v", a.order)
		}
		left := []string{all[0], all[2], all[4]}
		if got := ask(`{"returnImmediately":true}`); !slices.Equal(got, left) {
			t.Errorf("got %v, want %v", got, left)
		}
		// What is no SET of this stream acknowledges nothing.
		forged := strings.Replace(all[0], all[0][len(all[0])-16:], "0123456789abcdef", 1)
		if got := ask(`{"returnImmediately":true,"ack":` + quoted("", "x", "m.1.0", "m.99999.0.aa", "other.3.0.aa", forged) + `}`); !slices.Equal(got, left) {
			t.Errorf("after a forged ack: got %v, want %v", got, left)
		}
		// A future one neither.
		head := w.Head()
		if got := ask(fmt.Sprintf(`{"returnImmediately":true,"ack":["m.%d.0.0123456789abcdef"]}`, head+1)); !slices.Equal(got, left) {
			t.Errorf("after the ack of a future SET: got %v, want %v", got, left)
		}
		// An error is recorded, and the SET stays.
		if got := ask(`{"returnImmediately":true,"setErrs":{"` + all[0] + `":{"err":"invalid_key","description":"no such\u0007 key"}}}`); !slices.Equal(got, left) {
			t.Errorf("after an error: got %v, want %v", got, left)
		}
		status, err := Measure(t.Context(), st, []Stream{polled()})
		if err != nil || status[0].Failures != 1 || !strings.HasSuffix(status[0].Error, "invalid_key: no such key") || status[0].Pending != 3 || status[0].Oldest.IsZero() {
			t.Errorf("got %+v, %v", status, err)
		}
		// Acknowledged with the same request that asks for more; another transmitter
		// on the same store goes on there.
		w.tr = w.transmitter(polled())
		if got := ask(`{"returnImmediately":true,"ack":` + quoted(all...) + `}`); len(got) != 0 {
			t.Errorf("got %v", got)
		}
		var state store.EventStream
		w.Read(func(v *store.View) (err error) { state, err = v.EventStream(context.Background(), "m"); return err })
		if state.Cursor.Revision != w.Head()+1 || len(state.Acks) != 0 || state.Failures != 0 {
			t.Errorf("got %+v at head %d", state, w.Head())
		}
	})
}

func TestALongPollWaitsForWhatComes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		w := newWorld(t, st, polled())
		got := make(chan answer)
		go func() { got <- w.poll(`{}`) }()
		for n := 0; n == 0; time.Sleep(time.Millisecond) {
			w.tr.waiting.Range(func(any, any) bool { n++; return true })
		}
		w.Account("okta", "ann")
		if a := <-got; len(a.order) != 1 {
			t.Errorf("got %v", a.order)
		}
		// The end of the transmitter ends the waiting of others.
		ack := w.poll(`{"returnImmediately":true}`).order
		stop := w.run(w.tr)
		go func() { got <- w.poll(`{"ack":` + quoted(ack...) + `}`) }()
		stop()
		if a := <-got; len(a.order) != 0 {
			t.Errorf("got %v", a.order)
		}
	})
}

// TestIdleStreamsMoveOn: what tells a stream nothing is looked at once.
func TestIdleStreamsMoveOn(t *testing.T) {
	w := newWorld(t, storetest.Open(t, "sqlite", store.Options{}), Stream{Name: "m", Delivery: Poll, Audience: []string{"a"}, Kinds: DefaultKinds(), Sources: []string{"entra"}})
	w.accounts("a", skipLeast+1)
	if a := w.poll(`{"returnImmediately":true}`); len(a.order) != 0 || *a.More {
		t.Errorf("got %v", a.order)
	}
	w.Read(func(v *store.View) error {
		s, err := v.EventStream(context.Background(), "m")
		if s.Cursor.Revision != w.Head()+1 {
			t.Errorf("the cursor is at %d, want %d", s.Cursor.Revision, w.Head()+1)
		}
		return err
	})
	w.Account("entra", "ann")
	if got := w.stories(); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestWhatPollsAreRefused(t *testing.T) {
	own := polled()
	own.Name, own.Authorization = "own", ownToken
	pushed := polled()
	pushed.Name, pushed.Delivery, pushed.Endpoint = "pushed", Push, "http://127.0.0.1:1/"
	w := newWorld(t, storetest.Open(t, "sqlite", store.Options{}), polled(), own, pushed)
	for name, test := range map[string]struct {
		token, stream, body string
		want                int
	}{
		"an API token that may":               {w.token, "m", `{"maxEvents":0}`, 200},
		"the stream's own token":              {ownToken, "own", `{"maxEvents":0}`, 200},
		"unknown members are passed over":     {w.token, "m", `{"maxEvents":0,"x":[1]}`, 200},
		"more events than there ever are":     {w.token, "m", `{"maxEvents":9223372036854775807,"returnImmediately":true}`, 200},
		"no token":                            {"", "m", `{}`, 401},
		"a wrong token":                       {"gb_1_x", "m", `{}`, 401},
		"a token that may something else":     {w.weak, "m", `{}`, 403},
		"an API token on a stream of its own": {w.token, "own", `{}`, 401},
		"another stream's token":              {ownToken, "m", `{}`, 401},
		"a stream that is not there":          {w.token, "nope", `{}`, 404},
		"one that is not there, no token":     {"", "nope", `{}`, 401},
		"a stream that is pushed":             {w.token, "pushed", `{}`, 404},
		"no body":                             {w.token, "m", ``, 400},
		"no JSON":                             {w.token, "m", `{`, 400},
		"no object":                           {w.token, "m", `[]`, 400},
		"null":                                {w.token, "m", `null`, 400},
		"two values":                          {w.token, "m", `{}{}`, 400},
		"fewer than no events":                {w.token, "m", `{"maxEvents":-1}`, 400},
		"half an event":                       {w.token, "m", `{"maxEvents":1.5}`, 400},
		"an ack that is no list":              {w.token, "m", `{"ack":"x"}`, 400},
		"errors that are no object":           {w.token, "m", `{"setErrs":[]}`, 400},
		"too much":                            {w.token, "m", `{"ack":["` + strings.Repeat("x", maxPollBody) + `"]}`, 413},
	} {
		t.Run(name, func(t *testing.T) {
			rec := w.send(test.token, test.stream, test.body)
			if rec.Code != test.want {
				t.Errorf("got %d %s, want %d", rec.Code, rec.Body, test.want)
			}
			if rec.Code == http.StatusUnauthorized && rec.Header().Get("WWW-Authenticate") == "" {
				t.Error("a 401 without a challenge")
			}
		})
	}
}

func FuzzPoll(f *testing.F) {
	for _, s := range []string{`{}`, `{"maxEvents":3,"ack":["m.1.0.aa"]}`, `{"setErrs":{"m.1.0.aa":{"err":"x"}}}`, `null`, `[`, `{"maxEvents":-1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := parsePoll(body)
		if err == nil && (!json.Valid(body) || p.most < 0 || p.most > maxEvents) {
			t.Errorf("%q was read as %+v", body, p)
		}
		for _, jti := range p.ack {
			if at, ok := place("m", jti); ok && (at.Revision < 1 || at.Part < 0) {
				t.Errorf("jti %q names %+v", jti, at)
			}
		}
		for _, e := range p.setErrs {
			if text := e.String(); len([]rune(text)) > 301 || strings.ContainsAny(text, "\n\x00\x1b") {
				t.Errorf("a receiver's text is kept as %q", text)
			}
		}
	})
}
