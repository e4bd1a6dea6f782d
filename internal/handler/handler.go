package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// Func answers a request, or says why it did not. When it returns an error it
// has written nothing.
type Func func(w http.ResponseWriter, r *http.Request) error

// Adapter turns a Func into an http.Handler.
type Adapter struct {
	Log *slog.Logger // nil is slog.Default
	// Map turns an error of the door's own into a Problem, or returns nil; a
	// *Problem needs no mapping. What nothing maps is a 500 without a reason.
	Map func(error) *Problem
	// Seen, when not nil, is told of every answer.
	Seen func(r *http.Request, status int, took time.Duration)
}

// Handler runs f, writes its error as a problem document and logs it once: what
// the caller did wrong at debug level, what we did wrong as an error with its
// cause. A panic is a 500; http.ErrAbortHandler goes on to the server.
func (a Adapter) Handler(f Func) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		err := a.run(f, rec, r)
		if err != nil {
			a.answer(rec, r, err)
		}
		if a.Seen != nil {
			a.Seen(r, rec.code(), time.Since(start))
		}
	})
}

// run calls f and makes a panic its error.
func (a Adapter) run(f Func, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return f(w, r)
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

func (a Adapter) answer(w *recorder, r *http.Request, err error) {
	p := a.problem(err)
	a.log(r, p, err)
	if w.status != 0 {
		// Half an answer has gone out; the one honest end is a broken connection.
		panic(http.ErrAbortHandler)
	}
	p.Write(w, r.Header.Get(IDHeader))
}

func (a Adapter) problem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if a.Map != nil {
		if p := a.Map(err); p != nil {
			return p
		}
	}
	switch tooLarge, ok := errors.AsType[*http.MaxBytesError](err); {
	case ok:
		return &Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
			Detail: fmt.Sprintf("the body is larger than %d bytes; send fewer things at once", tooLarge.Limit), Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Problem{Status: http.StatusServiceUnavailable, Code: "timeout", RetryAfter: time.Second,
			Detail: "the answer took too long; try again", Cause: err}
	}
	return &Problem{Status: http.StatusInternalServerError, Code: "internal",
		Detail: "something went wrong on our side; the log has the reason under this request id", Cause: err}
}

func (a Adapter) log(r *http.Request, p *Problem, err error) {
	l := a.Log
	if l == nil {
		l = slog.Default()
	}
	level := slog.LevelDebug
	if p.Status >= 500 {
		level = slog.LevelError
	}
	if r.Context().Err() != nil {
		level = slog.LevelDebug // the caller went away
	}
	l.LogAttrs(r.Context(), level, "request failed", slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", p.Status), slog.String("request", r.Header.Get(IDHeader)), slog.String("err", err.Error()))
}

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
