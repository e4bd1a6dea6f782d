package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/store"
)

func (a *app) siteCommand() *cobra.Command {
	return group("site", "the catalogue of sites", a.siteAddCommand(), a.siteListCommand(), a.siteImportCommand())
}

func (a *app) siteAddCommand() *cobra.Command {
	var labels map[string]string
	var bare, plan bool
	c := a.reasons(&cobra.Command{
		Use: "add ID SLUG [NAME]", Short: "add a site, or change the one with that id",
		Long: `Add adds a site, or changes the one with that id. It keeps its name and labels
when none are given; --label replaces all labels, and --no-labels takes them away.
Whose access that changes is shown; --plan only shows it. ` + siteGuard,
		Example: `  grantbridge site add 20 staging-shop-eu "Staging shop EU" --label region=eu --label tier=staging`,
		Args:    words("ID", "SLUG", "[NAME]"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := number64("ID", args[0])
			if err != nil {
				return err
			}
			s := access.Site{ID: access.SiteID(id), Slug: args[1], Name: strings.Join(args[2:], ""), Labels: labels}
			return a.addSite(c.Context(), s, bare || c.Flags().Changed("label"), plan)
		},
	})
	c.Flags().BoolVar(&plan, "plan", false, "only show what would change")
	c.Flags().StringToStringVar(&labels, "label", nil, "`labels`, as region=eu")
	c.Flags().BoolVar(&bare, "no-labels", false, "without labels, whatever it had")
	c.MarkFlagsMutuallyExclusive("label", "no-labels")
	return c
}

// addSite puts a site; what is not said of it stays as it is. labelled tells that
// its labels were.
func (a *app) addSite(ctx context.Context, s access.Site, labelled, plan bool) error {
	return a.with(ctx, mayMake, func(b *bridge) error {
		if old, err := b.FindSite(strconv.FormatInt(int64(s.ID), 10)); err == nil && old.ID == s.ID {
			s.Name = cmp.Or(s.Name, old.Name)
			if !labelled {
				s.Labels = old.Labels
			}
		}
		s.Name = cmp.Or(s.Name, s.Slug)
		return a.putSites(ctx, b, []access.Site{s}, plan)
	})
}

func (a *app) siteListCommand() *cobra.Command {
	var labels map[string]string
	c := &cobra.Command{
		Use: "list", Short: "every site with its labels", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				sites, _, err := v.Sites(c.Context(), 0)
				if err != nil {
					return err
				}
				return a.listSites(slices.DeleteFunc(sites, func(s access.Site) bool { return !hasLabels(s, labels) }))
			})
		},
	}
	c.Flags().StringToStringVar(&labels, "label", nil, "only with these `labels`, as region=eu")
	return c
}

func hasLabels(s access.Site, labels map[string]string) bool {
	for k, v := range labels {
		if s.Labels[k] != v {
			return false
		}
	}
	return true
}

func (a *app) listSites(sites []access.Site) error {
	return list(a, sites,
		column[access.Site]{"ID", func(s access.Site) string { return strconv.FormatInt(int64(s.ID), 10) }},
		column[access.Site]{"SLUG", func(s access.Site) string { return s.Slug }},
		column[access.Site]{"NAME", func(s access.Site) string { return s.Name }},
		column[access.Site]{"LABELS", func(s access.Site) string { return labelText(s.Labels) }})
}

func labelText(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return orDash(strings.Join(out, ","))
}

func (a *app) siteImportCommand() *cobra.Command {
	var plan bool
	c := a.reasons(&cobra.Command{
		Use: "import FILE", Short: "add or change many sites from CSV, YAML or JSON", Args: words("FILE"),
		Long: `Import reads a CSV file with the columns id, slug, name and labels
(region=eu,tier=prod or region=eu;tier=prod), as site list -o csv writes it, or a YAML or JSON file with
a sites: list as in the configuration. - is standard input. It is all or nothing.
Whose access that changes is shown; --plan only shows it. ` + siteGuard,
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.readInput(args[0])
			if err != nil {
				return err
			}
			sites, err := readSites(args[0], text)
			if err != nil {
				return err
			}
			return a.with(c.Context(), mayMake, func(b *bridge) error { return a.putSites(c.Context(), b, sites, plan) })
		},
	})
	c.Flags().BoolVar(&plan, "plan", false, "only show what would change")
	return c
}

func readSites(name string, text []byte) ([]access.Site, error) {
	head, _, _ := bytes.Cut(text, []byte("\n"))
	if filepath.Ext(name) == ".csv" || bytes.HasPrefix(bytes.ToLower(head), []byte("id,")) {
		return readSitesCSV(name, text)
	}
	if t := bytes.TrimSpace(text); bytes.HasPrefix(t, []byte("[")) || bytes.HasPrefix(t, []byte("- ")) {
		return nil, invalid(fmt.Errorf("%s: a sites: key is expected above the list", name))
	}
	var doc struct {
		Sites []config.Site `yaml:"sites"`
	}
	if _, err := strict.Decode(name, text, &doc, nil); err != nil {
		return nil, err
	}
	c := config.Config{Sites: doc.Sites}
	return namedSites(c.AccessSites()), nil
}

func namedSites(sites []access.Site) []access.Site {
	for i, s := range sites {
		if s.Name == "" {
			sites[i].Name = s.Slug
		}
	}
	return sites
}

func readSitesCSV(name string, text []byte) ([]access.Site, error) {
	r := csv.NewReader(bytes.NewReader(text))
	rows, err := r.ReadAll()
	if err != nil {
		return nil, invalid(fmt.Errorf("%s: %w", name, err))
	}
	if len(rows) == 0 {
		return nil, invalid(fmt.Errorf("%s is empty; its first line names the columns: id,slug,name,labels", name))
	}
	at := map[string]int{}
	for i, h := range rows[0] {
		at[strings.ToLower(strings.TrimSpace(h))] = i
	}
	for _, need := range []string{"id", "slug"} {
		if _, ok := at[need]; !ok {
			return nil, invalid(fmt.Errorf("%s:1: the column %s is missing; there are %s", name, need, strings.Join(rows[0], ", ")))
		}
	}
	var sites []access.Site
	for i, row := range rows[1:] {
		s, err := siteOfRow(row, at)
		if err != nil {
			return nil, invalid(fmt.Errorf("%s:%d: %w", name, i+2, err))
		}
		sites = append(sites, s)
	}
	return namedSites(sites), nil
}

func siteOfRow(row []string, at map[string]int) (access.Site, error) {
	id, err := strconv.ParseInt(row[at["id"]], 10, 64)
	if err != nil || id < 1 {
		return access.Site{}, fmt.Errorf("%q is no site id", row[at["id"]])
	}
	s := access.Site{ID: access.SiteID(id), Slug: row[at["slug"]]}
	if i, ok := at["name"]; ok {
		s.Name = row[i]
	}
	i, ok := at["labels"]
	if !ok || row[i] == "" || row[i] == "-" {
		return s, nil
	}
	s.Labels = map[string]string{}
	for l := range strings.FieldsFuncSeq(row[i], func(r rune) bool { return r == ',' || r == ';' }) {
		k, v, ok := strings.Cut(l, "=")
		if !ok {
			return s, fmt.Errorf("label %q: write key=value", l)
		}
		s.Labels[k] = v
	}
	return s, nil
}
