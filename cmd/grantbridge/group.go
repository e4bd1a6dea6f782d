package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) groupCommand() *cobra.Command {
	return group("group", "the groups that identity providers sent", a.groupListCommand())
}

// groupRow is a group for machines.
type groupRow struct {
	Source     string   `json:"source"`
	Name       string   `json:"name"`
	ID         string   `json:"id"`
	ExternalID string   `json:"external_id,omitempty"`
	DN         string   `json:"dn,omitempty"`
	Members    int      `json:"members"`
	State      string   `json:"state"`
	Rules      []string `json:"rules"`
	Near       string   `json:"near,omitempty"`
}

func (a *app) groupListCommand() *cobra.Command {
	var source, state string
	c := &cobra.Command{
		Use: "list", Short: "every group ever seen, and what the rules do with it", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.listGroups(c.Context(), b, source, state) })
		},
	}
	c.Flags().StringVar(&source, "source", "", "only of this source")
	c.Flags().StringVar(&state, "state", "", "only matched, unmatched, near or gone")
	return c
}

func (a *app) listGroups(ctx context.Context, b *bridge, source, state string) error {
	states := []string{"matched", "unmatched", "near", "gone"}
	if state != "" && !slices.Contains(states, state) {
		return usage("--state: no %q; there are %s", state, strings.Join(states, ", "))
	}
	groups, err := b.Groups(ctx)
	if err != nil {
		return err
	}
	var rows []groupRow
	for _, g := range groups {
		if (source == "" || source == g.Group.Source) && (state == "" || state == g.State) {
			rows = append(rows, groupRow{g.Group.Source, g.Group.Display, g.Group.UID, g.Group.ExternalID, g.Group.DN, g.Group.Members, g.State, g.Rules, g.Near})
		}
	}
	return list(a, rows,
		column[groupRow]{"SOURCE", func(g groupRow) string { return g.Source }},
		column[groupRow]{"NAME", func(g groupRow) string { return g.Name }},
		column[groupRow]{"MEMBERS", func(g groupRow) string { return strconv.Itoa(g.Members) }},
		column[groupRow]{"STATE", func(g groupRow) string { return g.State }},
		column[groupRow]{"RULES", func(g groupRow) string { return orDash(strings.Join(g.Rules, ", ")) }},
		column[groupRow]{"NEAR", func(g groupRow) string { return orDash(g.Near) }})
}
