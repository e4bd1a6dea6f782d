package access

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestCowMap compares a map and all its former versions with Go's, through changes
// by which keys share places, move up and leave.
func TestCowMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var versions []cowMap[SiteID, int]
		var wants []map[SiteID]int
		var m cowMap[SiteID, int]
		want := map[SiteID]int{}
		for range rapid.IntRange(1, 6).Draw(t, "versions") {
			d := m.draft()
			for range rapid.IntRange(0, 20).Draw(t, "changes") {
				k := SiteID(rapid.IntRange(1, 40).Draw(t, "key"))
				if rapid.Bool().Draw(t, "remove") {
					d.remove(k)
					delete(want, k)
				} else {
					v := rapid.Int().Draw(t, "value")
					d.put(k, v)
					want[k] = v
				}
			}
			m = d.cowMap
			versions, wants = append(versions, m), append(wants, maps.Clone(want))
		}
		for i := range versions {
			got := map[SiteID]int{}
			for k, v := range versions[i].all() {
				got[k] = *v
			}
			if !maps.Equal(got, wants[i]) || versions[i].n != len(got) {
				t.Fatalf("version %d of %d has %v and counts %d, want %v", i, len(versions), got, versions[i].n, wants[i])
			}
			for k := range SiteID(42) {
				v, ok := versions[i].get(k)
				if w, is := wants[i][k]; v != w || ok != is {
					t.Fatalf("version %d: get(%d) = %d, %t, want %d, %t", i, k, v, ok, w, is)
				}
			}
		}
	})
}
