package demoidp

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	samllib "github.com/crewjam/saml"

	"grantbridge/saml"
)

// peer speaks logout with an application. It is our side's Provider with the
// parts swapped: "the identity provider" is the application. An application
// without a key or a logout URL has none.
func (p *IdP) peer(a *app) (*saml.Provider, error) {
	other := &saml.IdP{EntityID: a.entity.EntityID}
	for _, k := range a.role.KeyDescriptors {
		if k.Use != "" && k.Use != "signing" {
			continue
		}
		for _, c := range k.KeyInfo.X509Data.X509Certificates {
			raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.Data), ""))
			if err != nil {
				return nil, fmt.Errorf("a certificate of %s: %w", other.EntityID, err)
			}
			certificate, err := x509.ParseCertificate(raw)
			if err != nil {
				return nil, fmt.Errorf("a certificate of %s: %w", other.EntityID, err)
			}
			other.Keys = append(other.Keys, saml.SigningKey{Certificate: certificate})
		}
	}
	for _, e := range a.role.SingleLogoutServices {
		other.SLO = append(other.SLO, saml.Endpoint{Binding: saml.Binding(e.Binding), Location: e.Location, Response: e.ResponseLocation})
	}
	if len(other.Keys) == 0 || len(other.SLO) == 0 {
		return nil, nil
	}
	return saml.NewProvider(saml.Config{Source: other.EntityID, EntityID: p.EntityID(), ACS: p.url("/sso"), SLO: p.url("/slo"),
		IdP: other, Keys: []saml.Key{p.c.Key}})
}

// Spend implements saml.Replay in memory.
func (p *IdP) Spend(_ context.Context, keys []string, _, _ time.Time) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if i := slices.IndexFunc(keys, func(k string) bool { return p.spent[k] }); i >= 0 {
		return i, nil
	}
	for _, k := range keys {
		p.spent[k] = true
	}
	return -1, nil
}

// end takes the sessions away that are meant.
func (p *IdP) end(app string, meant func(signedIn) bool) (ended []signedIn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.sessions = slices.DeleteFunc(p.sessions, func(s signedIn) bool {
		gone := s.App == app && meant(s)
		if gone {
			ended = append(ended, s)
		}
		return gone
	})
	return ended
}

// logout ends one session here, and asks the application to end it there.
func (p *IdP) logout(w http.ResponseWriter, r *http.Request) error {
	a := p.app(r.FormValue("app"))
	if a == nil || a.peer == nil {
		return errors.New("this application has no single logout")
	}
	index := r.FormValue("session")
	ended := p.end(a.entity.EntityID, func(s signedIn) bool { return s.ref.SessionIndex == index })
	if len(ended) == 0 {
		return errors.New("this session is over already")
	}
	relay := rand.Text()
	m, q, err := a.peer.LogoutRequest(ended[0].ref, relay, time.Now())
	if err != nil {
		return err
	}
	p.mutex.Lock()
	p.waiting[relay] = q
	p.mutex.Unlock()
	return p.send(w, m)
}

// slo takes logout messages of applications, both bindings.
func (p *IdP) slo(w http.ResponseWriter, r *http.Request) error {
	in := saml.Incoming{Binding: saml.Redirect, RawQuery: r.URL.RawQuery}
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return err
		}
		in = saml.Incoming{Binding: saml.POST, Form: r.PostForm}
	}
	take := p.asked
	if kind, no := in.Kind(); no != nil {
		return no
	} else if kind == "SAMLResponse" {
		take = p.answered
	}
	// Which application it is from shows when its keys fit.
	err := errors.New("no application here has single logout")
	for _, id := range p.appIDs() {
		a := p.app(id)
		if a.peer == nil {
			continue
		}
		m, no := take(r, a, in)
		if no == nil {
			return p.done(w, m)
		}
		err = no
	}
	return err
}

// asked takes an application's logout request, and makes the answer to it.
func (p *IdP) asked(r *http.Request, a *app, in saml.Incoming) (*saml.Message, error) {
	out, no := a.peer.AcceptLogoutRequest(r.Context(), in, p, time.Now())
	if no != nil {
		return nil, no
	}
	p.end(a.entity.EntityID, func(s signedIn) bool { return out.Ends(s.ref) })
	m, err := a.peer.LogoutResponse(out, saml.LogoutDone, time.Now())
	return &m, err
}

// answered takes the answer to a logout request of ours.
func (p *IdP) answered(r *http.Request, a *app, in saml.Incoming) (*saml.Message, error) {
	relay := r.FormValue("RelayState")
	p.mutex.Lock()
	defer p.mutex.Unlock()
	q, ok := p.waiting[relay]
	if !ok || q.Source != a.entity.EntityID {
		return nil, errors.New("nobody waits for this answer")
	}
	if _, no := a.peer.AcceptLogoutResponse(in, []saml.Request{q}, time.Now()); no != nil {
		return nil, no
	}
	delete(p.waiting, relay)
	return nil, nil
}

func (p *IdP) done(w http.ResponseWriter, m *saml.Message) error {
	if m != nil {
		return p.send(w, *m)
	}
	return p.page(w, http.StatusOK, "signedout", "Signed out", nil)
}

// send sends a message off, as its binding has it.
func (p *IdP) send(w http.ResponseWriter, m saml.Message) error {
	if m.Binding == saml.Redirect {
		w.Header().Set("Location", m.URL)
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	return p.page(w, http.StatusOK, "post", "Back to the application", m)
}

var _ samllib.ServiceProviderProvider = (*IdP)(nil)
