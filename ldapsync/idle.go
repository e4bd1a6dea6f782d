package ldapsync

import (
	"net"
	"time"
)

// idleConn ends a read or write that makes no progress for a while. A slow but
// living stream of any length passes; a silent server does not hold us.
type idleConn struct {
	net.Conn
	idle time.Duration
}

// Read waits at most idle for the next bytes.
func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write waits at most idle for the server to take p.
func (c *idleConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
