package saml_test

import (
	"runtime"
	"testing"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

// TestWhatAStrangerSendsTakesLessThanAMegabyte: without a signature of the
// identity provider nobody makes this program allocate more. Time is measured by
// BenchmarkJunk; memory is the same on every machine.
func TestWhatAStrangerSendsTakesLessThanAMegabyte(t *testing.T) {
	l := samltest.NewLab()
	most, worst := uint64(0), ""
	for _, v := range samltest.Vectors() {
		if v.Want == "" || !strangers(v.Want) {
			continue
		}
		p, message, waiting := l.Provider(v.Config), v.Message(l), v.Waiting()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p.Judge(message, waiting, samltest.Now)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > most {
			most, worst = took, v.Name
		}
	}
	if most > 1<<20 {
		t.Errorf("%q takes %d bytes", worst, most)
	}
	t.Logf("%d bytes for %q", most, worst)
}

// strangers reports whether somebody without the identity provider's key gets a
// message as far as this reason.
func strangers(r saml.Reason) bool {
	switch r.Stage() {
	case saml.StageInput, saml.StageXML, saml.StageStructure:
		return true
	case saml.StageSignature:
		return r != saml.DigestMismatch
	}
	return false
}
