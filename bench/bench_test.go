package main

import (
	"testing"

	"grantbridge/access/accesstest"
)

func TestEveryEngineGivesTheSpecificationsAnswers(t *testing.T) {
	for seed := range uint64(3) {
		f := newFacts(accesstest.Small, seed+1)
		for _, e := range engines {
			if e.unequal {
				continue
			}
			check, err := e.load(f)
			if err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
			for i := range min(e.checks, 2000) {
				if got := check(&f.questions[i]); got != f.answers[i] {
					t.Errorf("seed %d, %s: question %d is answered %v, want %v", seed+1, e.name, i, got, f.answers[i])
					break
				}
			}
		}
	}
}
