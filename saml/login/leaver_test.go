package login_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"grantbridge/directory"
	"grantbridge/saml/login"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// TestNothingBringsALeaverBack: whatever SCIM, administrators and sign-ins did
// before, in whatever order and modes, a sign-in never makes an account active,
// never takes one out of the grave, and gives nobody an account beside one of
// his that was deleted, by subject or by login. Who is signed in has an active
// account of that subject.
func TestNothingBringsALeaverBack(t *testing.T) {
	eachTown(t, func(n *town) { n.groups = nil }, func(n *town) {
		for seed := range uint64(25) {
			h := &history{n: n, rand: rand.New(rand.NewPCG(seed, 0)), seed: seed, graves: map[string]bool{}, others: map[string]string{}}
			for range 20 {
				h.step()
			}
		}
	})
}

// history is one random history of two people.
type history struct {
	n      *town
	rand   *rand.Rand
	seed   uint64
	steps  []string
	others map[string]string // by login: live accounts with another external id
	graves map[string]bool   // logins of such accounts that were deleted
}

func (h *history) fatalf(format string, args ...any) {
	h.n.t.Helper()
	h.n.t.Fatalf("seed %d, %s: %s", h.seed, strings.Join(h.steps, ", "), fmt.Sprintf(format, args...))
}

func oneOf[T any](h *history, of ...T) T { return of[h.rand.IntN(len(of))] }

// all are the accounts of the two, by external id.
func (h *history) all() (live, dead []directory.Account) {
	h.n.kit.Read(func(v *store.View) error {
		for i := range 2 {
			a, err := v.SubjectAccount(context.Background(), "okta", "none", h.name(i))
			switch {
			case err != nil:
			case a.Deleted:
				dead = append(dead, a.Account)
			default:
				live = append(live, a.Account)
			}
		}
		return nil
	})
	return live, dead
}

func (h *history) name(i int) string { return fmt.Sprintf("r%d-%c", h.seed, 'a'+i) }

func (h *history) step() {
	who := h.name(h.rand.IntN(2))
	live, dead := h.all()
	i := slices.IndexFunc(live, func(a directory.Account) bool { return a.ExternalID == who })
	what := oneOf(h, "push", "push other", "delete other", "deactivate", "activate", "delete", "delete", "link", "sign in", "sign in", "sign in")
	h.steps = append(h.steps, what+" "+who)
	switch what {
	case "push":
		if i < 0 && h.others[who] == "" {
			h.n.kit.Do(storetest.NewAccount("okta", who, who))
		}
	case "push other": // the same login by another id
		if i < 0 && h.others[who] == "" {
			op := storetest.NewAccount("okta", who, "other-"+who)
			h.n.kit.Do(op)
			h.others[who] = op.After.UID
		}
	case "delete other":
		if uid := h.others[who]; uid != "" {
			h.n.kit.Do(storetest.DeleteAccount("okta", uid))
			delete(h.others, who)
			h.graves[who] = true
		}
	case "deactivate", "activate":
		if i >= 0 {
			h.n.kit.Do(storetest.EditAccount("okta", live[i].UID, func(x *directory.Account) { x.Active = what == "activate" }))
		}
	case "delete":
		if i >= 0 {
			h.n.kit.Do(storetest.DeleteAccount("okta", live[i].UID))
		}
	case "link":
		if len(live) > 0 {
			_ = h.n.kit.Try(&store.LinkSubject{Source: "okta", Subject: "attribute:" + who, Account: oneOf(h, live...).UID})
		}
	case "sign in":
		h.signIn(who, live, dead)
	}
}

// signIn signs in under a random mode and judges what became of the accounts.
func (h *history) signIn(who string, live, dead []directory.Account) {
	h.n.source.Mode = oneOf(h, login.Off, login.LinkOnly, login.Review, login.Create, login.Create)
	h.n.who = who
	h.n.open()
	was := map[string]bool{}
	for _, a := range live {
		was[a.UID] = a.Active
	}
	gone := maps.Clone(h.graves)
	for _, a := range dead {
		gone[a.ExternalID], gone[a.Login] = true, true
	}
	b := h.n.browser()
	b.signIn()
	in := b.in()
	after, _ := h.all()
	for _, a := range after {
		active, there := was[a.UID]
		switch {
		case there && a.Active && !active:
			h.fatalf("a sign-in of %s (%s) activated %s", who, h.n.source.Mode, a.Login)
		case !there && h.n.source.Mode != login.Create:
			h.fatalf("a sign-in of %s (%s) made %s", who, h.n.source.Mode, a.Login)
		case !there && (gone[a.ExternalID] || gone[a.Login]):
			h.fatalf("a sign-in of %s (%s) brought %s back", who, h.n.source.Mode, a.Login)
		}
	}
	if len(after) < len(live) {
		h.fatalf("a sign-in took accounts away: %d of %d are left", len(after), len(live))
	}
	h.entered(who, in)
}

// entered says that whoever is in has an active account of the subject.
func (h *history) entered(who string, in bool) {
	var found store.SubjectAccount
	err := h.n.kit.S.Read(context.Background(), func(v *store.View) (err error) {
		found, err = v.SubjectAccount(context.Background(), "okta", "attribute:"+who, who)
		return err
	})
	if good := err == nil && found.Active && !found.Deleted; in && !good {
		h.fatalf("%s (%s) is signed in with the account %+v (%v)", who, h.n.source.Mode, found, err)
	}
}

// TestALogHoldsNothingOfAnAssertion: sign-ins that work and that do not, at the
// most talkative level.
func TestALogHoldsNothingOfAnAssertion(t *testing.T) {
	oneTown(t, func(n *town) { n.source.Mode, n.source.Groups = login.Create, login.Apply }, func(n *town) {
		b := n.browser()
		to, v := b.ask()
		b.post(to, v)
		b.post(to, v) // once more
		n.who = "ext-stranger"
		n.source.Mode = login.Off
		n.open()
		n.browser().signIn()
		n.tryOut(n.browser())
		log := n.log.String()
		if strings.Count(log, "msg=sign-in") < 4 {
			n.t.Fatalf("the log does not tell of the sign-ins:\n%s", log)
		}
		for _, secret := range []string{v.Get("SAMLResponse")[:40], v.Get("RelayState"), "ext-clara", "ext-stranger", "Marketing", "Assertion"} {
			if strings.Contains(log, secret) {
				n.t.Errorf("the log holds %q:\n%s", secret, log)
			}
		}
	})
}
