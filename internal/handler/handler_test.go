package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"grantbridge/internal/handler"
)

// serve sends one request through an adapter and returns the answer and the log.
func serve(a handler.Adapter, f handler.Func, r *http.Request) (*httptest.ResponseRecorder, string) {
	var log bytes.Buffer
	a.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := httptest.NewRecorder()
	handler.RequestID(a.Handler(f)).ServeHTTP(w, r)
	return w, log.String()
}

func TestAnErrorIsAProblemDocumentAndItsCauseStaysInTheLog(t *testing.T) {
	errMine := errors.New("mine")
	mapMine := func(err error) *handler.Problem {
		if errors.Is(err, errMine) {
			return &handler.Problem{Status: 409, Code: "mine", Detail: "it has changed", Cause: err}
		}
		return nil
	}
	secret := "dsn postgres://secret"
	for name, test := range map[string]struct {
		err    error
		status int
		typ    string
	}{
		"a problem is what it says":       {handler.Bad("no action"), 400, "urn:grantbridge:problem:bad_request"},
		"a wrapped problem too":           {fmt.Errorf("search: %w", handler.Bad("no action")), 400, "urn:grantbridge:problem:bad_request"},
		"the door's own table is asked":   {fmt.Errorf("%s: %w", secret, errMine), 409, "urn:grantbridge:problem:mine"},
		"anything else is ours":           {errors.New(secret), 500, "urn:grantbridge:problem:internal"},
		"a body past the limit":           {&http.MaxBytesError{Limit: 7}, 413, "urn:grantbridge:problem:too_large"},
		"a problem's cause is not shown":  {&handler.Problem{Status: 503, Code: "stale", Cause: errors.New(secret)}, 503, "urn:grantbridge:problem:stale"},
		"a deadline is told to try again": {fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "urn:grantbridge:problem:timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			w, log := serve(handler.Adapter{Map: mapMine}, func(http.ResponseWriter, *http.Request) error { return test.err },
				httptest.NewRequest("GET", "/x", nil))
			var got struct {
				Type      string `json:"type"`
				Title     string `json:"title"`
				Status    int    `json:"status"`
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("the body is no JSON: %v: %s", err, w.Body)
			}
			if w.Code != test.status || got.Status != test.status || got.Type != test.typ || got.Title != http.StatusText(test.status) {
				t.Errorf("got %d %+v, want status %d and type %s", w.Code, got, test.status, test.typ)
			}
			if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("Content-Type is %q", ct)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the cause went out: %s", w.Body)
			}
			if got.RequestID == "" || !strings.Contains(log, got.RequestID) {
				t.Errorf("request id %q is not in the log: %s", got.RequestID, log)
			}
			if strings.Count(log, "\n") != 1 {
				t.Errorf("want one log line, got: %s", log)
			}
		})
	}
}

func TestAPanicIsA500WithItsStackInTheLog(t *testing.T) {
	w, log := serve(handler.Adapter{}, func(http.ResponseWriter, *http.Request) error { panic("boom") }, httptest.NewRequest("GET", "/x", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "boom") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if !strings.Contains(log, "boom") || !strings.Contains(log, "handler_test.go") {
		t.Errorf("the log lacks the panic or its place: %s", log)
	}
}

func TestAnErrorAfterHalfAnAnswerBreaksTheConnection(t *testing.T) {
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler", p)
		}
	}()
	serve(handler.Adapter{}, func(w http.ResponseWriter, _ *http.Request) error {
		io.WriteString(w, `{"half":`)
		return errors.New("late")
	}, httptest.NewRequest("GET", "/x", nil))
	t.Error("the handler returned")
}

func TestSeenIsToldTheStatusThatWentOut(t *testing.T) {
	for _, test := range []struct {
		f    handler.Func
		want int
	}{
		{func(http.ResponseWriter, *http.Request) error { return nil }, 200},
		{func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil }, 204},
		{func(http.ResponseWriter, *http.Request) error { return handler.Bad("x") }, 400},
		{func(http.ResponseWriter, *http.Request) error { panic("x") }, 500},
	} {
		got := 0
		serve(handler.Adapter{Seen: func(_ *http.Request, status int, _ time.Duration) { got = status }}, test.f, httptest.NewRequest("GET", "/x", nil))
		if got != test.want {
			t.Errorf("Seen was told %d, want %d", got, test.want)
		}
	}
}

func TestRequestIDIsEchoedOnlyWhenSane(t *testing.T) {
	for id, echoed := range map[string]bool{
		"bfe9eb29-ab87-4ca3-be83-a1d5d8305716": true,
		"a/b:c+d=e@f.g_h~i,j":                  true,
		"":                                     false,
		"two words":                            false,
		"line\nbreak":                          false,
		"tab\tbed":                             false,
		"naïve":                                false,
		`quo"te`:                               false,
		strings.Repeat("x", 128):               true,
		strings.Repeat("x", 129):               false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(handler.IDHeader, id)
		w := httptest.NewRecorder()
		var inside string
		handler.RequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = r.Header.Get("X-Request-ID") })).ServeHTTP(w, r)
		got := w.Header().Get("X-Request-ID")
		if (got == id) != echoed || got == "" || got != inside {
			t.Errorf("id %q: answered %q, handler saw %q; want echoed %v", id, got, inside, echoed)
		}
	}
}
