package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"grantbridge/provision"
)

func TestAReportSaysHowManyOfAListItLeavesOut(t *testing.T) {
	p := &provision.SyncReport{Source: "corp", State: provision.SyncApplied, UnmatchedCount: 60}
	for i := range 50 {
		p.Unmatched = append(p.Unmatched, fmt.Sprint("g", i))
	}
	var out bytes.Buffer
	(&app{out: &out}).writeRun(p)
	if got := out.String(); !strings.HasSuffix(got, "groups that no rule names (60):\n    g0\n    g1\n    g2\n    g3\n    g4\n    … and 55 more\n") {
		t.Errorf("got\n%s", got)
	}
}
