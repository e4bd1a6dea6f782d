package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/ldapsync"
	"grantbridge/store"
)

func (a *app) syncCommand() *cobra.Command {
	c := group("sync", "read directories; see, approve or drop held plans",
		a.syncRunCommand(), a.syncPlanCommand(), a.syncListCommand(), a.syncShowCommand(), a.syncApplyCommand(), a.syncDiscardCommand(),
		a.syncSettleCommand())
	c.Long = "A plan over a limit is held until somebody approves exactly it, or drops it.\nRun and plan read the directory of a source with an ldap block."
	return c
}

// holdRow is a held plan for machines.
type holdRow struct {
	ID        int64     `json:"id"`
	Kind      string    `json:"kind"`
	Source    string    `json:"source,omitempty"`
	State     string    `json:"state"`
	Says      []string  `json:"says"`
	Hash      string    `json:"hash"`
	Base      int64     `json:"base"`
	Created   time.Time `json:"created"`
	Settled   time.Time `json:"settled,omitzero"`
	SettledBy string    `json:"settled_by,omitempty"`
	// Plan is what was held, as it was then.
	Plan json.RawMessage `json:"plan,omitempty"`
}

func (a *app) syncListCommand() *cobra.Command {
	var all, runs bool
	var source string
	c := &cobra.Command{
		Use: "list", Short: "the plans that a guard holds, or the last runs", Args: words(),
		Long: "SETTLED BY is who applied or dropped a plan, with --all; who or what made it is in\naudit search --action hold.put.",
		RunE: func(c *cobra.Command, _ []string) error {
			if runs {
				return a.with(c.Context(), existing, func(b *bridge) error { return a.listRuns(c.Context(), b, source) })
			}
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				holds, err := v.Holds(c.Context(), all)
				if err != nil {
					return err
				}
				if len(holds) == 0 && !all && a.people() {
					a.note("nothing is held; sync list --runs shows the last runs")
					return nil
				}
				return a.listHolds(holds, source)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "those already settled too")
	c.Flags().BoolVar(&runs, "runs", false, "the last reports instead")
	c.Flags().StringVar(&source, "source", "", "only of this source")
	return c
}

func (a *app) listHolds(holds []store.Hold, source string) error {
	var items []holdRow
	for _, h := range holds {
		if source == "" || source == h.Source {
			items = append(items, rowOf(h))
		}
	}
	return list(a, items,
		column[holdRow]{"ID", func(h holdRow) string { return strconv.FormatInt(h.ID, 10) }},
		column[holdRow]{"KIND", func(h holdRow) string { return h.Kind }},
		column[holdRow]{"SOURCE", func(h holdRow) string { return orDash(h.Source) }},
		column[holdRow]{"STATE", func(h holdRow) string { return h.State }},
		column[holdRow]{"SINCE", func(h holdRow) string { return when(h.Created) }},
		column[holdRow]{"SETTLED BY", func(h holdRow) string { return orDash(h.SettledBy) }},
		column[holdRow]{"HASH", func(h holdRow) string { return h.Hash }},
		column[holdRow]{"BECAUSE", func(h holdRow) string { return strings.Join(h.Says, "; ") }})
}

func (a *app) syncApplyCommand() *cobra.Command {
	var hash, source string
	var yes bool
	c := a.reasons(&cobra.Command{
		Use: "apply [ID]", Short: "do a held plan: exactly that plan, or nothing", Args: words("[ID]"),
		Long: "Apply shows the held plan and does it. --hash names the plan that you have seen;\nwithout it you are asked on a terminal. The directory is read again for the plan of\na run: what is done is what it says now, if that is still exactly this plan.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				id, err := b.pickHold(c.Context(), source, args)
				if err != nil {
					return err
				}
				return a.applyHold(c.Context(), b, id, hash, yes)
			})
		},
	})
	c.Flags().StringVar(&source, "source", "", "the one held plan of this `source`, instead of ID")
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
		a.showHold(b, h, false)
		if err := a.confirm(false, "Do this plan? (a script gives --hash "+h.Hash+")"); err != nil {
			return err
		}
		hash = h.Hash
	}
	if h.Kind == "ldap" {
		return a.applyHeldRun(ctx, b, h, hash)
	}
	v, err := b.ApplyHold(ctx, a.by(), id, hash)
	if err != nil {
		return err
	}
	if v == 0 {
		a.say("held plan %d is done", id)
		return nil
	}
	a.say("held plan %d is done; version %d of the rules is live", id, v)
	return nil
}

// applyHeldRun reads the directory again and does exactly the plan.
func (a *app) applyHeldRun(ctx context.Context, b *bridge, h store.Hold, hash string) error {
	w, err := b.worker(h.Source)
	if err != nil {
		return err
	}
	reading, progress, end := a.progress(h.Source)
	defer end()
	b.Approves(h.Source, func(ctx context.Context, by store.By, hash string) error {
		_, err := w.Once(ctx, by, ldapsync.RunOptions{Approve: hash, Reading: reading, Progress: progress})
		return err
	})
	if _, err := b.ApplyHold(ctx, a.by(), h.ID, hash); err != nil {
		return err
	}
	a.say("held plan %d is done", h.ID)
	return nil
}

// pickHold is the plan that an ID names, or the only one of the source.
func (b *bridge) pickHold(ctx context.Context, source string, args []string) (int64, error) {
	if len(args) > 0 {
		return number64("ID", args[0])
	}
	if source == "" {
		return 0, usage("ID is missing; write sync apply ID, or --source S for its only held plan")
	}
	var ids []int64
	err := b.st.Read(ctx, func(v *store.View) error {
		holds, err := v.Holds(ctx, false)
		for _, h := range holds {
			if h.Source == source {
				ids = append(ids, h.ID)
			}
		}
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case len(ids) == 0:
		return 0, fmt.Errorf("no plan of %s is held; see sync list", source)
	case len(ids) > 1:
		return 0, usage("%d plans of %s are held; say which by ID, see sync list", len(ids), source)
	}
	return ids[0], nil
}

func (b *bridge) hold(ctx context.Context, id int64) (store.Hold, error) {
	h, err := b.anyHold(ctx, id)
	if err == nil && h.State != "held" {
		return h, fmt.Errorf("plan %d was %s on %s", id, h.State, when(h.Settled))
	}
	return h, err
}

// anyHold is a plan that is or was held.
func (b *bridge) anyHold(ctx context.Context, id int64) (store.Hold, error) {
	var holds []store.Hold
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		holds, err = v.Holds(ctx, true)
		return err
	})
	if err != nil {
		return store.Hold{}, err
	}
	for _, h := range holds {
		if h.ID == id {
			return h, nil
		}
	}
	return store.Hold{}, fmt.Errorf("no plan %d is held; see sync list", id)
}

func (a *app) syncDiscardCommand() *cobra.Command {
	var source string
	c := a.reasons(&cobra.Command{
		Use: "discard [ID]", Short: "drop a held plan; nothing is changed", Args: words("[ID]"),
		Long: "Discard drops a held plan. As long as the directory says the same, the next run\nof its source holds it again.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				id, err := b.pickHold(c.Context(), source, args)
				if err != nil {
					return err
				}
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
	c.Flags().StringVar(&source, "source", "", "the one held plan of this `source`, instead of ID")
	return c
}

func number64(name, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, usage("%s is a number, not %q", name, text)
	}
	return n, nil
}
