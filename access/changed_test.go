package access_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/access"
)

// Everybody whom Person shows differently is yielded, and nobody else, whether
// one snapshot came from the other or both were built apart.
func TestChangedPeopleAreThoseWhomPersonShowsDifferently(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		old := build(t, w)
		next, err := old.With(drawDelta(t, 2))
		if err != nil {
			t.Fatal(err)
		}
		apart := build(t, drawWorld(t))
		for _, pair := range [][2]*access.Snapshot{{old, next}, {next, old}, {old, apart}, {old, old}, {old, build(t, w)}} {
			got := slices.Collect(pair[1].ChangedPeople(pair[0]))
			if want := naiveChanged(pair[0], pair[1]); !slices.Equal(got, want) {
				t.Fatalf("changed: got %v, want %v", got, want)
			}
		}
	})
}

func naiveChanged(a, b *access.Snapshot) (changed []access.PersonID) {
	for id := range access.PersonID(600) {
		p, inA := a.Person(id)
		q, inB := b.Person(id)
		if inA != inB || !samePerson(p, q) {
			changed = append(changed, id)
		}
	}
	return changed
}

func samePerson(p, q access.Person) bool {
	joined := maps.EqualFunc(p.Joined, q.Joined, time.Time.Equal)
	times := p.NotBefore.Equal(q.NotBefore) && maps.EqualFunc(p.Until, q.Until, time.Time.Equal)
	p.Until, q.Until = nil, nil
	p.Joined, q.Joined, p.NotBefore, q.NotBefore = nil, nil, time.Time{}, time.Time{}
	return joined && times && reflect.DeepEqual(p, q)
}

func TestReadPersonIsPersonWhateverWasInTheRoomBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := build(t, drawWorld(t))
		room := drawPerson(t, 7)
		for id := range s.People() {
			want, _ := s.Person(id)
			found := s.ReadPerson(id, &room)
			if len(room.Groups) == 0 {
				room.Groups = nil
			}
			if len(room.Traits) == 0 {
				room.Traits = nil
			}
			if !found || !samePerson(room, want) {
				t.Fatalf("got %+v, want %+v", room, want)
			}
		}
		before := access.Person{ID: 9, Locked: true}
		if room = before; s.ReadPerson(599, &room) || !reflect.DeepEqual(room, before) {
			t.Fatalf("nobody: got %+v", room)
		}
	})
}
