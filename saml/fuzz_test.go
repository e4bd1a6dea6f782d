package saml

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/beevik/etree"
)

// FuzzScan holds our scanner to encoding/xml: what it accepts, the library reads
// as the same tree. Two parsers that agree leave nothing to hide between.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`<a/>`, `<a b="1">x</a>`, `<?xml version="1.0"?><a xmlns="urn:x"><b:c xmlns:b="urn:y" b:d='&lt;&#65;'/>t&amp;</a>`, "<a>\r\n</a>", `<a b="&#10;"> <c/> </a>`,
		`<a><!-- --></a>`, `<!DOCTYPE a><a/>`, `<a:b/>`, `<a xmlns:a=""/>`, `<a></a >`, `<a ID="x"><b ID="x"/></a>`, "<a>\xc3\xa4</a>", `<a>]]></a>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		ours, r := scan(doc, Limits{}.withDefaults())
		if r != nil {
			if !r.Reason.Known() {
				t.Fatalf("unknown reason %q", r.Reason)
			}
			return
		}
		d := etree.NewDocument()
		if err := d.ReadFromString(doc); err != nil {
			t.Fatalf("we accept what etree does not: %v", err)
		}
		theirs, r := fromElement(d.Root(), nil)
		if r != nil || !ours.same(theirs) || !theirs.same(ours) {
			t.Fatalf("two readings: %v", r)
		}
		decoder := xml.NewDecoder(strings.NewReader(doc))
		for {
			if _, err := decoder.Token(); err != nil {
				if err.Error() != "EOF" {
					t.Fatalf("we accept what encoding/xml does not: %v", err)
				}
				return
			}
		}
	})
}
