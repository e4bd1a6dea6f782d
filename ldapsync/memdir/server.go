package memdir

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Server speaks LDAP in front of a Directory.
type Server struct {
	Dir  *Directory
	Kind Kind
	// BindDN and Password are who may bind; passwords of other entries are
	// their attribute userPassword. Empty: anybody may.
	BindDN, Password string
	// Range is how many values of a member list are sent at a time, as Active
	// Directory does; 0 sends all.
	Range int
	// RangeMute answers a request for a range with nothing.
	RangeMute bool
	// PageMax refuses larger pages, SizeMax is the most entries of a search.
	PageMax, SizeMax int
	// NoSync takes RFC 4533 away; NoLog makes it answer with a present phase,
	// as OpenLDAP does that has lost its session log.
	NoSync, NoLog bool
	// Hidden are attributes that nobody sees, in lower case.
	Hidden map[string]bool
	// Shuffle, when not nil, puts entries and values into another order.
	Shuffle func(n int, swap func(i, j int))
	TLS     *tls.Config // for StartTLS and ListenTLS
	// Spoil changes answers before they are sent.
	Spoil func(*Answer)
	// Wrap, when not nil, stands around every connection, and around it again
	// after StartTLS.
	Wrap func(net.Conn) net.Conn

	mu          sync.Mutex
	listener    net.Listener
	conns       map[net.Conn]bool
	wait        sync.WaitGroup
	hiddenBelow string
	// Binds and Searches are what was asked.
	binds    []string
	searches int
}

// HideBelow lets nobody see the subtree from now on; "" ends that.
func (s *Server) HideBelow(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hiddenBelow = base
}

// Serve is a server of the kind in front of d. It listens nowhere: Dial
// connects in memory, Listen on loopback.
func Serve(d *Directory, kind Kind) *Server {
	return &Server{Dir: d, Kind: kind, conns: map[net.Conn]bool{}}
}

// Dial connects in memory, whatever the address; give it to ldapsync.Config.
func (s *Server) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	s.accept(ours)
	return theirs, nil
}

// Listen listens on a free port of loopback and returns the URL.
func (s *Server) Listen() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.serve(l)
	return "ldap://" + l.Addr().String(), nil
}

// ListenTLS is Listen with TLS from the first byte.
func (s *Server) ListenTLS() (string, error) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", s.TLS)
	if err != nil {
		return "", err
	}
	s.serve(l)
	return "ldaps://" + l.Addr().String(), nil
}

func (s *Server) serve(l net.Listener) {
	s.listener = l
	s.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accept(c)
		}
	})
}

func (s *Server) accept(c net.Conn) {
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	s.wait.Go(func() {
		(&client{s: s, raw: c, conn: s.wrap(c)}).run()
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	})
}

func (s *Server) wrap(c net.Conn) net.Conn {
	if s.Wrap == nil {
		return c
	}
	return s.Wrap(c)
}

// Close ends all connections and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	if s.listener != nil {
		s.listener.Close()
	}
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// Binds are the DNs that bound or tried to, in order.
func (s *Server) Binds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.binds...)
}

// Searches is how many searches were asked, pages counted each.
func (s *Server) Searches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.searches
}

// client is one connection.
type client struct {
	s       *Server
	raw     net.Conn
	secured *tls.Conn // after StartTLS, until it is used
	conn    net.Conn  // raw or secured, wrapped
	bound   bool
	paged   *paged // the one paged search that a connection may have
	pages   int    // cookies handed out
}

var errUnbind = errors.New("unbind")

func (c *client) run() {
	in := bufio.NewReader(c.conn)
	for {
		p, err := ber.ReadPacket(in)
		if err != nil || len(p.Children) < 2 {
			return
		}
		id, _ := p.Children[0].Value.(int64)
		if err := c.handle(int(id), p); err != nil {
			return
		}
		if c.secured != nil {
			in = bufio.NewReader(c.secured)
			c.conn, c.secured = c.s.wrap(c.secured), nil
		}
	}
}

func (c *client) handle(id int, p *ber.Packet) error {
	switch op := p.Children[1]; op.Tag {
	case 0:
		return c.bind(id, op)
	case 2:
		return errUnbind
	case 3:
		return c.search(id, p)
	case 16: // abandon
		return nil
	case 23:
		return c.startTLS(id)
	default:
		return c.send(message(id, result(0x60|byte(op.Tag+1), 53, "not supported")))
	}
}

func (c *client) send(b []byte) error {
	_, err := c.conn.Write(b)
	return err
}

func (c *client) startTLS(id int) error {
	if c.s.TLS == nil {
		return c.send(message(id, result(0x78, 2, "no TLS")))
	}
	if err := c.send(message(id, result(0x78, 0, ""))); err != nil {
		return err
	}
	c.secured = tls.Server(c.raw, c.s.TLS)
	return nil
}

// bind checks a simple bind as directories do: an empty password with a name
// is nobody, and a success.
func (c *client) bind(id int, op *ber.Packet) error {
	dn, password := string(op.Children[1].ByteValue), op.Children[2].Data.String()
	c.s.mu.Lock()
	c.s.binds = append(c.s.binds, dn)
	c.s.mu.Unlock()
	code, text := 49, "invalid credentials"
	switch e := c.s.Dir.Entry(dn); {
	case op.Children[2].Tag == 3: // SASL EXTERNAL
		code, text = 0, ""
	case password == "":
		code, text = 0, ""
	case c.s.BindDN == "" || dn == c.s.BindDN && password == c.s.Password:
		code, text = 0, ""
	case e != nil && len(e.Values("userPassword")) == 1 && e.Values("userPassword")[0] == password:
		code, text = 0, ""
	case c.s.Kind == ActiveDirectory:
		text = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1"
	}
	c.bound = code == 0
	return c.send(message(id, result(0x61, code, text)))
}

// hidden reports whether nobody sees the attribute.
func (s *Server) hidden(name string) bool { return s.Hidden[strings.ToLower(name)] }
