package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"grantbridge/access"
	"grantbridge/internal/handler"
	"grantbridge/store"
)

// The plans that a guard holds, of directories' runs, of rules and of sites, for
// administrators.

// heldPlan is a held plan on the wire.
type heldPlan struct {
	ID     int64    `json:"id"`
	Kind   string   `json:"kind" jsonschema:"enum=ldap,enum=mapping,enum=sites"`
	Source string   `json:"source,omitempty"`
	State  string   `json:"state" jsonschema:"enum=held,enum=applied,enum=discarded,enum=superseded"`
	Says   []string `json:"says"` // why it is held
	Hash   string   `json:"hash"`
	// Base is the revision that it was made on.
	Base      int64      `json:"base"`
	Created   time.Time  `json:"created"`
	Settled   *time.Time `json:"settled,omitempty"`
	SettledBy string     `json:"settled_by,omitempty"`
	// Plan is what would be done, as it was when it was held; in lists it is left
	// out.
	Plan json.RawMessage `json:"plan,omitempty"`
}

type planList struct {
	Plans []heldPlan `json:"plans"` // the newest first
}

func planOf(h store.Hold, whole bool) heldPlan {
	p := heldPlan{ID: h.ID, Kind: h.Kind, Source: h.Source, State: h.State, Says: h.Says, Hash: h.Hash, Base: h.Base, Created: h.Created, SettledBy: h.By}
	if p.Says == nil {
		p.Says = []string{}
	}
	if !h.Settled.IsZero() {
		p.Settled = &h.Settled
	}
	if whole {
		p.Plan = h.Plan
	}
	return p
}

func (d *door) holds(ctx context.Context, all bool) (found []store.Hold, err error) {
	err = d.engine.Store().Read(ctx, func(v *store.View) (err error) {
		found, err = v.Holds(ctx, all)
		return err
	})
	return found, err
}

// plans lists the plans that are held.
func (d *door) plans(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.authorised(r, access.ManageAction); err != nil {
		return err
	}
	q, err := filters(r, "source", "kind", "state")
	if err != nil {
		return err
	}
	state := cmp.Or(q["state"], "held")
	if !slices.Contains([]string{"held", "all"}, state) {
		return handler.Bad("state must be held or all")
	}
	found, err := d.holds(r.Context(), state == "all")
	if err != nil {
		return err
	}
	out := planList{Plans: []heldPlan{}}
	for _, h := range found {
		if cmp.Or(q["source"], h.Source) == h.Source && cmp.Or(q["kind"], h.Kind) == h.Kind {
			out.Plans = append(out.Plans, planOf(h, false))
		}
	}
	return sendJSON(w, out)
}

// findPlan is the plan that the path names, settled ones too.
func (d *door) findPlan(r *http.Request) (store.Hold, error) {
	found, err := d.holds(r.Context(), true)
	if err != nil {
		return store.Hold{}, err
	}
	i := slices.IndexFunc(found, func(h store.Hold) bool { return strconv.FormatInt(h.ID, 10) == r.PathValue("id") })
	if i < 0 {
		return store.Hold{}, &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is no such plan"}
	}
	return found[i], nil
}

// plan is one plan whole.
func (d *door) plan(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.authorised(r, access.ManageAction); err != nil {
		return err
	}
	h, err := d.findPlan(r)
	if err != nil {
		return err
	}
	return sendJSON(w, planOf(h, true))
}

// approval is what approving a plan takes.
type approval struct {
	// Hash is of the plan that the caller has seen.
	Hash   string `json:"hash" jsonschema:"minLength=1"`
	Reason string `json:"reason,omitempty"`
	Ticket string `json:"ticket,omitempty"`
}

// dropping is what discarding a plan takes.
type dropping struct {
	Reason string `json:"reason,omitempty"`
	Ticket string `json:"ticket,omitempty"`
}

// applyTime is how long a directory may take to be read again.
const applyTime = 4 * time.Minute

// applyPlan does exactly the plan that the caller has seen, or nothing. A caller
// who goes away does not cut it.
func (d *door) applyPlan(w http.ResponseWriter, r *http.Request) error {
	by, err := d.authorised(r, superuserAction)
	if err != nil {
		return err
	}
	var in approval
	if err := readBody(w, r, &in, false); err != nil {
		return err
	}
	if in.Hash == "" {
		return handler.Bad("hash is missing; it is the plan's, so that only a plan that was seen is done")
	}
	by.Reason, by.Ticket = in.Reason, in.Ticket
	return d.settle(w, r, func(ctx context.Context, h store.Hold) error {
		_, err := d.engine.ApplyHold(ctx, by, h.ID, in.Hash)
		return err
	})
}

// discardPlan drops a plan; nothing else is changed.
func (d *door) discardPlan(w http.ResponseWriter, r *http.Request) error {
	by, err := d.authorised(r, superuserAction)
	if err != nil {
		return err
	}
	var in dropping
	if err := readBody(w, r, &in, true); err != nil {
		return err
	}
	by.Reason, by.Ticket = in.Reason, in.Ticket
	return d.settle(w, r, func(ctx context.Context, h store.Hold) error { return d.engine.DiscardHold(ctx, by, h.ID) })
}

// settle ends the plan that the path names by f, and answers with what became of
// it.
func (d *door) settle(w http.ResponseWriter, r *http.Request, f func(context.Context, store.Hold) error) error {
	h, err := d.findPlan(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), applyTime)
	defer cancel()
	if err := f(ctx, h); err != nil {
		if p := refused(err); p != nil {
			return p
		}
		return err
	}
	if h, err = d.findPlan(r.WithContext(ctx)); err != nil {
		return err
	}
	return sendJSON(w, planOf(h, false))
}
