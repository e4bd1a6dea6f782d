package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	ldaplib "github.com/go-ldap/ldap/v3"
)

// session is one bound connection. One goroutine uses it, for one search at a
// time: two paged searches on one connection end each other.
type session struct {
	cfg    *Config
	server string
	tap    *tap
	ldap   *ldaplib.Conn
	stop   func() bool
	root   rootDSE
	p      *profile
	page   int // what the server was found to hand out at a time
}

// open tries the servers in order, beginning with first, until one takes the
// connection; a refused bind ends it, because the next would refuse it too and
// count it.
func (c *Config) open(ctx context.Context, first string) (*session, error) {
	var errs []error
	for _, server := range firstOf(c.Servers, first) {
		s, err := c.bound(ctx, server)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
		if e, ok := errors.AsType[*Error](err); ok && e.Stage == "bind" && e.Next() == Stop {
			return nil, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 1 {
		return nil, errs[0]
	}
	last, ok := errors.AsType[*Error](errs[len(errs)-1])
	if !ok {
		return nil, errors.Join(errs...)
	}
	return nil, &Error{last.Stage, strings.Join(c.Servers, ", "), errors.Join(errs...)}
}

func firstOf(servers []string, first string) []string {
	out := []string{}
	for _, s := range servers {
		if s == first {
			out = append(out, s)
		}
	}
	for _, s := range servers {
		if s != first {
			out = append(out, s)
		}
	}
	return out
}

// bound connects to a server, binds, and asks it what it is.
func (c *Config) bound(ctx context.Context, server string) (*session, error) {
	s, err := c.session(ctx, server)
	if err != nil {
		return nil, err
	}
	if err := s.bind(ctx); err != nil {
		s.close()
		return nil, err
	}
	if err := s.probe(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// session connects to a server. It ends with ctx.
func (c *Config) session(ctx context.Context, server string) (*session, error) {
	t, err := c.connect(ctx, server)
	if err != nil {
		return nil, err
	}
	s := &session{cfg: c, server: server, tap: t, ldap: ldaplib.NewConn(t, true), page: c.Page}
	s.ldap.Start()
	s.stop = context.AfterFunc(ctx, func() { t.Conn.Close() })
	return s, nil
}

func (s *session) close() {
	s.stop()
	// The connection first: go-ldap's Close waits for who reads.
	s.tap.SetDeadline(time.Now())
	s.tap.Conn.Close()
	s.ldap.Close()
}

func (s *session) bind(ctx context.Context) error {
	var err error
	switch s.cfg.Bind.Method {
	case BindSimple:
		err = s.ldap.Bind(s.cfg.Bind.DN, s.cfg.Bind.Password)
	case BindExternal:
		err = s.ldap.ExternalBind()
	case BindGSSAPI:
		err = s.gssapi(ctx)
		return s.fault(stageOf(err), err)
	case BindAnonymous:
		return nil
	default:
		err = fmt.Errorf("%q is no bind method", s.cfg.Bind.Method)
	}
	return s.fault("bind", err)
}

// fault wraps what went wrong; the tap knows better why a stream ended.
func (s *session) fault(stage string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if resultCode(err) == -1 {
		if why := s.tap.failure(); why != nil {
			err = fmt.Errorf("%w: %w", err, why)
		}
	}
	return &Error{stage, s.server, err}
}

// search runs one search to its result and pours what it answers into to. It
// uses go-ldap's Search alone, which returns without an error only after a
// result with code 0.
func (s *session) search(req *ldaplib.SearchRequest, to sink) (*ldaplib.SearchResult, error) {
	s.tap.pour(to)
	defer s.tap.pour(nil)
	return s.ldap.Search(req)
}

// record is an entry of which all was kept. Names of attributes are lower-case
// and without options but range.
type record struct {
	dn    string
	attrs map[string][]string
}

func (r record) first(name string) string {
	if v := r.attrs[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// records keeps the entries of a small search.
type records struct {
	list       []record
	references int
}

func (r *records) entry(e *entry) error {
	out := record{string(e.dn), make(map[string][]string, len(e.attrs))}
	for _, a := range e.attrs {
		name := strings.ToLower(string(a.name))
		for _, v := range e.of(a) {
			out.attrs[name] = append(out.attrs[name], string(v))
		}
		if len(e.of(a)) == 0 {
			out.attrs[name] = []string{}
		}
	}
	r.list = append(r.list, out)
	return nil
}

func (r *records) reference([]byte)          { r.references++ }
func (r *records) intermediate([]byte) error { return nil }

// read reads the one entry with the name; a missing one is nil without an error.
func (s *session) read(dn string, attrs ...string) (*record, error) {
	var got records
	_, err := s.search(baseSearch(dn, attrs), &got)
	switch {
	case missing(err):
		return nil, nil
	case err != nil:
		return nil, err
	case len(got.list) == 0:
		return nil, nil
	}
	return &got.list[0], nil
}

func baseSearch(dn string, attrs []string) *ldaplib.SearchRequest {
	return &ldaplib.SearchRequest{BaseDN: dn, Scope: ldaplib.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attrs}
}

// missing reports whether a read of one entry says that there is none here.
func missing(err error) bool {
	code := resultCode(err)
	return err != nil && (code == ldaplib.LDAPResultNoSuchObject || code == ldaplib.LDAPResultInvalidDNSyntax || code == ldaplib.LDAPResultReferral)
}
