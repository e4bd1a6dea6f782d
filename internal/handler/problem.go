package handler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Problem is an error as the caller may see it: an RFC 9457 problem document.
// Cause is for the log alone.
type Problem struct {
	Status int
	// Code is a stable word for programs, "too_large"; it ends the type's URI.
	Code string
	// Detail says what is wrong and what to do, for the person who must act.
	Detail string
	// RetryAfter, when not zero, tells the caller when to come again.
	RetryAfter time.Duration
	// Challenge, when not empty, is sent as WWW-Authenticate.
	Challenge string
	// Allow, when not empty, lists the methods that the resource has.
	Allow string
	Cause error
}

// Bad is a 400 problem that says what is wrong with the call.
func Bad(format string, args ...any) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: "bad_request", Detail: fmt.Sprintf(format, args...)}
}

// Error is for the log: it has the cause, which the caller never sees.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = http.StatusText(p.Status)
	}
	if p.Cause != nil {
		text += ": " + p.Cause.Error()
	}
	return text
}

func (p *Problem) Unwrap() error { return p.Cause }

// document is the problem on the wire.
type document struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// Write answers with p. requestID stands in it, so that what a person reports
// can be found in the log.
func (p *Problem) Write(w http.ResponseWriter, requestID string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	d := document{Type: "about:blank", Title: http.StatusText(p.Status), Status: p.Status, Detail: p.Detail, RequestID: requestID}
	if p.Code != "" {
		d.Type = "urn:grantbridge:problem:" + p.Code
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(d) // the caller is gone when this fails
}
