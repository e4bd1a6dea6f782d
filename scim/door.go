package scim

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"grantbridge/provision"
	"grantbridge/scim/inspect"
)

// Prefix is where the door stands: /scim/v2/{source}/….
const Prefix = "/scim/v2/"

// Config is what a Door needs to know. The zero value is right for production.
type Config struct {
	// BaseURL is the program's, for Location and $ref; empty takes it from each
	// request.
	BaseURL string
	// Sources says how each source is read; one that is not named is Auto.
	Sources map[string]Source
	// MaxBody bounds a body; 0 is 4 MiB. MaxGroupBody bounds one of /Groups,
	// where a PUT of 100,000 members needs 8 MiB; 0 is 16 MiB.
	MaxBody, MaxGroupBody int64
	MaxOperations         int // of one PATCH or Bulk; 0 is 1,000
	PageSize, MaxPageSize int // 0 is 100 and 1,000
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Rate is how many requests a source may send in a second, and Burst how many
	// at once; 0 does not limit.
	Rate  rate.Limit
	Burst int
	// CursorKey signs the cursors of RFC 9865. Replicas need the same; empty is
	// a random one.
	CursorKey []byte
	// Inspect keeps what requests did; nil keeps nothing.
	Inspect *inspect.Log
	Log     *slog.Logger
	Now     func() time.Time
}

// Source says how one source's requests are read.
type Source struct {
	Profile Profile
	Without []Rule // rules of the profile that are switched off
	Auth    Auth
	// Allow are the addresses that may send; none are all.
	Allow []netip.Prefix
	Rate  rate.Limit // before Config's; 0 is Config's
	Burst int
	// EventURIs are the security events that are told of this source (RFC 9967 4).
	EventURIs []string
	// UserSchemas and GroupSchemas are what its users and groups have beside the
	// core's attributes; CheckSchemas finds no fault with them.
	UserSchemas, GroupSchemas []Schema
}

// Door is the SCIM 2.0 door. It may be used concurrently.
type Door struct {
	engine *provision.Engine
	Config
	types    map[string]*types // of each source with schemas of its own
	limiters sync.Map          // source -> *rate.Limiter
	strange  *rate.Limiter     // refused callers that are worth an entry
	walks    walks
}

// New makes the door to engine.
func New(engine *provision.Engine, c Config) *Door {
	defaults(&c.MaxBody, 4<<20)
	defaults(&c.MaxGroupBody, 16<<20)
	defaults(&c.MaxOperations, 1000)
	defaults(&c.PageSize, 100)
	defaults(&c.MaxPageSize, 1000)
	defaults(&c.Burst, max(1, int(2*c.Rate)))
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.CursorKey) == 0 {
		c.CursorKey = make([]byte, 32)
		rand.Read(c.CursorKey)
	}
	d := &Door{engine: engine, Config: c, types: map[string]*types{}, strange: rate.NewLimiter(1, 20)}
	for name, s := range c.Sources {
		d.types[name] = typesOf(s)
	}
	return d
}

func defaults[N int | int64](n *N, d N) {
	if *n == 0 {
		*n = d
	}
}

// ServeHTTP serves /scim/v2/{source}/….
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := d.Now()
	c := &call{Door: d, r: r, id: requestID(r.Header.Get("X-Request-Id"))}
	c.w = &answer{ResponseWriter: w}
	c.w.Header().Set("X-Request-Id", c.id)
	c.w.Header().Set("Cache-Control", "no-store")
	err := c.guarded()
	if err != nil && !c.w.began() {
		c.fail(err)
	}
	if err == nil {
		err = c.refusal
	}
	took := d.Now().Sub(start)
	c.log(took, err)
	c.inspect(start, took, err)
	if err != nil && c.w.torn {
		// Half of an answer is sent: cut the connection, so that nobody takes a
		// part of a group for the whole.
		panic(http.ErrAbortHandler)
	}
}

// guarded serves c and makes an error of a panic.
func (c *call) guarded() (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.w.torn = c.w.began()
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err = c.serve(); err != nil {
		c.w.torn = c.w.began()
	}
	return err
}

// fail writes err as SCIM says it.
func (c *call) fail(err error) {
	e := toError(err)
	h := c.w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", fmt.Sprint(int(e.RetryAfter.Seconds())))
	}
	if e.Status == http.StatusUnauthorized {
		for _, challenge := range c.challenges() {
			h.Add("WWW-Authenticate", challenge)
		}
	}
	h.Del("ETag")
	h.Del("Location")
	c.json(e.Status, e.document())
}

func (e *Error) document() map[string]any {
	doc := map[string]any{"schemas": []string{urnError}, "status": itoa(e.Status), "detail": e.Detail}
	if e.Type != "" {
		doc["scimType"] = string(e.Type)
	}
	return doc
}

// log writes the one line of a request, and what had to be rewritten in it.
func (c *call) log(took time.Duration, err error) {
	attrs := []slog.Attr{
		slog.String("request", c.id), slog.String("source", c.known), slog.String("method", c.r.Method),
		slog.String("route", c.route), slog.String("resource", inspect.Quiet(c.key)), slog.Int("status", c.w.status), slog.Duration("took", took),
	}
	if c.policy.profile != "" {
		attrs = append(attrs, slog.String("profile", string(c.policy.profile)))
	}
	if len(c.rewrites) > 0 {
		says := make([]string, len(c.rewrites))
		for i, r := range c.rewrites {
			says[i] = inspect.Quiet(r.String())
		}
		attrs = append(attrs, slog.Any("rewrites", says))
	}
	if c.parked > 0 {
		attrs = append(attrs, slog.Int("parked", c.parked))
	}
	level := slog.LevelInfo
	if err != nil {
		attrs = append(attrs, slog.String("error", inspect.Quiet(err.Error())))
		level = levelOf(c.w.status)
	}
	c.Log.LogAttrs(context.WithoutCancel(c.r.Context()), level, "scim", attrs...)
}

// levelOf is how loudly a refusal is logged: not found and taken are answers
// that providers ask for.
func levelOf(status int) slog.Level {
	switch {
	case status >= 500:
		return slog.LevelError
	case status == http.StatusNotFound, status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// requestID takes the caller's id when it is harmless, or makes one.
func requestID(given string) string {
	if len(given) > 0 && len(given) <= 64 {
		for i := range len(given) {
			if !isNameByte(given[i]) {
				return newID()
			}
		}
		return given
	}
	return newID()
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// answer remembers what was sent.
type answer struct {
	http.ResponseWriter
	status int
	torn   bool
}

func (a *answer) began() bool { return a.status != 0 }

func (a *answer) WriteHeader(status int) {
	if !a.began() {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if !a.began() {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
