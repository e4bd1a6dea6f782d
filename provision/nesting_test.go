package provision_test

import (
	"reflect"
	"testing"

	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/provision"
)

func TestExplainShowsTheWayThroughGroupsInGroups(t *testing.T) {
	eachCorp(t, func(c *corp) {
		staff := c.staff(6)
		line := c.team("Line-1", staff[0], staff[1])
		plant := c.team("Plant", line, staff[2])
		other := c.team("Other", line)
		c.team("Team-all", plant, other, staff[3])
		loop := c.team("Team-loop", staff[4])
		c.change(loop, func(g *corpGroup) { g.groups[loop] = true })
		c.sync(provision.SyncApplied)
		for login, want := range map[string][]string{
			"p0": {"Line-1 → Plant → Team-all"}, // of two ways of one length, the one by the lower id
			"p2": {"Plant → Team-all"},
			"p3": {"Team-all"},
			"p4": {"Team-loop"},
		} {
			x, err := c.e.Explain(c.ctx, provision.Question{Who: login, What: "view", Site: "main"})
			c.must(err)
			if !x.Decision || len(x.Grants) != 1 || !reflect.DeepEqual(x.Grants[0].Via, want) {
				c.t.Errorf("%s: got %+v, want by %q", login, x.Grants, want)
			}
		}
		// The way is the present one, also in a process that has read nothing.
		c.change(plant, func(g *corpGroup) { g.groups = map[directory.EntryID]bool{} })
		c.sync(provision.SyncApplied)
		e, err := provision.New(c.ctx, c.st, provision.Config{Limits: mapping.Limits{SuperusersAtLeast: -1}})
		c.must(err)
		x, err := e.Explain(c.ctx, provision.Question{Who: "p0", What: "view", Site: "main"})
		c.must(err)
		if want := []string{"Line-1 → Other → Team-all"}; len(x.Grants) != 1 || !reflect.DeepEqual(x.Grants[0].Via, want) {
			c.t.Errorf("after a move: got %+v, want by %q", x.Grants, want)
		}
	})
}
