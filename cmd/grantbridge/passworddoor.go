package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/ldapsync"
	"grantbridge/saml/login"
)

// passwords checks passwords by the directory of one source.
type passwords struct{ *ldapsync.Passwords }

// Check is what package login asks for: who it is, or why not in its words.
func (p passwords) Check(ctx context.Context, address, name, password string) (string, error) {
	who, err := p.Passwords.Check(ctx, address, name, password)
	if err == nil {
		return who.Account.ID.String(), nil
	}
	refusal, ok := errors.AsType[*ldapsync.Refusal](err)
	if !ok {
		return "", &login.PasswordError{Reason: login.PasswordUnavailable, Err: err}
	}
	return "", &login.PasswordError{Reason: login.PasswordReason("password_" + refusal.Reason), Err: refusal.Err}
}

// passwordsOf names the part of a source that takes passwords among what is
// closed.
func passwordsOf(source string) string { return "password_login of " + source }

// passwordSources are the sources that take passwords; closed says which cannot.
func (s *server) passwordSources(l *config.Loaded, unsafe error) (open map[string]login.PasswordSource, closed map[string]error) {
	open, closed = map[string]login.PasswordSource{}, map[string]error{}
	for name, src := range l.Sources {
		if src.LDAP == nil || !src.LDAP.PasswordLogin.Enabled || src.Disabled {
			continue
		}
		c := src.LDAP.PasswordLogin
		p, err := s.checker(l, name)
		if err = errors.Join(unsafe, err); err != nil {
			closed[passwordsOf(name)] = err
			continue
		}
		open[name] = login.PasswordSource{Checker: passwords{p}, Label: c.Label, Ceiling: strings.TrimPrefix(c.Ceiling, "inherit")}
	}
	return open, closed
}

// checker checks passwords of the source, and remembers what was tried before a
// reload.
func (s *server) checker(l *config.Loaded, source string) (*ldapsync.Passwords, error) {
	c, err := l.Directory(source)
	if err != nil {
		return nil, err
	}
	p, err := ldapsync.NewPasswords(c, l.PasswordAttempts(source))
	if err != nil {
		return nil, fmt.Errorf("password_login: %w", err)
	}
	if old := s.checkers[source]; old != nil {
		p.Remember(old)
	}
	s.checkers[source] = p
	return p, nil
}
