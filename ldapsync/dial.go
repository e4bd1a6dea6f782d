package ldapsync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"
)

// connect opens a connection to one server, secured as its URL says, up to
// where LDAP begins.
func (c *Config) connect(ctx context.Context, server string) (*tap, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	network, address := "tcp", hostPort(u)
	if u.Scheme == "ldapi" {
		network, address = "unix", u.Path
		if address == "" || address == "/" {
			address = "/var/run/slapd/ldapi"
		}
	}
	plain, err := c.Dial(ctx, network, address)
	if err != nil {
		return nil, &Error{Stage: "connect", Server: server, Err: err}
	}
	conn := net.Conn(&idleConn{plain, c.Idle})
	conn, err = c.secure(ctx, conn, u)
	if err != nil {
		plain.Close()
		return nil, &Error{Stage: "tls", Server: server, Err: err}
	}
	return newTap(conn, c.MaxMessage), nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// secure puts TLS on a connection whose URL or policy wants it.
func (c *Config) secure(ctx context.Context, conn net.Conn, u *url.URL) (net.Conn, error) {
	switch {
	case u.Scheme == "ldapi":
		return conn, nil
	case u.Scheme == "ldaps":
	case c.Plaintext:
		return conn, nil
	default:
		err := startTLS(conn)
		switch refused := errors.Is(err, errStartTLSRefused); {
		case refused && (c.Bind.Method == BindAnonymous || loopback(u)):
			return conn, nil
		case refused && c.Bind.Method == BindGSSAPI:
			return nil, fmt.Errorf("the server refuses StartTLS: %w", ErrUnprotected)
		case err != nil:
			return nil, err
		}
	}
	secured := tls.Client(conn, c.tlsConfig(u))
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secured, nil
}

func (c *Config) tlsConfig(u *url.URL) *tls.Config {
	t := &tls.Config{ServerName: u.Hostname(), RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12}
	if c.ServerName != "" {
		t.ServerName = c.ServerName
	}
	if c.Certificate != nil {
		t.Certificates = []tls.Certificate{*c.Certificate}
	}
	return t
}

// loopback reports whether the URL cannot leave this machine.
func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}

// Local reports whether what is said to the server is not heard by others.
func Local(server string) bool {
	u, err := url.Parse(server)
	return err == nil && (u.Scheme == "ldapi" || u.Scheme == "ldaps" || loopback(u))
}

var errStartTLSRefused = fmt.Errorf("the server refuses StartTLS: %w", ErrPlaintext)

// startTLSRequest is message 1, an ExtendedRequest 1.3.6.1.4.1.1466.20037.
var startTLSRequest = append([]byte{tagSequence, 29, tagInteger, 1, 1, 0x77, 24, 0x80, 22}, "1.3.6.1.4.1.1466.20037"...)

// startTLS asks for TLS and reads exactly the one answer, byte by byte: what a
// man in the middle may have put behind it is never read as LDAP.
func startTLS(conn net.Conn) error {
	if _, err := conn.Write(startTLSRequest); err != nil {
		return err
	}
	var message []byte
	for {
		_, length, n, err := berHeader(message)
		if err != nil {
			return err
		}
		if n > 0 && length > 4096 {
			return ErrTooLong
		}
		if n > 0 && len(message) == n+length {
			return startTLSAnswer(message)
		}
		var one [1]byte
		if _, err := io.ReadFull(conn, one[:]); err != nil {
			return err
		}
		message = append(message, one[0])
	}
}

func startTLSAnswer(message []byte) error {
	body, _, err := berWant(message, tagSequence)
	if err != nil {
		return err
	}
	_, body, err = berWant(body, tagInteger)
	if err != nil {
		return err
	}
	answer, _, err := berWant(body, 0x78) // ExtendedResponse
	if err != nil {
		return err
	}
	code, _, err := berWant(answer, tagEnumerated)
	if err != nil {
		return err
	}
	if v, err := berInt(code); err != nil || v != 0 {
		return fmt.Errorf("%w (code %d)", errStartTLSRefused, v)
	}
	return nil
}

// within is ctx with the time that a reading may take.
func (c *Config) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(c.Timeout, time.Second))
}
