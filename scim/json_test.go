package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzJSON: what decode takes, encoding/json takes too and reads the same; what
// it refuses beyond that is what it says it refuses.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,null,"x\u00e9\ud83d\ude00"]}`, `{"a":1,"a":2}`, `[[[]]]`, `"\ud800"`, `{"a":"\u0000"}`, ` {} x`, "\ufeff{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decode(string(b))
		if err != nil {
			if e := toError(err); e.Status != 400 || e.Type != "invalidSyntax" {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: encoding/json: %v", b, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			t.Fatalf("%q: there is more", b)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-encoding/json +decode):\n%s", b, diff)
		}
		again, err := encode(got)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(string(again))
		if err != nil || !cmp.Equal(back, got) {
			t.Fatalf("%q: %q does not come back: %v", b, again, err)
		}
	})
}
