package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/time/rate"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/provision"
	"grantbridge/scim"
	"grantbridge/scim/events"
	"grantbridge/scim/inspect"
)

// verifier is a source's verifier of signed tokens, with what it was made of.
type verifier struct {
	conf config.SCIMJWT
	jwt  *scim.JWT
}

// scimDoor makes the SCIM doors of all sources.
func (s *server) scimDoor(l *config.Loaded) (*scim.Door, error) {
	c, err := scimConfig(l, s.verifier)
	if err != nil {
		return nil, err
	}
	c.BaseURL, c.CursorKey, c.Log, c.Inspect = s.url(l), s.cursorKey, s.log, s.inspect
	return scim.New(s.engine, c), nil
}

// scimConfig is what the configuration says of the SCIM doors. jwt makes the
// verifiers of signed tokens; without it the doors can let nobody in who proves
// himself by what the configuration has, and no secret of it is needed.
func scimConfig(l *config.Loaded, jwt func(string, config.SCIMJWT) (*scim.JWT, error)) (scim.Config, error) {
	c := scim.Config{Sources: map[string]scim.Source{}, TrustedProxies: config.Prefixes(l.TrustedProxies)}
	for name, src := range l.Sources {
		if src.SCIM == nil {
			continue
		}
		a := src.SCIM.Auth
		perSecond, atOnce := src.SCIM.Rate.Limit()
		out := l.SCIMSource(name)
		out.Allow, out.Rate, out.Burst = config.Prefixes(src.SCIM.Allow), rate.Limit(perSecond), atOnce
		out.Auth = scim.Auth{NoBearer: !a.Bearer.On(), NoBasic: !a.Basic.On(), OAuth: a.OAuth.On()}
		out.EventURIs = events.EventURIs(l.EventStreams(), name)
		if a.BasicUser != "" && jwt != nil {
			password, err := l.BasicPassword(name)
			if err != nil {
				return c, err
			}
			out.Auth.SetPair(a.BasicUser, password)
		}
		if a.JWT.Issuer != "" && jwt != nil {
			var err error
			if out.Auth.JWT, err = jwt(name, a.JWT); err != nil {
				return c, fmt.Errorf("signed tokens of source %q: %w", name, err)
			}
		}
		c.Sources[name] = out
	}
	return c, nil
}

// verifier is the one of before a reload when nothing about it has changed: it
// has the last good keys.
func (s *server) verifier(source string, c config.SCIMJWT) (*scim.JWT, error) {
	if v, ok := s.verifiers[source]; ok && v.conf == c {
		return v.jwt, nil
	}
	j, err := scim.NewJWT(scim.JWTConfig{Issuer: c.Issuer, Audience: c.Audience, Tenant: c.Tenant, Client: c.Client, File: c.JWKSFile, URL: c.JWKSURL, Log: s.log})
	if err == nil {
		s.verifiers[source] = verifier{c, j}
	}
	return j, err
}

func inspectConfig(l *config.Loaded, log *slog.Logger) inspect.Config {
	return inspect.Config{Keep: durationOf(l.SCIMLog.Keep), NoBodies: !l.SCIMLog.Bodies, RedactPeople: l.SCIMLog.RedactPeople, Log: log}
}

// replay is what a kept SCIM request would do now, for the admin API.
func (s *server) replay(ctx context.Context, id int64) (any, error) {
	r, err := s.live.Load().scim.Replay(ctx, id)
	if errors.Is(err, scim.ErrNotWhole) {
		return nil, &provision.InvalidError{Says: err.Error()}
	}
	return r, err
}
