package events

import (
	"context"
	"slices"

	"grantbridge/store"
)

// Delivery is how a stream's SETs reach their receiver.
type Delivery string

// The ways of delivery.
const (
	Poll Delivery = "poll" // RFC 8936
	Push Delivery = "push" // RFC 8935
)

// Stream is one stream as configured.
type Stream struct {
	Name     string // stands in URLs and in each jti
	Delivery Delivery
	Audience []string
	Kinds    []Kind
	// Sources are those whose accounts and groups are told of; none is all.
	Sources []string
	// Endpoint is where SETs are pushed to.
	Endpoint string
	// Authorization is, of a pushed stream, the header that the receiver wants,
	// whole; of a polled one, the bearer token that reads it, and then no API
	// token does. Empty is none, and API tokens that may events:read.
	Authorization string
}

// tells reports whether the stream tells of the source.
func (s *Stream) tells(source string) bool {
	return len(s.Sources) == 0 || slices.Contains(s.Sources, source)
}

func (s *Stream) asks(k Kind) bool { return slices.Contains(s.Kinds, k) }

const (
	// pageSize is how many entries are read at once, and lookMost how many are
	// looked at before the cursor is moved over those that tell nothing.
	pageSize = 500
	lookMost = 10_000
	// skipLeast keeps an idle stream from writing at every entry of others.
	skipLeast = 256
)

// window is what a stream waits for, as far as it was looked at.
type window struct {
	state store.EventStream
	sets  []set        // not acknowledged, oldest first
	next  store.Cursor // what was not looked at begins here
	head  int64        // the store's revision
}

// whole reports whether everything was looked at.
func (w *window) whole() bool { return w.next.Revision > w.head }

// free is the place up to which nothing waits.
func (w *window) free() store.Cursor {
	if len(w.sets) > 0 {
		return w.sets[0].at
	}
	return w.next
}

// look reads what the stream waits for: most SETs, and entries as in lookMost.
func (s *Stream) look(ctx context.Context, st *store.Store, issuer string, most int) (w window, err error) {
	err = st.Read(ctx, func(v *store.View) error {
		if w.state, err = v.EventStream(ctx, s.Name); err != nil {
			return err
		}
		w.head = v.Revision()
		done := map[store.Cursor]bool{}
		for _, a := range w.state.Acks {
			done[a] = true
		}
		w.next, err = s.walk(ctx, v, walk{issuer, w.state.Cursor, w.head}, func(x set) bool {
			if !done[x.at] {
				w.sets = append(w.sets, x)
			}
			return len(w.sets) < most
		})
		return err
	})
	return w, err
}

// walk says which part of the audit is walked.
type walk struct {
	issuer string
	from   store.Cursor
	to     int64 // the last revision
}

// walk gives the stream's SETs to each, until it says no. It returns the place
// where it stopped: after the last SET that was given, or after what tells the
// stream nothing.
func (s *Stream) walk(ctx context.Context, v *store.View, w walk, each func(set) bool) (store.Cursor, error) {
	at := w.from
	for looked := 0; at.Revision <= w.to && looked < lookMost; looked += pageSize {
		entries, err := v.AuditFrom(ctx, at.Revision, pageSize)
		if err != nil {
			return at, err
		}
		for _, e := range entries {
			if e.Revision > w.to {
				return at, nil
			}
			for _, c := range changes(e) {
				here := store.Cursor{Revision: e.Revision, Part: c.part}
				if here.Compare(w.from) < 0 {
					continue
				}
				x, ok := s.set(w.issuer, e, c)
				if ok && !each(x) {
					return store.Cursor{Revision: e.Revision, Part: c.part + 1}, nil
				}
			}
			at = store.Cursor{Revision: e.Revision + 1}
		}
		if len(entries) == 0 {
			return store.Cursor{Revision: w.to + 1}, nil
		}
	}
	return at, nil
}

// skip moves the cursor over what tells the stream nothing, where that saves
// reading it again and again.
func (s *Stream) skip(ctx context.Context, st *store.Store, w window) error {
	if free := w.free(); free.Revision-w.state.Cursor.Revision >= skipLeast {
		return st.MoveStream(ctx, s.Name, free, nil)
	}
	return nil
}

// acknowledge settles the SETs of these jtis. One that is not of this stream's
// SETs as they are told now is passed over: what the receiver has then is not
// what it would be sent.
func (s *Stream) acknowledge(ctx context.Context, st *store.Store, issuer string, jtis []string) error {
	acked, last := map[store.Cursor]string{}, int64(0)
	for _, jti := range jtis {
		if at, ok := place(s.Name, jti); ok {
			acked[at], last = jti, max(last, at.Revision)
		}
	}
	if len(acked) == 0 {
		return nil
	}
	var m move
	err := st.Read(ctx, func(v *store.View) error {
		state, err := v.EventStream(ctx, s.Name)
		if err != nil {
			return err
		}
		done := map[store.Cursor]bool{}
		for _, a := range state.Acks {
			done[a] = true
		}
		end, err := s.walk(ctx, v, walk{issuer, state.Cursor, min(last, v.Revision())}, func(x set) bool {
			m.see(x.at, acked[x.at] == x.jti, done[x.at])
			return true
		})
		if !m.open {
			m.to = end
		}
		return err
	})
	if err != nil {
		return err
	}
	return st.MoveStream(ctx, s.Name, m.to, m.beyond)
}

// move is what acknowledgements come to.
type move struct {
	open   bool // a SET was met that waits still; the cursor stays at it
	to     store.Cursor
	beyond []store.Cursor // acknowledged after that
}

// see takes the next SET: whether it is acknowledged now, or was before.
func (m *move) see(at store.Cursor, now, before bool) {
	switch {
	case !m.open && !now && !before:
		m.open, m.to = true, at
	case m.open && now:
		m.beyond = append(m.beyond, at)
	}
}
