package ldapsync

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// ErrTooLong: the server announced a message longer than we read.
var ErrTooLong = errors.New("the server's message is longer than max_message")

// tap stands between go-ldap and the connection. It frames the server's
// messages, refuses too long ones before they are read, and lifts search
// entries, references and intermediate responses out, so that the library sees
// results only: its decoding costs several times what reading a directory does.
// Everything else is handed on byte by byte as it came.
//
// Entries are handed to the sink on the goroutine that reads, one search at a
// time; after pour(nil) nothing more comes, whatever the server sends.
type tap struct {
	net.Conn
	max int

	mu   sync.Mutex
	sink sink
	err  error

	buf        []byte // buf[start:end] is read and not handed on
	start, end int
	pass       int // bytes from start that go to go-ldap
	entry      entry
	read       int64 // bytes
}

// sink takes what a search answers beside its result. Its error ends the
// connection.
type sink interface {
	entry(*entry) error
	reference(content []byte)
	intermediate(content []byte) error
}

func newTap(c net.Conn, max int) *tap {
	return &tap{Conn: c, max: max, buf: make([]byte, 64<<10)}
}

// pour sets who gets what the next search answers.
func (t *tap) pour(s sink) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sink = s
}

// failure is why the stream ended, in our words; go-ldap's are others.
func (t *tap) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Read hands on the next bytes that are not lifted.
func (t *tap) Read(p []byte) (int, error) {
	for t.pass == 0 {
		if err := t.failure(); err != nil {
			return 0, err
		}
		if err := t.message(); err != nil {
			t.mu.Lock()
			t.err = err
			t.mu.Unlock()
		}
	}
	n := copy(p, t.buf[t.start:t.start+t.pass])
	t.start += n
	t.pass -= n
	return n, nil
}

// message waits for a whole message and lifts it or lets it pass.
func (t *tap) message() error {
	tag, length, n, err := t.header()
	if err != nil {
		return err
	}
	if tag != tagSequence {
		return fmt.Errorf("%w: a message with tag %#02x; this is no LDAP server", errBER, tag)
	}
	if length > t.max {
		return fmt.Errorf("%w (%d bytes)", ErrTooLong, length)
	}
	if err := t.need(n + length); err != nil {
		return err
	}
	whole := t.buf[t.start : t.start+n+length]
	lifted, err := t.lift(whole[n:])
	switch {
	case err != nil:
		return err
	case lifted:
		t.start += len(whole)
	default:
		t.pass = len(whole)
	}
	return nil
}

// lift hands a message to the sink, if there is one and it is for it.
func (t *tap) lift(message []byte) (lifted bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sink == nil {
		return false, nil
	}
	_, op, err := berWant(message, tagInteger)
	if err != nil {
		return false, err
	}
	if len(op) == 0 {
		return false, fmt.Errorf("%w: a message without a body", errBER)
	}
	switch op[0] {
	case tagEntry:
		if err := t.entry.parse(op); err != nil {
			return true, err
		}
		return true, t.sink.entry(&t.entry)
	case tagReference:
		t.sink.reference(op)
		return true, nil
	case tagIntermediate:
		return true, t.sink.intermediate(op)
	}
	return false, nil
}

func (t *tap) header() (tag byte, length, n int, err error) {
	for {
		tag, length, n, err = berHeader(t.buf[t.start:t.end])
		if err != nil || n > 0 {
			return tag, length, n, err
		}
		if err := t.need(t.end - t.start + 1); err != nil {
			return 0, 0, 0, err
		}
	}
}

// need reads until size bytes from start are there. An end within a message is
// no clean end.
func (t *tap) need(size int) error {
	for t.end-t.start < size {
		t.room(size)
		n, err := t.Conn.Read(t.buf[t.end:])
		t.end += n
		t.read += int64(n)
		switch {
		case n > 0:
		case err == io.EOF && t.end > t.start:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return nil
}

// room makes the buffer fit size bytes from start. It grows as bytes come, not
// by what a header announces, and shrinks again after a giant.
func (t *tap) room(size int) {
	const usual = 64 << 10
	if t.start == t.end {
		t.start, t.end = 0, 0
		if len(t.buf) > 4<<20 && size <= usual {
			t.buf = make([]byte, usual)
		}
	}
	if t.end < len(t.buf) && t.start+size <= len(t.buf) {
		return
	}
	if t.start > 0 {
		t.end = copy(t.buf, t.buf[t.start:t.end])
		t.start = 0
	}
	if t.end == len(t.buf) {
		bigger := make([]byte, min(2*len(t.buf), max(size, usual)))
		copy(bigger, t.buf[:t.end])
		t.buf = bigger
	}
}
