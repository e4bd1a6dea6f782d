package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/store"
)

func (a *app) mappingExportCommand() *cobra.Command {
	var version int64
	c := &cobra.Command{
		Use: "export [FILE]", Short: "write the live rules, or an earlier version, to FILE or standard output", Args: words("[FILE]"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				m, err := v.Mapping(c.Context(), version)
				if errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("there is no version %d; see mapping versions", version)
				}
				if err != nil {
					return err
				}
				return a.exportMapping(m, args)
			})
		},
	}
	c.Flags().Var(atLeast(1, &version, 0), "version", "this version instead of the live one")
	return c
}

func (a *app) exportMapping(m store.Mapping, args []string) error {
	if m.Version == 0 {
		return errors.New("no rules are live; apply some with: grantbridge mapping apply FILE")
	}
	if len(args) == 0 || args[0] == "-" {
		_, err := io.WriteString(a.out, m.Text)
		return err
	}
	if err := os.WriteFile(args[0], []byte(m.Text), 0o644); err != nil {
		return err
	}
	a.say("version %d is in %s", m.Version, args[0])
	return nil
}

// versionRow is one version for machines.
type versionRow struct {
	Version  int64     `json:"version"`
	Live     bool      `json:"live"`
	At       time.Time `json:"at"`
	Author   string    `json:"author"`
	Comment  string    `json:"comment"`
	Restores int64     `json:"restores,omitempty"`
}

func (a *app) mappingVersionsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "versions", Short: "every version of the rules, newest first", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.read(c.Context(), func(_ *bridge, v *store.View) error {
				all, err := v.Mappings(c.Context())
				if err != nil {
					return err
				}
				return a.listVersions(all)
			})
		},
	}
}

func (a *app) listVersions(all []store.Mapping) error {
	items := make([]versionRow, len(all))
	for i, m := range all {
		items[i] = versionRow{m.Version, i == 0, m.At, m.Author, m.Comment, m.Restores}
	}
	return list(a, items,
		column[versionRow]{"VERSION", func(r versionRow) string { return strconv.FormatInt(r.Version, 10) }},
		column[versionRow]{"LIVE", func(r versionRow) string { return yesOrDash(r.Live) }},
		column[versionRow]{"AT", func(r versionRow) string { return when(r.At) }},
		column[versionRow]{"BY", func(r versionRow) string { return r.Author }},
		column[versionRow]{"COMMENT", func(r versionRow) string { return orDash(r.Comment) }})
}

func yesOrDash(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}

func (a *app) mappingRestoreCommand() *cobra.Command {
	var yes bool
	var approve string
	c := a.reasons(&cobra.Command{
		Use: "restore VERSION", Short: "make an earlier version live again, through the guard", Args: words("VERSION"),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number64("VERSION", args[0])
			if err != nil {
				return err
			}
			return a.with(c.Context(), existing, func(b *bridge) error { return a.restore(c.Context(), b, n, yes, approve) })
		},
	})
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().StringVar(&approve, "approve", "", "do exactly the plan with this `hash`, whatever its size")
	return c
}

func (a *app) restore(ctx context.Context, b *bridge, n int64, yes bool, approve string) error {
	var m store.Mapping
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		m, err = v.Mapping(ctx, n)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no version %d; see mapping versions", n)
	}
	if err != nil {
		return err
	}
	p, err := b.Preview(ctx, fmt.Sprintf("version %d", n), []byte(m.Text))
	if err != nil {
		return err
	}
	if live, err := liveMapping(ctx, b.st); err != nil || live.Text == m.Text {
		a.say("the rules of version %d are live already, as version %d", n, live.Version)
		return err
	}
	if err := a.showPreview(b, p, false); err != nil {
		return err
	}
	if err := a.confirm(yes, fmt.Sprintf("Make version %d live again?", n)); err != nil {
		return err
	}
	v, _, err := b.RestoreMapping(ctx, a.by(), n, approve)
	if err == nil {
		a.say("version %d is live, with the rules of version %d", v, n)
	}
	return err
}
