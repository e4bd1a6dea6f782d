package saml_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

func TestAnIdentityIsWhatTheAssertionSays(t *testing.T) {
	l := samltest.NewLab()
	id, r := l.Provider(nil).Accept(t.Context(), samltest.Encode(l.Good(true, false, "Analysts", "Marketing EMEA")), samltest.Requests(), &samltest.Memory{}, samltest.Now)
	if r != nil {
		t.Fatal(r)
	}
	want := &saml.Identity{
		Source: "okta", Issuer: samltest.IdPEntity,
		Subject: saml.Subject{Kind: saml.SubjectNameID, Name: saml.FormatPersistent, Value: samltest.Person},
		NameID:  saml.NameID{Value: samltest.Person, Format: saml.FormatPersistent},
		Attributes: []saml.Attribute{
			{Name: "mail", NameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", Values: []saml.Value{{Text: "clara.moreau@example.com"}}},
			{Name: "groups", Values: []saml.Value{{Text: "Analysts"}, {Text: "Marketing EMEA"}}},
		},
		Groups:       saml.Groups{State: saml.GroupsPresent, Values: []string{"Analysts", "Marketing EMEA"}, Attribute: "groups"},
		AuthnContext: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
		AuthnInstant: samltest.Now.Add(-10 * time.Second), SessionIndex: "_session1",
		AssertionID: samltest.AssertID, Request: samltest.RequestID, IssuedAt: samltest.Now,
		Key: saml.SigningKey{Certificate: l.IdP.Certificate}.Fingerprint(),
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Error(diff)
	}
}

func TestTheSameResponseSignsInOnce(t *testing.T) {
	l := samltest.NewLab()
	for _, test := range []struct {
		name   string
		first  samltest.Vector
		second samltest.Vector
		want   saml.Reason
	}{
		{"posted again", samltest.Vector{}, samltest.Vector{}, saml.Replayed},
		{"posted again as another response", samltest.Vector{}, samltest.Vector{Pre: replace(samltest.ResponseID, "_another")}, saml.Replayed},
		{"another answer to the same request", samltest.Vector{}, samltest.Vector{Sign: samltest.SignResponse, Pre: replace(samltest.AssertID, "_another")}, saml.RequestSpent},
	} {
		t.Run(test.name, func(t *testing.T) {
			memory := &samltest.Memory{}
			p := l.Provider(nil)
			if _, r := p.Accept(t.Context(), test.first.Message(l), samltest.Requests(), memory, samltest.Now); r != nil {
				t.Fatal(r)
			}
			_, r := p.Accept(t.Context(), test.second.Message(l), samltest.Requests(), memory, samltest.Now.Add(time.Second))
			if r == nil || r.Reason != test.want {
				t.Errorf("got %v; want %s", r, test.want)
			}
		})
	}
}

func TestATicketOutlivesTheTimeInWhichItsAssertionIsTaken(t *testing.T) {
	l := samltest.NewLab()
	message := samltest.Encode(l.Good(true, false))
	memory := &samltest.Memory{}
	p := l.Provider(nil)
	if _, r := p.Accept(t.Context(), message, samltest.Requests(), memory, samltest.Now); r != nil {
		t.Fatal(r)
	}
	for at := time.Second; at < 20*time.Minute; at += 7 * time.Second {
		if id, r := p.Accept(t.Context(), message, samltest.Requests(), memory, samltest.Now.Add(at)); r == nil {
			t.Fatalf("accepted %s again after %s", id.AssertionID, at)
		}
	}
}

func TestFiftyAtOnceSignInOnceOnThreeReplicas(t *testing.T) {
	l := samltest.NewLab()
	message := samltest.Encode(l.Good(true, true, "Analysts"))
	memory := &samltest.Memory{}
	replicas := []*saml.Provider{l.Provider(nil), l.Provider(nil), l.Provider(nil)}
	var accepted atomic.Int32
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range 50 {
		group.Go(func() {
			<-start
			id, r := replicas[i%3].Accept(context.Background(), message, samltest.Requests(), memory, samltest.Now)
			switch {
			case r == nil && id != nil:
				accepted.Add(1)
			case r.Reason != saml.Replayed:
				t.Errorf("refused for %v", r)
			}
		})
	}
	close(start)
	group.Wait()
	if accepted.Load() != 1 {
		t.Errorf("%d sign-ins of 50; want 1", accepted.Load())
	}
}

type brokenStore struct{}

func (brokenStore) Spend(context.Context, []string, time.Time, time.Time) (int, error) {
	return -1, errors.New("connection refused")
}

func TestAStoreThatDoesNotAnswerSignsNobodyIn(t *testing.T) {
	l := samltest.NewLab()
	for name, store := range map[string]saml.Replay{"broken": brokenStore{}, "none": nil} {
		id, r := l.Provider(nil).Accept(t.Context(), samltest.Encode(l.Good(true, false)), samltest.Requests(), store, samltest.Now)
		if id != nil || r == nil || r.Reason != saml.StoreUnavailable || r.Cause == nil {
			t.Errorf("%s: got %v, %v", name, id, r)
		}
	}
}

func TestARefusedResponseSpendsNothing(t *testing.T) {
	l := samltest.NewLab()
	memory := &samltest.Memory{}
	p := l.Provider(nil)
	wrong := samltest.Vector{By: func(l *samltest.Lab, s *samltest.Signing) { s.Pair = l.Stranger }}
	if _, r := p.Accept(t.Context(), wrong.Message(l), samltest.Requests(), memory, samltest.Now); r == nil {
		t.Fatal("accepted a stranger")
	}
	if _, r := p.Accept(t.Context(), samltest.Vector{}.Message(l), samltest.Requests(), memory, samltest.Now); r != nil {
		t.Errorf("a stranger's message used up the right one: %v", r)
	}
}

func TestAProviderThatCouldNotVerifyIsNotMade(t *testing.T) {
	l := samltest.NewLab()
	for name, edit := range map[string]func(*saml.Config){
		"no metadata":       func(c *saml.Config) { c.IdP = nil },
		"no key":            func(c *saml.Config) { c.IdP.Keys = nil },
		"a nil certificate": func(c *saml.Config) { c.IdP.Keys = []saml.SigningKey{{}} },
		"only a weak key": func(c *saml.Config) {
			c.IdP.Keys = []saml.SigningKey{{Certificate: samltest.RSAPair("weak", 1024).Certificate}}
		},
		"no ACS":                      func(c *saml.Config) { c.ACS = "" },
		"a relative ACS":              func(c *saml.Config) { c.ACS = "/saml/okta/acs" },
		"an hour of skew":             func(c *saml.Config) { c.Skew = time.Hour },
		"an unknown policy":           func(c *saml.Config) { c.Signed = 9 },
		"a key of another":            func(c *saml.Config) { c.Keys[0].Certificate = c.Keys[1].Certificate },
		"signed requests without key": func(c *saml.Config) { c.Keys, c.SignRequests = nil, saml.Always },
		"no source":                   func(c *saml.Config) { c.Source = "" },
	} {
		c := l.Config()
		edit(&c)
		if p, err := saml.NewProvider(c); err == nil || p != nil {
			t.Errorf("%s: made a provider", name)
		}
	}
	var none *saml.Provider
	if _, r := none.Judge("x", nil, samltest.Now); r == nil || r.Reason != saml.SourceDisabled {
		t.Errorf("a nil provider says %v", r)
	}
	if _, r := new(saml.Provider).Judge("x", nil, samltest.Now); r == nil || r.Reason != saml.SourceDisabled {
		t.Errorf("an empty provider says %v", r)
	}
}

func TestTheRequestIsFoundWithoutRelayState(t *testing.T) {
	l := samltest.NewLab()
	p := l.Provider(nil)
	if id, r := p.InResponseTo(samltest.Vector{}.Message(l)); r != nil || id != samltest.RequestID {
		t.Errorf("got %q, %v", id, r)
	}
	for message, want := range map[string]saml.Reason{"": saml.ResponseMissing, "!": saml.InputBase64, samltest.Encode("<a/>"): saml.NotAResponse, samltest.Encode("<!DOCTYPE a><a/>"): saml.XMLDoctype} {
		if id, r := p.InResponseTo(message); id != "" || r == nil || r.Reason != want {
			t.Errorf("%q: %q, %v", message, id, r)
		}
	}
}

func TestNewMetadataMakeANewProvider(t *testing.T) {
	l := samltest.NewLab()
	old := l.Provider(func(c *saml.Config) { c.IdP.Keys = c.IdP.Keys[:1] })
	next := *l.Config().IdP
	p, err := old.With(&next)
	if err != nil {
		t.Fatal(err)
	}
	v := samltest.Vector{By: func(l *samltest.Lab, s *samltest.Signing) { s.Pair = l.Next }}
	if _, r := old.Judge(v.Message(l), v.Waiting(), samltest.Now); r == nil || r.Reason != saml.SignatureUntrusted {
		t.Errorf("the old one says %v", r)
	}
	if _, r := p.Judge(v.Message(l), v.Waiting(), samltest.Now); r != nil {
		t.Errorf("the new one says %v", r)
	}
	if _, err := old.With(&saml.IdP{EntityID: samltest.IdPEntity}); err == nil {
		t.Error("took metadata without a key")
	}
}

func TestMemoryIsAReplay(t *testing.T) {
	m := &samltest.Memory{}
	samltest.TestReplay(t, m, m)
}
