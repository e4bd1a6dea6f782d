package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/store"
)

// state is all that administrators decided, in names that mean the same in
// another environment. It holds no secrets, and nothing that identity providers
// say: they say it there again.
type state struct {
	Version int           `yaml:"version" json:"version"`
	Sites   []config.Site `yaml:"sites" json:"sites"`
	Mapping string        `yaml:"mapping" json:"mapping"`
	Grants  []stateGrant  `yaml:"grants" json:"grants"`
}

// stateGrant is one manual rule.
type stateGrant struct {
	Kind         string            `yaml:"kind" json:"kind"`
	Who          string            `yaml:"who" json:"who"` // SOURCE/login, group:SOURCE/NAME, signed-in, everyone
	Role         string            `yaml:"role" json:"role,omitempty"`
	Actions      []string          `yaml:"actions" json:"actions,omitempty"`
	Sites        []string          `yaml:"sites" json:"sites,omitempty"` // slugs, or all
	Labels       map[string]string `yaml:"labels" json:"labels,omitempty"`
	TokenCeiling string            `yaml:"token_ceiling" json:"token_ceiling,omitempty"`
	Channel      string            `yaml:"channel" json:"channel,omitempty"`
	From         string            `yaml:"from" json:"from,omitempty"`
	Until        string            `yaml:"until" json:"until,omitempty"`
	Reason       string            `yaml:"reason" json:"reason"`
	Ticket       string            `yaml:"ticket" json:"ticket,omitempty"`
}

func (a *app) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "write sites, rules and manual grants, without secrets", Args: words(),
		Long: "Export writes all that administrators decided, as YAML or with -o json. The order\nis fixed, so that two exports can be compared.",
		RunE: func(c *cobra.Command, _ []string) error {
			if a.people() {
				a.format = asYAML
			}
			return a.read(c.Context(), func(b *bridge, v *store.View) error {
				s, err := b.state(c.Context(), v)
				if err != nil {
					return err
				}
				return a.encode(s)
			})
		},
	}
}

func (b *bridge) state(ctx context.Context, v *store.View) (*state, error) {
	sites, _, err := v.Sites(ctx, 0)
	if err != nil {
		return nil, err
	}
	s := &state{Version: 1, Sites: []config.Site{}, Grants: []stateGrant{}}
	for _, x := range sites {
		s.Sites = append(s.Sites, config.Site{ID: int64(x.ID), Slug: x.Slug, Name: x.Name, Labels: x.Labels})
	}
	m, err := v.Mapping(ctx, 0)
	if err != nil {
		return nil, err
	}
	s.Mapping = m.Text
	manuals, err := v.Manuals(ctx, 0)
	if err != nil {
		return nil, err
	}
	groups, err := v.AllGroups(ctx, 0)
	for _, m := range manuals {
		if st := manualState(m); st == "live" || st == "waiting" {
			s.Grants = append(s.Grants, b.stateGrant(m, b.subjectText(m.Subject, groups)))
		}
	}
	slices.SortFunc(s.Grants, func(x, y stateGrant) int { return strings.Compare(x.key(), y.key()) })
	return s, err
}

// key orders grants alike in every store, whatever their ids are.
func (g stateGrant) key() string {
	b, err := json.Marshal(g)
	must(err)
	return string(b)
}

func (b *bridge) stateGrant(m store.Manual, who string) stateGrant {
	g := stateGrant{Kind: kindName(m.Kind), Who: who, Role: m.Role, Actions: m.Actions, Labels: m.Labels,
		TokenCeiling: m.TokenCeiling, Reason: m.Reason, Ticket: m.Ticket}
	for n, c := range channels {
		if c == m.Channel && n != "any" {
			g.Channel = n
		}
	}
	if m.All || len(m.Sites) > 0 {
		g.Sites = strings.Split(b.scopeText(m), ",")
	}
	if u := untilText(m); u != "-" {
		g.Until = u
	}
	if !m.From.IsZero() {
		g.From = m.From.UTC().Format(time.RFC3339)
	}
	return g
}

func (a *app) importCommand() *cobra.Command {
	var plan, do, yes bool
	c := a.reasons(&cobra.Command{
		Use: "import FILE --plan|--apply", Short: "bring an export into this store", Args: words("FILE"),
		Long: `Import reads what export wrote. --plan shows what it would do; --apply does it:
sites first, then the rules through the guard, then the manual grants that are not
there yet. Sites that the file does not name stay. Repeating it changes nothing.`,
		RunE: func(c *cobra.Command, args []string) error {
			if plan == do {
				return usage("import needs either --plan or --apply")
			}
			return a.importFile(c.Context(), args[0], do, yes)
		},
	})
	c.Flags().BoolVar(&plan, "plan", false, "show what would be done")
	c.Flags().BoolVar(&do, "apply", false, "do it")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

func (a *app) importFile(ctx context.Context, file string, do, yes bool) error {
	text, err := a.readInput(file)
	if err != nil {
		return err
	}
	var want state
	if _, err := strict.Decode(file, text, &want, nil); err != nil {
		return err
	}
	if want.Version != 1 {
		return invalid(fmt.Errorf("%s: version %d is not known here; 1 is", file, want.Version))
	}
	use := existing
	if do {
		use = mayMake
	}
	return a.with(ctx, use, func(b *bridge) error {
		p, err := b.planImport(ctx, &want)
		if err != nil {
			return err
		}
		if err := a.showImport(ctx, b, p); err != nil || !do {
			return err
		}
		if p.empty() {
			return nil
		}
		if err := a.confirm(yes, "Do this?"); err != nil {
			return err
		}
		return a.doImport(ctx, b, p)
	})
}

// importPlan is what an import would do.
type importPlan struct {
	Sites   []access.Site `json:"sites"`
	Mapping bool          `json:"mapping"`
	Grants  []stateGrant  `json:"grants"`
	text    string
}

func (p *importPlan) empty() bool { return len(p.Sites) == 0 && !p.Mapping && len(p.Grants) == 0 }

func (b *bridge) planImport(ctx context.Context, want *state) (*importPlan, error) {
	var have *state
	err := b.st.Read(ctx, func(v *store.View) (err error) {
		have, err = b.state(ctx, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	p := &importPlan{Sites: []access.Site{}, Grants: []stateGrant{}, text: want.Mapping}
	p.Mapping = want.Mapping != "" && want.Mapping != have.Mapping
	for _, s := range want.Sites {
		if !slices.ContainsFunc(have.Sites, func(h config.Site) bool { return sameSite(h, s) }) {
			p.Sites = append(p.Sites, access.Site{ID: access.SiteID(s.ID), Slug: s.Slug, Name: s.Name, Labels: s.Labels})
		}
	}
	for _, g := range want.Grants {
		if !slices.ContainsFunc(have.Grants, func(h stateGrant) bool { return h.key() == g.key() }) {
			p.Grants = append(p.Grants, g)
		}
	}
	// What gives comes first: a restriction may be all right only beside it.
	slices.SortStableFunc(p.Grants, func(a, b stateGrant) int { return cmp.Compare(kinds[a.Kind], kinds[b.Kind]) })
	return p, nil
}

func sameSite(a, b config.Site) bool {
	if len(a.Labels) == 0 && len(b.Labels) == 0 {
		a.Labels, b.Labels = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func (a *app) showImport(ctx context.Context, b *bridge, p *importPlan) error {
	if !a.people() {
		return a.encode(p)
	}
	for _, s := range p.Sites {
		a.say("site    %d %s", s.ID, s.Slug)
	}
	if len(p.Sites) > 0 {
		pre, err := b.PreviewSites(ctx, p.Sites)
		if err != nil {
			return err
		}
		if err := a.showSites(b, pre, false); err != nil {
			return err
		}
	}
	if p.Mapping {
		a.say("rules   a new version")
		if len(p.Sites) == 0 { // else the rules may name sites that are not there yet
			pre, err := b.Preview(ctx, "import", []byte(p.text))
			if err != nil {
				return err
			}
			if err := a.showPreview(b, pre, false); err != nil {
				return err
			}
		}
	}
	for _, g := range p.Grants {
		a.say("grant   %s %s%s %s until %s", g.Kind, g.Role, strings.Join(g.Actions, ","), g.Who, orDash(g.Until))
	}
	if p.empty() {
		a.say("nothing to do: all of it is here")
	}
	return nil
}

func (a *app) doImport(ctx context.Context, b *bridge, p *importPlan) error {
	if len(p.Sites) > 0 {
		if err := b.PutSites(ctx, a.by(), p.Sites); err != nil {
			return fmt.Errorf("import sites: %w", err)
		}
	}
	if p.Mapping {
		if _, _, err := b.SetMapping(ctx, a.by(), "import", []byte(p.text), "import", ""); err != nil {
			return fmt.Errorf("import rules: %w", err)
		}
	}
	left := 0
	for _, g := range p.Grants {
		if err := a.importGrant(ctx, b, g); err != nil {
			left++
			a.note("grant of %s is left out: %v", g.Who, err)
		}
	}
	a.say("imported %s, %s, %s", count(len(p.Sites), "site"), map[bool]string{true: "a version of the rules", false: "no rules"}[p.Mapping], count(len(p.Grants)-left, "grant"))
	if left > 0 {
		return &codeError{exitError, fmt.Sprintf("%s left out; import again when what they lack is here", count(left, "grant"))}
	}
	return nil
}

func (a *app) importGrant(ctx context.Context, b *bridge, g stateGrant) error {
	f := grantFlags{labels: g.Labels, until: g.Until, from: g.From, ceiling: g.TokenCeiling, kind: g.Kind, channel: g.Channel}
	if f.channel == "" {
		f.channel = "any"
	}
	role := g.Role
	if role == "" && len(g.Actions) > 0 {
		role = g.Actions[0]
	}
	args := []string{g.Who, role}
	if len(g.Sites) > 0 {
		args = append(args, strings.Join(g.Sites, ","))
	}
	m, err := a.manual(ctx, b, f, args)
	if err != nil {
		return err
	}
	if g.Role == "" {
		m.Role, m.Actions = "", g.Actions
	}
	m.Reason, m.Ticket = g.Reason, g.Ticket
	_, err = b.AddGrant(ctx, a.by(), m)
	return err
}
