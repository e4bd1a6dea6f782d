package access_test

import (
	"strings"
	"testing"

	"grantbridge/access"
)

// TestDefaultMatrix holds each cell of the guides' role tables (requirements
// section B, M073-M080) and of research/matomo.md 1.1.
func TestDefaultMatrix(t *testing.T) {
	c := access.DefaultCatalogue()
	for _, row := range []struct {
		lowest  access.Level // NoAccess: no role but superuser
		actions string
	}{
		{access.View, "view reports:view reports:export reports:schedule visitorlog:view visitorprofile:view data.personal:view metric.revenue:view"},
		{access.View, "segments:view segments:create dashboards:view dashboards:create goals:view funnels:view customdimensions:view"},
		{access.View, "abtesting:view ecommerce:view account:password account:email token:use token:create"},
		{access.View, "plugin.Goals:view report.Goals.get:view plugin.Ecommerce:view plugin.Events:view plugin.Referrers:view plugin.Actions:view"},
		{access.View, "plugin.VisitsSummary:view plugin.DevicesDetection:view plugin.UserCountry:view plugin.Live:view report.Events.getCategory:view"},
		{access.Write, "write goals:manage funnels:manage customdimensions:manage abtesting:manage ecommerce:manage"},
		{access.Write, "tagmanager_write tagmanager:view tagmanager:edit"},
		{access.Admin, "admin tagmanager_publish_live_container tagmanager_use_custom_templates tagmanager:publish tagmanager:custom_templates tagmanager:settings"},
		{access.Admin, "site:update access:manage user:invite user:list gdpr:manage gdpr:delete reports:invalidate alerts:manage reports:schedule_all"},
		{access.Admin, "segments:share dashboards:share export:raw dashboards:copy_to_user"},
		{access.Superuser, "superuser site:create site:delete users:manage user:create user:delete plugins:manage settings.global:manage access:bind"},
		{access.NoAccess, "decisions:ask events:read"},
	} {
		for name := range strings.FieldsSeq(row.actions) {
			a, ok := c.Lookup(name)
			if !ok {
				t.Errorf("no action %s", name)
				continue
			}
			for l := access.NoAccess; l <= access.Superuser; l++ {
				want := row.lowest != access.NoAccess && l >= row.lowest || l == access.Superuser
				if got := c.Level(l).Has(a); got != want {
					t.Errorf("level %s includes %s: %v, want %v", l, name, got, want)
				}
			}
		}
	}
}

func TestLevelsAreNested(t *testing.T) {
	c := access.DefaultCatalogue()
	for l := access.View; l <= access.Superuser; l++ {
		if !c.Level(l - 1).Within(c.Level(l)) {
			t.Errorf("%s is not within %s", l-1, l)
		}
		if got := c.Highest(c.Level(l)); got != l {
			t.Errorf("Highest(Level(%s)) = %s", l, got)
		}
		if got := c.Ceiling(access.CeilingAt(l)); got != c.Level(l) {
			t.Errorf("ceiling %s is not level %s", access.CeilingAt(l), l)
		}
		if set, ok := c.Role(l.String()); !ok || set != c.Level(l) {
			t.Errorf("role %s is not the level", l)
		}
	}
	if c.Ceiling(access.CeilingUnknown) != (access.Actions{}) || c.Ceiling(99) != (access.Actions{}) {
		t.Error("an unknown ceiling lets something through")
	}
	if c.Ceiling(access.CeilingInherit) != c.Level(access.Superuser) {
		t.Error("inherit clamps")
	}
}

// A verb may be set off with a dot, as in mapping files.
func TestLookupTakesADotBeforeTheVerb(t *testing.T) {
	c := access.DefaultCatalogue()
	for alias, name := range map[string]string{
		"segments.share": "segments:share", "export.raw": "export:raw", "account.password": "account:password",
		"plugin.Goals.view": "plugin.Goals:view", "report.Goals.get.view": "report.Goals.get:view", "view": "view",
	} {
		a, ok := c.Lookup(alias)
		if got := c.Name(a); !ok || got != name {
			t.Errorf("Lookup(%q) = %q, %v, want %q", alias, got, ok, name)
		}
	}
	for _, none := range []string{"", ".", "segments", "segments:share.", "seg.ments:share", "segments.share.x"} {
		if a, ok := c.Lookup(none); ok {
			t.Errorf("Lookup(%q) = %s", none, c.Name(a))
		}
	}
}

func TestExpandTakesChildren(t *testing.T) {
	c := access.DefaultCatalogue()
	set, err := c.Expand("plugin.Goals:view")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"plugin.Goals:view": true, "report.Goals.get:view": true, "report.Events.getName:view": false, "view": false} {
		a, _ := c.Lookup(name)
		if set.Has(a) != want {
			t.Errorf("plugin.Goals:view stands for %s: %v, want %v", name, !want, want)
		}
	}
	_, err = c.Expand("segments:shrae", "plugin.Goal:view", "zzzzzzzz")
	want := "no action \"segments:shrae\"; did you mean \"segments:share\"?\nno action \"plugin.Goal:view\"; did you mean \"plugin.Goals:view\"?\nno action \"zzzzzzzz\""
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNewCatalogueReportsEveryMistake(t *testing.T) {
	_, err := access.NewCatalogue("x", []access.Action{
		{Name: "view"}, {Name: "a:b", Parent: "a:c"}, {Name: "c:d", Parent: "e:f"}, {Name: "e:f", Parent: "c:d"}, {Name: "g:h", Level: 9}, {Name: ""},
	}, []access.Role{
		{Name: "admin"}, {Name: "r1", Includes: []string{"r2"}}, {Name: "r2", Includes: []string{"r1"}},
		{Name: "r3", Includes: []string{"r9"}, Actions: []string{"no:pe"}}, {Name: "r3"},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`action "view": second use`, `no parent "a:c"; did you mean "a:b"?`, `action "c:d": its parents go in a circle`, `no level 9`, `no name`,
		`role "admin": second use`, `go in a circle`, `no role "r9"`, `no action "no:pe"`, `role "r3": second use`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

func TestCustomRoleExtendsAnother(t *testing.T) {
	set, ok := tiny.Role("manager")
	if !ok || !tiny.Level(access.View).Within(set) || !has(set, "access:manage") || has(set, "goal:edit") {
		t.Errorf("manager is %v", names(set))
	}
	if n := tiny.Nearest("maneger"); n != "manager" {
		t.Errorf("Nearest = %q", n)
	}
	if r := tiny.Roles(); len(r) != 5 || r[0].Name != "view" || r[3].Name != "superuser" {
		t.Errorf("Roles() = %+v", r)
	}
}

func TestParseCatalogueIsStrict(t *testing.T) {
	for _, text := range []string{`{"version":"1","acts":[]}`, `{"version":"1"} x`, `{"actions":[{"name":"a:b","level":"viewer"}]}`, ``} {
		if _, err := access.ParseCatalogue([]byte(text)); err == nil {
			t.Errorf("took %s", text)
		}
	}
}
