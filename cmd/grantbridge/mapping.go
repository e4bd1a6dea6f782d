package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
)

func (a *app) mappingCommand() *cobra.Command {
	return group("mapping", "the rules that map groups to roles on sites",
		a.mappingCheckCommand(), a.mappingTestCommand(), a.mappingPreviewCommand(), a.mappingApplyCommand(),
		a.mappingExportCommand(), a.mappingFmtCommand(), a.mappingVersionsCommand(), a.mappingRestoreCommand(),
		a.mappingSchemaCommand(),
	)
}

const fileDefault = "FILE is the configuration's mapping_file when left out, and - is standard input."

func (a *app) mappingCheckCommand() *cobra.Command {
	var strictly bool
	c := &cobra.Command{
		Use: "check [FILE]", Short: "read rules strictly, and say what is doubtful", Args: words("[FILE]"),
		Long: "Check reads the rules against the sources and sites of the configuration, and\nagainst those of the store when there is one. " + fileDefault,
		RunE: func(c *cobra.Command, args []string) error { return a.mappingCheck(c.Context(), args, strictly) },
	}
	c.Flags().BoolVar(&strictly, "strict", false, "warnings fail too")
	return c
}

func (a *app) mappingCheck(ctx context.Context, args []string, strictly bool) error {
	r, err := a.parseMapping(ctx, args)
	if err != nil {
		return err
	}
	if err := a.encodeProblems(r.problems); err != nil {
		return err
	}
	if r.problems.Failed() || strictly && len(r.problems) > 0 {
		return &codeError{code: exitInvalid}
	}
	n := len(r.set.Rules(nil))
	a.say("%s is right: %s, %s (%s)", r.name, count(n, "rule"), count(len(r.problems), "warning"), r.against)
	return nil
}

// encodeProblems writes problems for people to standard error, for machines to
// standard output.
func (a *app) encodeProblems(ps mapping.Problems) error {
	if !a.people() {
		return list(a, []mapping.Problem(ps),
			column[mapping.Problem]{"FILE", func(p mapping.Problem) string { return p.File }},
			column[mapping.Problem]{"LINE", func(p mapping.Problem) string { return strconv.Itoa(p.Line) }},
			column[mapping.Problem]{"COLUMN", func(p mapping.Problem) string { return strconv.Itoa(p.Column) }},
			column[mapping.Problem]{"CODE", func(p mapping.Problem) string { return p.Code }},
			column[mapping.Problem]{"MESSAGE", func(p mapping.Problem) string { return p.Message }})
	}
	for _, p := range ps {
		fmt.Fprintln(a.err, problemText(p))
	}
	return nil
}

func problemText(p mapping.Problem) string {
	if p.Severity == mapping.Warning && !strings.Contains(p.Error(), "warning") {
		return "warning: " + p.Error()
	}
	return p.Error()
}

// parsed is a mapping as the commands without change read it.
type parsed struct {
	name     string
	set      *mapping.Set
	problems mapping.Problems
	env      mapping.Env
	against  string
}

// parseMapping reads the file that args name against the store when there is
// one, else against the configuration alone.
func (a *app) parseMapping(ctx context.Context, args []string) (*parsed, error) {
	l, err := a.load(config.Part)
	if err != nil {
		return nil, err
	}
	name, text, err := a.mappingText(l, args)
	if err != nil {
		return nil, err
	}
	p := &parsed{name: name, env: mapping.Env{Catalogue: access.DefaultCatalogue(), Zone: l.Location(), Now: time.Now()}}
	if err := a.fillEnv(ctx, l, p); err != nil {
		return nil, err
	}
	p.set, p.problems = mapping.Parse(name, text, p.env)
	return p, nil
}

// mappingText is the text of the file that args name.
func (a *app) mappingText(l *config.Loaded, args []string) (name string, text []byte, err error) {
	file := l.MappingFile
	if len(args) > 0 {
		file = args[0]
	}
	if file == "" {
		return "", nil, usage("which file? write it behind the command, or set mapping_file in the configuration")
	}
	text, err = a.readInput(file)
	return filepath.ToSlash(file), text, err
}

// fillEnv says against what the mapping is read.
func (a *app) fillEnv(ctx context.Context, l *config.Loaded, p *parsed) error {
	p.env.Sources, p.env.Sites = nilIfEmpty(l.SourceNames()), nilIfEmpty(l.AccessSites())
	p.against = "checked against the configuration; no store was read"
	if l.File == "" {
		p.against = "no configuration and no store was read: sources and sites were not checked"
	}
	dsn, err := l.DSN()
	if err != nil || mustExist(dsn) != nil {
		return nil
	}
	err = a.with(ctx, existing, func(b *bridge) error {
		return b.st.Read(ctx, func(v *store.View) error { return storeEnv(ctx, v, p) })
	})
	if err != nil {
		a.note("the store was not read: %s", explainError(err))
	}
	return nil
}

func storeEnv(ctx context.Context, v *store.View, p *parsed) error {
	sites, _, err := v.Sites(ctx, 0)
	if err != nil {
		return err
	}
	if p.env.Groups, err = v.AllGroups(ctx, 0); err != nil {
		return err
	}
	sources, err := v.Sources(ctx)
	if err != nil {
		return err
	}
	p.env.Sites = append(sites, missingFrom(sites, p.env.Sites)...)
	for _, s := range sources {
		p.env.Sources = append(p.env.Sources, s.Name)
	}
	slices.Sort(p.env.Sources)
	p.env.Sources = slices.Compact(p.env.Sources)
	p.against = fmt.Sprintf("checked against %s and %s of the store", count(len(p.env.Sites), "site"), count(len(p.env.Groups), "group"))
	return nil
}

func nilIfEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "person"):
		return thousands(n) + " " + strings.TrimSuffix(noun, "person") + "people"
	}
	return thousands(n) + " " + noun + "s"
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (a *app) mappingTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test [FILE]", Short: "run the tests that stand in the file; exits 4 when one fails", Args: words("[FILE]"),
		Long: "Test runs the file's own tests: section. " + fileDefault,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.parseMapping(c.Context(), args)
			if err != nil {
				return err
			}
			if p.problems.Failed() {
				return p.problems
			}
			return a.showTests(p.set.Test(p.env))
		},
	}
}

func (a *app) showTests(results []mapping.TestResult) error {
	if a.people() {
		for _, r := range results {
			a.showTest(r)
		}
		a.say("%s, %d failed", count(len(results), "test"), failing(results))
	} else if err := list(a, results,
		column[mapping.TestResult]{"NAME", func(r mapping.TestResult) string { return r.Name }},
		column[mapping.TestResult]{"LINE", func(r mapping.TestResult) string { return strconv.Itoa(r.Line) }},
		column[mapping.TestResult]{"WRONG", func(r mapping.TestResult) string { return strings.Join(r.Wrong, "; ") }}); err != nil {
		return err
	}
	if failing(results) > 0 {
		return errNo
	}
	return nil
}

func (a *app) showTest(r mapping.TestResult) {
	if len(r.Wrong) == 0 {
		fmt.Fprintf(a.out, "%s  %s\n", a.paint(green, "ok  "), r.Name)
		return
	}
	fmt.Fprintf(a.out, "%s  %s (line %d)\n", a.paint(red, "FAIL"), r.Name, r.Line)
	for _, w := range r.Wrong {
		fmt.Fprintf(a.out, "        %s\n", w)
	}
}

func (a *app) mappingPreviewCommand() *cobra.Command {
	var check, all bool
	c := &cobra.Command{
		Use: "preview [FILE]", Short: "who would gain and who would lose what; nothing is changed", Args: words("[FILE]"),
		Long: "Preview compares the file with the live rules over all people. Sites that only the\nconfiguration has count as if serve had added them. " + fileDefault,
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), existing, func(b *bridge) error { return a.preview(c.Context(), b, args, check, all) })
		},
	}
	c.Flags().BoolVar(&check, "check", false, "exit 6 when the file would change something")
	c.Flags().BoolVar(&all, "all", false, "name everyone")
	return c
}

func (a *app) preview(ctx context.Context, b *bridge, args []string, check, all bool) error {
	name, text, err := a.mappingText(b.cfg, args)
	if err != nil {
		return err
	}
	_, p, err := b.previewFile(ctx, name, text)
	if err != nil {
		return err
	}
	if err := a.showPreview(b, p, all); err != nil {
		return err
	}
	pending, err := differs(ctx, b, p, text)
	if err == nil && check && pending {
		return errPending
	}
	return err
}

// differs reports whether text is not what is live, or would move somebody.
func differs(ctx context.Context, b *bridge, p *provision.Preview, text []byte) (bool, error) {
	if p.Plan.Changed() > 0 {
		return true, nil
	}
	live, err := liveMapping(ctx, b.st)
	return !bytes.Equal([]byte(live.Text), text), err
}

func (a *app) mappingApplyCommand() *cobra.Command {
	var o applyOptions
	c := a.reasons(&cobra.Command{
		Use: "apply [FILE]", Short: "make the file the live rules, through the guard", Args: words("[FILE]"),
		Long: `Apply shows what would change, asks, and makes the file the live rules as a new
version. A plan over a limit is held and changes nothing (exit 5): approve it
with sync apply ID --hash HASH. Sites that only the configuration has are added
first, as serve does. ` + fileDefault,
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), mayMake, func(b *bridge) error { return a.apply(c.Context(), b, args, o) })
		},
	})
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	c.Flags().StringVarP(&o.comment, "comment", "m", "", "what this version is about")
	c.Flags().StringVar(&o.approve, "approve", "", "do exactly the plan with this `hash`, whatever its size")
	return c
}

type applyOptions struct {
	yes              bool
	comment, approve string
}

// applied is the outcome for machines.
type applied struct {
	Version int64         `json:"version"`
	Changed bool          `json:"changed"`
	Plan    *mapping.Plan `json:"plan"`
}

func (a *app) apply(ctx context.Context, b *bridge, args []string, o applyOptions) error {
	name, text, err := a.mappingText(b.cfg, args)
	if err != nil {
		return err
	}
	toCome, p, err := b.previewFile(ctx, name, text)
	if err != nil {
		return err
	}
	if a.people() {
		if err := a.showPreview(b, p, false); err != nil {
			return err
		}
	}
	if pending, err := differs(ctx, b, p, text); err != nil || !pending {
		a.say("these rules are live already (version %d)", p.Live)
		return err
	}
	if failing(p.Tests) > 0 {
		return invalid(fmt.Errorf("%s: its own tests fail, so nothing was changed; grantbridge mapping test %s says which", name, name))
	}
	if err := a.confirm(o.yes, "Make these the live rules?"); err != nil {
		return err
	}
	if err := putConfigSites(ctx, b.Engine, toCome); err != nil {
		return err
	}
	v, p, err := b.SetMapping(ctx, a.by(), name, text, o.comment, o.approve)
	if err != nil {
		return err
	}
	if !a.people() {
		return a.encode(applied{v, true, p.Plan})
	}
	a.say("version %d is live", v)
	return nil
}

func (a *app) mappingFmtCommand() *cobra.Command {
	var write bool
	c := &cobra.Command{
		Use: "fmt [FILE]", Short: "write the rules in canonical layout, comments kept", Args: words("[FILE]"),
		Long: "Fmt writes to standard output, or with -w to the file. " + fileDefault,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.parseMapping(c.Context(), args)
			if err != nil {
				return err
			}
			if p.problems.Failed() {
				return p.problems
			}
			if write && p.name != "-" {
				return os.WriteFile(p.name, p.set.Format(), 0o644)
			}
			_, err = a.out.Write(p.set.Format())
			return err
		},
	}
	c.Flags().BoolVarP(&write, "write", "w", false, "write to the file")
	return c
}

func (a *app) mappingSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "print the JSON Schema of the rules, for editors", Args: words(),
		RunE: func(*cobra.Command, []string) error {
			return a.show(json.RawMessage(mapping.Schema()), func(w io.Writer) { fmt.Fprintf(w, "%s\n", mapping.Schema()) })
		},
	}
}
