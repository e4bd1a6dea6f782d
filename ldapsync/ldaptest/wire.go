package ldaptest

import (
	"io"
	"net"
)

// Wire says what happens to the bytes that a server sends on one connection.
// The zero Wire leaves them alone.
type Wire struct {
	// Cut closes the connection after so many bytes, when not 0; Stall says
	// nothing more instead. Less than 0 is before the first byte.
	Cut, Stall int
	// Flip inverts the byte at this place, counted from 1.
	Flip int
}

// wire is a connection whose outgoing bytes are spoilt.
type wire struct {
	net.Conn
	w    Wire
	sent int
}

// Write sends what Wire leaves of p.
func (c *wire) Write(p []byte) (int, error) {
	if n := c.w.Flip; n > c.sent && n <= c.sent+len(p) {
		p = append([]byte(nil), p...)
		p[n-1-c.sent] ^= 0xff
	}
	limit := c.w.Cut
	if limit == 0 {
		limit = c.w.Stall
	}
	if limit == 0 || c.sent+len(p) <= limit {
		n, err := c.Conn.Write(p)
		c.sent += n
		return n, err
	}
	n, _ := c.Conn.Write(p[:max(limit-c.sent, 0)])
	c.sent += n
	if c.w.Cut != 0 {
		c.Conn.Close()
		return n, io.ErrClosedPipe
	}
	_, err := io.Copy(io.Discard, c.Conn) // until the other side gives up
	return n, err
}
