package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
)

func (a *app) syncShowCommand() *cobra.Command {
	var source string
	var all bool
	c := &cobra.Command{
		Use: "show [ID]", Short: "a held plan in full, or the last report of a source", Args: words("[ID]"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error {
				if len(args) == 0 {
					return a.showReport(c.Context(), b, source)
				}
				id, err := number64("ID", args[0])
				if err != nil {
					return err
				}
				h, err := b.anyHold(c.Context(), id)
				if err != nil {
					return err
				}
				if !a.people() {
					return a.encode(rowOf(h))
				}
				if h.State != "held" {
					a.say("plan %d was %s at %s; it waits for nobody", h.ID, h.State, when(h.Settled))
				}
				a.showHold(b, h, all)
				return nil
			})
		},
	}
	c.Flags().StringVar(&source, "source", "", "the last report of this `source`")
	c.Flags().BoolVar(&all, "all", false, "everybody and every step")
	return c
}

func (a *app) showReport(ctx context.Context, b *bridge, source string) error {
	reports, err := b.Reports(ctx, source, 1)
	if err != nil {
		return err
	}
	if len(reports) == 0 {
		a.note("no run of %s yet; grantbridge sync run", orElseAny(source))
		return nil
	}
	p := &reports[0]
	if !a.people() {
		return a.encode(p)
	}
	a.writeRun(p)
	a.say("  run %d by %s, %s to %s, %s in a row", p.ID, p.By, when(p.Started), when(p.Ended), count(p.Times, "time"))
	return nil
}

func orElseAny(source string) string {
	if source == "" {
		return "any source"
	}
	return source
}

// listRuns lists the reports that are kept.
func (a *app) listRuns(ctx context.Context, b *bridge, source string) error {
	reports, err := b.Reports(ctx, source, 200)
	if err != nil {
		return err
	}
	type row = provision.SyncReport
	return list(a, reports,
		column[row]{"RUN", func(p row) string { return strconv.FormatInt(p.ID, 10) }},
		column[row]{"SOURCE", func(p row) string { return p.Source }},
		column[row]{"STATE", func(p row) string { return string(p.State) }},
		column[row]{"TIMES", func(p row) string { return strconv.Itoa(p.Times) }},
		column[row]{"ENDED", func(p row) string { return when(p.Ended) }},
		column[row]{"MODE", func(p row) string { return orDash(p.Mode) }},
		column[row]{"BY", func(p row) string { return orDash(p.By) }},
		column[row]{"SAYS", func(p row) string { return strings.Join(p.Says, "; ") }})
}

// showHold prints what a held plan would do.
func (a *app) showHold(b *bridge, h store.Hold, all bool) {
	for _, s := range h.Says {
		a.say("%s", s)
	}
	if h.Kind == "ldap" {
		var p provision.SyncPlan
		if json.Unmarshal(h.Plan, &p) == nil && p.Effect != nil {
			p.Breaches = nil // said above
			a.writeSyncPlan(b, &p, all)
		}
		return
	}
	if p, ok := heldSites(h); ok {
		a.writeSitesPlan(b, p, all)
		return
	}
	var p mapping.Plan
	if json.Unmarshal(h.Plan, &p) == nil {
		a.writePlan(b, &p, b.cfg.Limits.PeopleChanged.String(), all)
	}
}

func rowOf(h store.Hold) holdRow {
	return holdRow{h.ID, h.Kind, h.Source, h.State, h.Says, h.Hash, h.Base, h.Created, h.Settled, h.By, json.RawMessage(h.Plan)}
}
