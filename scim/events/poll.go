package events

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"grantbridge/access"
	"grantbridge/internal/handler"
)

// Action is what an API token must be allowed on access.Global to read streams.
const Action = "events:read"

const (
	maxPollBody = 1 << 20
	// maxEvents bounds one answer; someEvents is what a request gets that does
	// not say.
	maxEvents, someEvents = 500, 100
	// maxWaiting is how many polls of a stream may wait at a time; a further one
	// is answered at once.
	maxWaiting = 16
)

// pollRequest is RFC 8936 2.2. Unknown members are passed over.
type pollRequest struct {
	most    int
	now     bool // return immediately
	ack     []string
	setErrs map[string]setErr
}

// setErr is why a receiver did not take a SET.
type setErr struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

func (e setErr) String() string { return clip(strings.TrimSpace(e.Err + ": " + e.Description)) }

// parsePoll reads the body of a poll.
func parsePoll(body []byte) (pollRequest, error) {
	var raw *struct {
		MaxEvents         *int64            `json:"maxEvents"`
		ReturnImmediately bool              `json:"returnImmediately"`
		Ack               []string          `json:"ack"`
		SetErrs           map[string]setErr `json:"setErrs"`
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return pollRequest{}, handler.Bad("the body is empty; send a JSON object, {} at least")
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return pollRequest{}, handler.Bad("not a poll request: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if raw == nil {
		return pollRequest{}, handler.Bad("the body is null; send a JSON object, {} at least")
	}
	p := pollRequest{most: someEvents, now: raw.ReturnImmediately, ack: raw.Ack, setErrs: raw.SetErrs}
	if raw.MaxEvents != nil {
		if *raw.MaxEvents < 0 {
			return pollRequest{}, handler.Bad("maxEvents is %d; it must be 0 or more", *raw.MaxEvents)
		}
		p.most = int(min(*raw.MaxEvents, maxEvents))
	}
	return p, nil
}

// poll answers POST /events/v1/{stream}/poll (RFC 8936).
func (t *Transmitter) poll(w http.ResponseWriter, r *http.Request) error {
	c := t.live.Load()
	s := c.stream(r.PathValue("stream"))
	if err := t.authorize(r, s); err != nil {
		return err
	}
	if s == nil || s.Delivery != Poll {
		return &handler.Problem{Status: http.StatusNotFound, Code: "no_stream", Detail: "there is no stream of this name that is polled"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPollBody))
	if err != nil {
		return err
	}
	p, err := parsePoll(body)
	if err != nil {
		return err
	}
	if err := t.settle(r.Context(), s, p); err != nil {
		return err
	}
	sets, more, err := t.wait(r.Context(), s, p)
	if err != nil {
		return err
	}
	return t.deliver(w, c, sets, more)
}

// settle takes what the receiver says of SETs that it was sent. What it could
// not take is recorded, and stays: only an acknowledgement moves a cursor.
func (t *Transmitter) settle(ctx context.Context, s *Stream, p pollRequest) error {
	if err := s.acknowledge(ctx, t.store, t.live.Load().Issuer, p.ack); err != nil {
		return err
	}
	t.metrics.acknowledged(s.Name, len(p.ack))
	var refused []string
	for jti := range p.setErrs {
		if _, ok := place(s.Name, jti); ok && !slices.Contains(p.ack, jti) {
			refused = append(refused, jti)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	first := slices.Min(refused)
	why := first + " " + p.setErrs[first].String()
	return t.failed(ctx, s, why)
}

// wait finds SETs to deliver, and waits for some when the request wants to.
func (t *Transmitter) wait(ctx context.Context, s *Stream, p pollRequest) (sets []set, more bool, err error) {
	if p.most == 0 {
		return nil, false, nil
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	if !p.now {
		done, first := t.enter(s.Name)
		defer done()
		p.now = !first
	}
	go func() {
		select {
		case <-t.ended:
			cancel()
		case <-waiting.Done():
		}
	}()
	until := time.Now().Add(t.fixed.LongPoll)
	for {
		// One more than asked, to know whether there are more.
		win, err := s.look(ctx, t.store, t.live.Load().Issuer, p.most+1)
		if err != nil {
			return nil, false, err
		}
		if err := s.skip(ctx, t.store, win); err != nil {
			return nil, false, err
		}
		left := time.Until(until)
		switch {
		case len(win.sets) > p.most:
			return win.sets[:p.most], true, nil
		case len(win.sets) > 0:
			return win.sets, !win.whole(), nil
		case !win.whole():
			continue // nothing but what tells nothing; it was skipped
		case p.now, left <= 0, t.isEnded():
			return nil, false, nil
		}
		if _, err := t.store.Wait(waiting, win.head, left); err != nil {
			if t.isEnded() {
				return nil, false, nil
			}
			return nil, false, err
		}
	}
}

func (t *Transmitter) isEnded() bool {
	select {
	case <-t.ended:
		return true
	default:
		return false
	}
}

// enter counts a poll that waits; ok is false when there are enough.
func (t *Transmitter) enter(stream string) (done func(), ok bool) {
	n, _ := t.waiting.LoadOrStore(stream, new(atomic.Int32))
	waiting := n.(*atomic.Int32)
	ok = waiting.Add(1) <= maxWaiting
	return func() { waiting.Add(-1) }, ok
}

// deliver writes the SETs, oldest first though the standard does not ask for it.
func (t *Transmitter) deliver(w http.ResponseWriter, c *Config, sets []set, more bool) error {
	var b bytes.Buffer
	b.WriteString(`{"sets":{`)
	for i, x := range sets {
		jws, err := c.Key.sign(x.claims)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%s", encode(x.jti), encode(jws))
	}
	fmt.Fprintf(&b, `},"moreAvailable":%v}`, more)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes()) // the caller is gone when this fails, and asks again
	return nil
}

// authorize proves that the caller may read s, which is nil when there is none:
// by the stream's own token, or by an API token that may events:read.
func (t *Transmitter) authorize(r *http.Request, s *Stream) error {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return unauthenticated("send one token: Authorization: Bearer …")
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return unauthenticated("send a token: Authorization: Bearer …")
	}
	if s != nil && s.Delivery == Poll && s.Authorization != "" {
		want, got := sha256.Sum256([]byte(s.Authorization)), sha256.Sum256([]byte(secret))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			return unauthenticated("the token is not the stream's")
		}
		return nil
	}
	person, credential, err := t.engine.Authenticate(secret)
	if err != nil {
		return unauthenticated("the token is not valid, or not any more")
	}
	action, ok := t.engine.Catalogue().Lookup(Action)
	if !ok {
		action = access.ActSuperuser // a catalogue without it leaves it to superusers
	}
	d := t.engine.Holder().Check(access.Request{
		Person: person, Credential: credential, Site: access.Global, Action: action, At: t.fixed.Now(),
	})
	switch {
	case d.Allowed:
		return nil
	case d.Code == access.Revoked, d.Code == access.ExpiredToken:
		return unauthenticated("the token is not valid any more")
	}
	return &handler.Problem{Status: http.StatusForbidden, Code: "forbidden",
		Challenge: `Bearer realm="grantbridge", error="insufficient_scope", scope="` + Action + `"`,
		Detail:    fmt.Sprintf("this token may not read events (%s); it needs %s on all sites", d.Code, Action)}
}

func unauthenticated(detail string) error {
	return &handler.Problem{Status: http.StatusUnauthorized, Code: "unauthenticated",
		Challenge: `Bearer realm="grantbridge"`, Detail: detail}
}
