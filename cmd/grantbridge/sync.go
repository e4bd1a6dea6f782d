package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/mapping"
	"grantbridge/store"
)

func (a *app) syncCommand() *cobra.Command {
	c := group("sync", "held plans: see, approve or drop them",
		a.syncListCommand(), a.syncApplyCommand(), a.syncDiscardCommand())
	c.Long = "A plan over a limit is held until somebody approves exactly it, or drops it.\nReading directories (sync run, sync plan) comes with the LDAP door, which this\nversion does not have yet."
	return c
}

// holdRow is a held plan for machines.
type holdRow struct {
	ID      int64     `json:"id"`
	Kind    string    `json:"kind"`
	Source  string    `json:"source,omitempty"`
	State   string    `json:"state"`
	Says    []string  `json:"says"`
	Hash    string    `json:"hash"`
	Base    int64     `json:"base"`
	Created time.Time `json:"created"`
	By      string    `json:"by"`
	// Plan is what was held, as it was then.
	Plan json.RawMessage `json:"plan,omitempty"`
}

func (a *app) syncListCommand() *cobra.Command {
	var all bool
	var source string
	c := &cobra.Command{
		Use: "list", Short: "the plans that a guard holds", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				holds, err := v.Holds(c.Context(), all)
				if err != nil {
					return err
				}
				return a.listHolds(holds, source)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "those already settled too")
	c.Flags().StringVar(&source, "source", "", "only of this source")
	return c
}

func (a *app) listHolds(holds []store.Hold, source string) error {
	var items []holdRow
	for _, h := range holds {
		if source == "" || source == h.Source {
			items = append(items, holdRow{h.ID, h.Kind, h.Source, h.State, h.Says, h.Hash, h.Base, h.Created, h.By, json.RawMessage(h.Plan)})
		}
	}
	return list(a, items,
		column[holdRow]{"ID", func(h holdRow) string { return strconv.FormatInt(h.ID, 10) }},
		column[holdRow]{"KIND", func(h holdRow) string { return h.Kind }},
		column[holdRow]{"SOURCE", func(h holdRow) string { return orDash(h.Source) }},
		column[holdRow]{"STATE", func(h holdRow) string { return h.State }},
		column[holdRow]{"SINCE", func(h holdRow) string { return when(h.Created) }},
		column[holdRow]{"BY", func(h holdRow) string { return orDash(h.By) }},
		column[holdRow]{"HASH", func(h holdRow) string { return h.Hash }},
		column[holdRow]{"BECAUSE", func(h holdRow) string { return strings.Join(h.Says, "; ") }})
}

func (a *app) syncApplyCommand() *cobra.Command {
	var hash string
	var yes bool
	c := a.reasons(&cobra.Command{
		Use: "apply ID", Short: "do a held plan: exactly that plan, or nothing", Args: words("ID"),
		Long: "Apply shows the held plan and does it. --hash names the plan that you have seen;\nwithout it you are asked on a terminal.",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := number64("ID", args[0])
			if err != nil {
				return err
			}
			return a.with(c.Context(), existing, func(b *bridge) error { return a.applyHold(c.Context(), b, id, hash, yes) })
		},
	})
	c.Flags().StringVar(&hash, "hash", "", "the plan's `hash`, from sync list")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask; needs --hash")
	return c
}

func (a *app) applyHold(ctx context.Context, b *bridge, id int64, hash string, yes bool) error {
	h, err := b.hold(ctx, id)
	if err != nil {
		return err
	}
	if hash == "" {
		if yes {
			return usage("--yes needs --hash, so that only a plan that was seen is done")
		}
		a.showHold(b, h)
		if err := a.confirm(false, "Do this plan? (a script gives --hash "+h.Hash+")"); err != nil {
			return err
		}
		hash = h.Hash
	}
	v, err := b.ApplyHold(ctx, a.by(), id, hash)
	if err != nil {
		return fmt.Errorf("held plan %d: %w", id, err)
	}
	a.say("held plan %d is done; version %d of the rules is live", id, v)
	return nil
}

func (b *bridge) hold(ctx context.Context, id int64) (store.Hold, error) {
	var holds []store.Hold
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		holds, err = v.Holds(ctx, true)
		return err
	})
	if err != nil {
		return store.Hold{}, err
	}
	for _, h := range holds {
		if h.ID == id && h.State == "held" {
			return h, nil
		}
		if h.ID == id {
			return h, fmt.Errorf("plan %d was %s on %s", id, h.State, when(h.Settled))
		}
	}
	return store.Hold{}, fmt.Errorf("no plan %d is held; see sync list", id)
}

func (a *app) showHold(b *bridge, h store.Hold) {
	for _, s := range h.Says {
		a.say("%s", s)
	}
	var p mapping.Plan
	if json.Unmarshal(h.Plan, &p) == nil {
		a.writePlan(b, &p, b.cfg.Limits.PeopleChanged.String(), false)
	}
}

func (a *app) syncDiscardCommand() *cobra.Command {
	return a.reasons(&cobra.Command{
		Use: "discard ID", Short: "drop a held plan; nothing is changed", Args: words("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := number64("ID", args[0])
			if err != nil {
				return err
			}
			return a.with(c.Context(), existing, func(b *bridge) error {
				if _, err := b.hold(c.Context(), id); err != nil {
					return err
				}
				if err := b.DiscardHold(c.Context(), a.by(), id); err != nil {
					return err
				}
				a.say("held plan %d is dropped; nothing was changed", id)
				return nil
			})
		},
	})
}

func number64(name, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, usage("%s is a number, not %q", name, text)
	}
	return n, nil
}
