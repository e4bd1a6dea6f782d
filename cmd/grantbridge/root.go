package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/store"
)

// app is one run of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)

	configFile string
	storeName  string
	format     format
	quiet      bool
	why        why
}

// why is what a change is made for; the audit keeps it.
type why struct{ reason, ticket string }

// run does what args say and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return a.exit(root.ExecuteContext(ctx))
}

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:           "grantbridge",
		Short:         "who may do what, on which site, by what the identity providers say",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%v; see %s --help", err, c.CommandPath())
	})
	f := c.PersistentFlags()
	f.StringVar(&a.configFile, "config", "", "configuration `file` (default ./config.yaml, or $GRANTBRIDGE_CONFIG)")
	f.StringVar(&a.storeName, "store", "", "store, instead of the configuration's: sqlite:FILE or postgres://…")
	f.VarP(&a.format, "output", "o", "table, json, jsonl, csv or yaml")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print results only")
	c.AddCommand(
		a.serveCommand(), a.demoCommand(), a.configCommand(), a.mappingCommand(),
		a.explainCommand(), a.whoCanCommand(), a.whatCanCommand(), a.syncCommand(), a.ldapCommand(),
		a.scimCommand(), a.scimTokenCommand(), a.tokenCommand(), a.personCommand(), a.grantCommand(),
		a.loginCommand(), a.sessionCommand(), a.siteCommand(), a.groupCommand(), a.eventsCommand(), a.auditCommand(), a.exportCommand(), a.importCommand(),
		a.migrateCommand(), a.doctorCommand(), a.versionCommand(), completionCommand(),
	)
	return c
}

// group makes a command that only has subcommands.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: subcommand,
		RunE: func(c *cobra.Command, _ []string) error {
			return usage("%s needs a command: %s", c.CommandPath(), strings.Join(names(c), ", "))
		},
	}
	c.AddCommand(sub...)
	return c
}

// subcommand refuses words that name no subcommand, with the nearest.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if n := strict.Nearest(args[0], names(c)); n != "" {
		return usage("no command %q; did you mean %s %s?", args[0], c.CommandPath(), n)
	}
	return usage("no command %q; %s has %s", args[0], c.CommandPath(), strings.Join(names(c), ", "))
}

func names(c *cobra.Command) []string {
	var out []string
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() {
			out = append(out, s.Name())
		}
	}
	return out
}

// words requires one argument for each name; a name in [] may be left out.
func words(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		for i, n := range names {
			if i >= len(args) && !strings.HasPrefix(n, "[") {
				return usage("%s is missing; write %s", n, c.UseLine())
			}
		}
		if len(args) > len(names) {
			return usage("%q is one word too many; write %s", args[len(names)], c.UseLine())
		}
		return nil
	}
}

// reasons adds the flags that say why a change is made.
func (a *app) reasons(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.why.reason, "reason", "", "why, for the audit")
	c.Flags().StringVar(&a.why.ticket, "ticket", "", "ticket, for the audit")
	return c
}

// by says that this command does it.
func (a *app) by() store.By {
	return store.By{Actor: "cli:" + osUser(), Via: "cli", Reason: a.why.reason, Ticket: a.why.ticket, Lane: store.LaneLogin}
}

func osUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprint(os.Getuid())
}

// parseTime reads a moment: RFC 3339, a day (its end when end is set), or a
// time from now as "48h" or "14d".
func parseTime(text string, now time.Time, zone *time.Location, end bool) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	if d, err := parseSpan(text); err == nil {
		return now.Add(d), nil
	}
	return time.Time{}, usage("%q is no time; write 2026-12-31, 2026-12-31T18:00:00Z, or 48h or 14d from now", text)
}

// parseSpan reads a duration with days: "14d", "48h".
func parseSpan(text string) (time.Duration, error) {
	if d, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(d+"!", "%d!", &n); err != nil {
			return 0, usage("%q is no duration; write 48h or 14d", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, usage("%q is no duration; write 48h or 14d", text)
	}
	return d, nil
}
