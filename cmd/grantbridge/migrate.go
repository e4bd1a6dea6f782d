package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/store"
)

func (a *app) migrateCommand() *cobra.Command {
	return group("migrate", "the schema of the store", a.migrateUpCommand(), a.migrateStatusCommand())
}

func (a *app) migrateUpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "bring the schema up to date; makes a new store when there is none", Args: words(),
		Long: "Up is safe while the previous version still runs. On SQLite it keeps a copy beside\nthe file first.",
		RunE: func(c *cobra.Command, _ []string) error {
			l, dsn, err := a.dsn()
			if err != nil {
				return err
			}
			applied, err := store.Migrate(c.Context(), dsn)
			if err != nil {
				return fmt.Errorf("migrate %s: %w", config.MaskDSN(l.Store), hideDSN(err, dsn))
			}
			for _, m := range applied {
				a.say("applied %s", m)
			}
			if len(applied) == 0 {
				a.say("the schema is up to date")
			}
			return nil
		},
	}
}

func (a *app) dsn() (*config.Loaded, string, error) {
	l, err := a.load(config.Part)
	if err != nil {
		return nil, "", err
	}
	dsn, err := l.DSN()
	return l, dsn, err
}

// migrationRow is one step for machines.
type migrationRow struct {
	Version int64     `json:"version"`
	Name    string    `json:"name"`
	Applied time.Time `json:"applied,omitzero"`
}

func (a *app) migrateStatusCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use: "status", Short: "the steps of the schema, and when each was applied", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			l, dsn, err := a.dsn()
			if err != nil {
				return err
			}
			if err := mustExist(dsn); err != nil {
				return err
			}
			steps, err := store.MigrationStatus(c.Context(), dsn)
			if err != nil {
				return fmt.Errorf("migrate %s: %w", config.MaskDSN(l.Store), hideDSN(err, dsn))
			}
			if err := a.listMigrations(steps); err != nil || !check {
				return err
			}
			return pendingSteps(steps)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "exit 6 when a step is missing")
	return c
}

func pendingSteps(steps []store.Migration) error {
	for _, s := range steps {
		if s.Applied.IsZero() {
			return errPending
		}
	}
	return nil
}

func (a *app) listMigrations(steps []store.Migration) error {
	rows := make([]migrationRow, len(steps))
	for i, s := range steps {
		rows[i] = migrationRow(s)
	}
	return list(a, rows,
		column[migrationRow]{"VERSION", func(m migrationRow) string { return strconv.FormatInt(m.Version, 10) }},
		column[migrationRow]{"NAME", func(m migrationRow) string { return m.Name }},
		column[migrationRow]{"APPLIED", func(m migrationRow) string { return when(m.Applied) }})
}
