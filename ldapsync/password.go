package ldapsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// ErrRefused is the one answer to every sign-in that does not succeed: nobody
// learns whether the name, the password or the account was at fault.
var ErrRefused = errors.New("name or password is wrong, or the account may not sign in")

// Limits of what is taken for a name or a password.
const (
	maxLogin    = 256
	maxPassword = 1024
)

// Attempts bounds how often a password may be tried. It is stricter than the
// directory's own lock-out, so that nobody can lock a company out through us: set
// Account below pwdMaxFailure or lockoutThreshold, and Window not below
// pwdFailureCountInterval or lockoutObservationWindow; see Lockout.
type Attempts struct {
	// Account is how many may fail for one name (4) before Window (15m) has passed
	// since the last of them, as directories count; Address is how many may fail
	// from one address (50) within Window.
	Account, Address int
	Window           time.Duration
}

func (a Attempts) withDefaults() Attempts {
	def(&a.Account, 4)
	def(&a.Address, 50)
	def(&a.Window, 30*time.Minute)
	return a
}

// SignedIn is who a password belongs to.
type SignedIn struct {
	Account *directory.ReadAccount
	Server  string
}

// Refusal says in a log, never in an answer, why a sign-in was refused. It is
// ErrRefused.
type Refusal struct {
	Reason Reason
	Err    error // what the directory said
}

func (e *Refusal) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("sign-in refused (%s): %v", e.Reason, e.Err)
	}
	return fmt.Sprintf("sign-in refused (%s)", e.Reason)
}

// Is makes every Refusal an ErrRefused.
func (e *Refusal) Is(target error) bool { return target == ErrRefused }

// Passwords checks passwords by binding as who has them. It may be used
// concurrently.
type Passwords struct {
	cfg      Config
	secret   Config // for connections on which a password of people is said
	attempts Attempts
	mu       sync.Mutex
	failed   map[string][]time.Time
	// refused is what the directory said when it refused who reads, at the time
	// since; proven that it took him and has not refused him after.
	refused error
	since   time.Time
	proven  bool
	opening chan struct{} // has room for one, while he is not proven
}

// NewPasswords returns a checker for a directory, or says why it must not be:
// passwords of people never cross a network in plaintext, whatever the
// configuration allows for the account that reads.
func NewPasswords(c Config, a Attempts) (*Passwords, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	if c.Plaintext && !allLocal(c.Servers) {
		return nil, fmt.Errorf("sign-in: %w", ErrPlaintext)
	}
	c.Idle = min(c.Idle, 10*time.Second)
	secret := c
	secret.Bind = Bind{Method: BindSimple} // nobody reads over it in plaintext
	return &Passwords{cfg: c, secret: secret, attempts: a.withDefaults(), failed: map[string][]time.Time{}, opening: make(chan struct{}, 1)}, nil
}

// Check answers whose login and password these are. address is the client's,
// for the limiter; of one that is empty only the account's attempts are bounded.
// Its error is a *Refusal, which is ErrRefused, or says that
// the directory cannot be asked: then nobody is let in.
func (p *Passwords) Check(ctx context.Context, address, login, password string) (SignedIn, error) {
	login = strings.TrimSpace(login)
	account := accountKey + directory.Fold(strings.Join(strings.Fields(login), " "))
	if address != "" {
		address = "address " + address
	}
	// An attempt counts before it is made: a thousand at once are a thousand.
	if !p.admit(account, address) {
		return SignedIn{}, &Refusal{Reason: Limited}
	}
	who, err := p.check(ctx, login, password)
	r, refused := errors.AsType[*Refusal](err)
	switch {
	case err == nil:
		p.forget(account, address)
	case refused && r.Reason == Unavailable:
		p.giveBack(account, address)
	}
	return who, err
}

func (p *Passwords) check(ctx context.Context, login, password string) (SignedIn, error) {
	if !wellFormed(login, maxLogin) || !wellFormed(password, maxPassword) {
		return SignedIn{}, &Refusal{Reason: Malformed} // an empty password is a success at many servers
	}
	ctx, cancel := context.WithTimeout(ctx, 2*p.cfg.Idle)
	defer cancel()
	s, err := p.open(ctx)
	if err != nil {
		return SignedIn{}, &Refusal{Unavailable, err}
	}
	defer s.close()
	a, refusal := p.find(s, login)
	dn := ""
	switch {
	case refusal != nil && refusal.Reason == Unavailable:
		return SignedIn{}, refusal
	case refusal != nil:
		// The same work for a name that nobody has, so that time tells nothing.
		dn = "cn=nobody," + s.cfg.Users.Base
	default:
		dn = a.DN
	}
	reason, says := p.bindAs(ctx, s.server, dn, password)
	if refusal == nil {
		reason, says = shown(a, s.cfg.Now(), reason, says)
	}
	switch {
	case refusal != nil:
		return SignedIn{}, refusal
	case reason != "":
		return SignedIn{}, &Refusal{reason, says}
	}
	return SignedIn{a, s.id()}, nil
}

// open connects as who reads. When the directory refuses him it is not asked again
// within the window: every sign-in would be a wrong password more, and lock him.
func (p *Passwords) open(ctx context.Context) (*session, error) {
	if !p.isProven() {
		select {
		case p.opening <- struct{}{}:
			defer func() { <-p.opening }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := p.mayOpen(); err != nil {
		return nil, err
	}
	s, err := p.cfg.open(ctx, "")
	e, ok := errors.AsType[*Error](err)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.refused, p.proven = nil, true
	case ok && e.Stage == "bind" && e.Next() == Stop:
		p.refused, p.since, p.proven = err, p.cfg.Now(), false
	}
	return s, err
}

func (p *Passwords) isProven() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.proven
}

func (p *Passwords) mayOpen() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	again := p.since.Add(p.attempts.Window)
	if p.refused == nil || !p.cfg.Now().Before(again) {
		return nil
	}
	return fmt.Errorf("not asked again before %s, or a new configuration, so that %s is not locked: %w", again.UTC().Format(time.RFC3339), p.cfg.bindName(), p.refused)
}

func wellFormed(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// find is the one account with the login. The directory compares, and we
// compare again: what it takes for equal beyond letter case (spaces, accents)
// is another name to a limiter and to rules.
func (p *Passwords) find(s *session, login string) (*directory.ReadAccount, *Refusal) {
	more := *s.cfg
	more.Users.Attributes = policyAttributes[s.p.kind]
	to := newPeople(&more, s.p, 0)
	if err := s.byLogin(login, to); err != nil {
		return nil, &Refusal{Unavailable, err}
	}
	switch {
	case len(to.accounts)+to.nameless == 0:
		return nil, &Refusal{Reason: Unknown}
	case len(to.accounts) != 1 || to.nameless > 0:
		return nil, &Refusal{Reason: Ambiguous}
	}
	a := to.accounts[0]
	switch {
	case directory.Fold(a.Login) != directory.Fold(login):
		return nil, &Refusal{Unknown, fmt.Errorf("the directory takes %q for %q", login, a.Login)}
	case a.Activity == directory.ActivityUnknown:
		return a, &Refusal{Barred, fmt.Errorf("%s may not read %s, so nobody knows whether the account is disabled", s.cfg.bindName(), strings.Join(s.p.activity, ", "))}
	case !a.ActiveAt(s.cfg.Now()):
		return a, &Refusal{Barred, errors.New(cmp.Or(a.Disabler, "it has expired"))}
	}
	return a, nil
}

// byLogin reads the accounts with the login, at most two.
func (s *session) byLogin(login string, to *people) error {
	req := &ldaplib.SearchRequest{
		BaseDN: s.cfg.Users.Base, Scope: ldaplib.ScopeWholeSubtree, SizeLimit: 2, Attributes: to.attributes(),
		Filter: "(&" + s.cfg.Users.Filter + "(" + s.p.login + "=" + ldaplib.EscapeFilter(login) + "))",
	}
	_, err := s.search(req, to)
	if resultCode(err) == ldaplib.LDAPResultSizeLimitExceeded {
		return nil // two are as many as a hundred
	}
	return s.fault("users", err)
}

// bindAs tries the password on a connection of its own: the one that searches
// stays bound to the account that reads.
func (p *Passwords) bindAs(ctx context.Context, server, dn, password string) (Reason, error) {
	s, err := p.secret.session(ctx, server)
	if err != nil {
		return Unavailable, err
	}
	defer s.close()
	ask := ldaplib.NewSimpleBindRequest(dn, password, []ldaplib.Control{ldaplib.NewControlBeheraPasswordPolicy()})
	answer, err := s.ldap.SimpleBind(ask)
	var controls []ldaplib.Control
	if answer != nil {
		controls = answer.Controls
	}
	return verdict(s.fault("bind", err), controls)
}

// accountKey begins the keys of accounts in what the limiter remembers.
const accountKey = "account "

// maxKeys bounds what the limiter remembers; beyond it, it forgets what is old.
const maxKeys = 100_000

// admit counts an attempt of both, if both have one left.
func (p *Passwords) admit(account, address string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failed) > maxKeys {
		for key := range p.failed {
			p.tidy(key)
		}
	}
	p.tidy(account)
	p.tidy(address)
	if len(p.failed[account]) >= p.attempts.Account || len(p.failed[address]) >= p.attempts.Address {
		return false
	}
	p.failed[account] = append(p.failed[account], p.cfg.Now())
	if address != "" {
		p.failed[address] = append(p.failed[address], p.cfg.Now())
	}
	return true
}

// Remember takes over the attempts that another checker of the same source has
// counted, as after a new configuration.
func (p *Passwords) Remember(old *Passwords) {
	old.mu.Lock()
	defer old.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, at := range old.failed {
		p.failed[key] = slices.Clone(at)
	}
}

// forget ends the account's count, and takes one attempt off the address's.
func (p *Passwords) forget(account, address string) {
	p.giveBack(address)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.failed, account)
}

func (p *Passwords) giveBack(keys ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		if n := len(p.failed[key]); n > 0 {
			p.failed[key] = p.failed[key][:n-1]
		}
	}
}

// tidy drops what is older than the window; of an account all or nothing. A
// directory forgets only after a quiet time: one wrong password every few minutes
// would lock in the end what a sliding window lets through for ever.
func (p *Passwords) tidy(key string) {
	since := p.cfg.Now().Add(-p.attempts.Window)
	old := func(t time.Time) bool { return !t.After(since) }
	at := p.failed[key]
	switch {
	case !strings.HasPrefix(key, accountKey):
		at = slices.DeleteFunc(at, old)
	case !slices.ContainsFunc(at, func(t time.Time) bool { return !old(t) }):
		at = nil
	}
	if p.failed[key] = at; len(at) == 0 {
		delete(p.failed, key)
	}
}

// allLocal reports whether no server is on another machine.
func allLocal(servers []string) bool {
	for _, s := range servers {
		if !Local(s) {
			return false
		}
	}
	return true
}
