package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/saml/login"
	"grantbridge/store"
	"grantbridge/web"
)

// decisions serves the decision API, health checks and metrics.
func (s *server) decisions(l *config.Loaded) http.Handler {
	return web.New(s.engine, web.Config{BaseURL: l.BaseURL, Version: version(), Log: s.log, Draining: s.draining.Load,
		Registry: s.registry, Replay: s.replay, Session: s.sessionByID, NewAccount: login.Approve})
}

// sessionByID finds a session under the configuration of the day.
func (s *server) sessionByID(ctx context.Context, id string) (access.PersonID, access.Credential, error) {
	return s.sessions(s.live.Load().cfg, false).ByID(ctx, id)
}

// url is the URL that clients use.
func (s *server) url(l *config.Loaded) string {
	return strings.TrimSuffix(l.URL(s.ln.Addr().String()), "/")
}

func durationOf(d config.Duration) time.Duration { return time.Duration(d) }

// announce prints one line per door.
func (s *server) announce() {
	g := s.live.Load()
	base := s.url(g.cfg)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(s.app.out, "  %-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(s.app.out, "grantbridge %s · %s · revision %d\n", version(), config.MaskDSN(g.cfg.Store), g.Status().Revision)
	tokens := liveSCIMTokens(g.Store())
	for _, n := range g.cfg.SourceNames() {
		closed := g.signIn.Load().closed
		announceSource(line, base, n, g.cfg.Sources[n], tokens[n], closed[n])
		announcePasswords(line, base, n, g.cfg.Sources[n].LDAP, closed[passwordsOf(n)])
	}
	announceStreams(line, base, g.cfg)
	line("decisions", "%s/access/v1/evaluation", base)
	line("discovery", "%s/.well-known/authzen-configuration", base)
	line("health", "%s/healthz", base)
	line("ready", "%s/readyz", base)
	line("metrics", "%s/metrics", base)
	line("mapping", "%s", mappingLine(g))
	for _, w := range warnings(g.cfg) {
		s.log.Warn("configuration", "says", w)
	}
	s.report(g)
}

// report logs what became of the sites and the mapping file.
func (s *server) report(g *generation) {
	if g.held != "" {
		what := "the mapping file was not applied; the live rules stay"
		if g.sitesHeld {
			what = "the sites of the configuration were not applied; the catalogue and the live rules stay"
		}
		s.log.Warn(what, "reason", g.held)
	}
	for _, p := range g.doubts {
		s.log.Warn("mapping", "code", p.Code, "line", p.Line, "says", p.Message)
	}
}

func announceSource(line func(string, string, ...any), base, name string, c config.Source, tokens int, closed error) {
	if c.SCIM != nil {
		says := fmt.Sprintf("%d live tokens", tokens)
		switch tokens {
		case 0:
			says = "no token yet: grantbridge scim-token create --source " + name
		case 1:
			says = "1 live token"
		}
		line("scim "+name, "%s/scim/v2/%s   %s", base, name, says)
	}
	if c.Disabled {
		line(name, "disabled: its doors are shut")
		return
	}
	if c.SAML != nil {
		if closed != nil {
			line("saml "+name, "not served: %v", closed)
		} else {
			line("saml "+name, "%s/saml/%s/metadata   sign in: %s/login", base, name, base)
		}
	}
	if c.OIDC != nil {
		if closed != nil {
			line("oidc "+name, "not served: %v", closed)
		} else {
			line("oidc "+name, "%s/oidc/%s/callback   sign in: %s/login", base, name, base)
		}
	}
	if c.LDAP != nil {
		line("ldap "+name, "%s every %s   grantbridge sync list --runs --source %s", c.LDAP.URL, c.LDAP.Interval, name)
	}
}

func announcePasswords(line func(string, string, ...any), base, name string, c *config.LDAP, closed error) {
	switch {
	case c == nil || !c.PasswordLogin.Enabled:
	case closed != nil:
		line("sign-in "+name, "not served: %v", closed)
	default:
		line("sign-in "+name, "%s/login   with the password of the directory", base)
	}
}

func mappingLine(g *generation) string {
	v := g.Status().MappingVersion
	if v == 0 {
		return "no rules live; grantbridge mapping apply FILE"
	}
	return fmt.Sprintf("version %d live", v)
}

// liveSCIMTokens counts each source's live tokens; a store that does not answer
// counts none, which readyz reports better.
func liveSCIMTokens(st *store.Store) map[string]int {
	out := map[string]int{}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = st.Read(ctx, func(v *store.View) error {
		tokens, err := v.SCIMTokens(ctx)
		for _, t := range tokens {
			if live(t.Revoked, t.Expires, time.Now()) {
				out[t.Source]++
			}
		}
		return err
	})
	return out
}

// live reports whether a credential that was revoked or expires then lives now.
func live(revoked, expires, now time.Time) bool {
	return revoked.IsZero() && (expires.IsZero() || now.Before(expires))
}

// logger writes to standard error as the configuration says.
func (a *app) logger(l *config.Loaded, level *slog.LevelVar) *slog.Logger {
	setLevel(level, l.Log.Level)
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	return slog.New(logHandler(a.err, l.Log.Format, o))
}

func logHandler(w io.Writer, format string, o *slog.HandlerOptions) slog.Handler {
	if format == "json" {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}

func (s *server) setLevel(l *config.Loaded) { setLevel(s.level, l.Log.Level) }

func setLevel(v *slog.LevelVar, name string) {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // one of the four; config checked it
	v.Set(l)
}

var secretKeys = []string{"token", "secret", "password", "authorization", "cookie"}

// redact is the last net: nobody should log a secret, and none gets through.
func redact(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains(secretKeys, strings.ToLower(a.Key)) && a.Value.Kind() == slog.KindString {
		return slog.String(a.Key, "********")
	}
	return a
}
