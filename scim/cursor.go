package scim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// cursorTimeout is how long a cursor can be used.
const cursorTimeout = time.Hour

// A cursor (RFC 9865) is a position and nothing that the server keeps: the time
// it ends (8 bytes), the id of the last resource (8), and 16 bytes of an HMAC
// over both and the question it belongs to.
const cursorSize = 8 + 8 + 16

// question is what a cursor belongs to: it must come back with the same
// parameters.
func (c *call) question(of *resource, s search) string {
	return strings.Join([]string{c.source, of.name, s.filter, s.sortBy, s.sortOrder}, "\x00")
}

func (c *call) sealCursor(after int64, question string) string {
	b := make([]byte, 16, cursorSize)
	binary.BigEndian.PutUint64(b, uint64(c.Now().Add(cursorTimeout).Unix()))
	binary.BigEndian.PutUint64(b[8:], uint64(after))
	return base64.RawURLEncoding.EncodeToString(append(b, c.cursorMAC(b, question)...))
}

func (c *call) openCursor(cursor, question string) (after int64, err error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) != cursorSize || !hmac.Equal(b[16:], c.cursorMAC(b[:16], question)) {
		return 0, invalid(typeInvalidCursor, "the cursor is not one of this query's; repeat filter and sort, or begin again with an empty cursor")
	}
	if int64(binary.BigEndian.Uint64(b)) < c.Now().Unix() {
		return 0, invalid(typeExpiredCursor, "the cursor is older than %v; begin again with an empty cursor", cursorTimeout)
	}
	return int64(binary.BigEndian.Uint64(b[8:])), nil
}

func (c *call) cursorMAC(b []byte, question string) []byte {
	m := hmac.New(sha256.New, c.CursorKey)
	m.Write(b)
	m.Write([]byte(question))
	return m.Sum(nil)[:16]
}
