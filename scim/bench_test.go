package scim

import (
	"fmt"
	"strings"
	"testing"
)

// BenchFilters are those that providers send, and one that is long.
var BenchFilters = map[string]string{
	"userName":  `userName eq "bjensen@example.com"`,
	"workEmail": `emails[type eq "work" and value eq "bjensen@example.com"]`,
	"entra":     `active eq true and (userName eq "a" or name.familyName sw "b")`,
	"100 terms": `title pr` + strings.Repeat(` or userName eq "bjensen"`, 99),
}

func BenchmarkFilter(b *testing.B) {
	for name, text := range BenchFilters {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := lenientReader(users)
			for b.Loop() {
				if _, err := n.parseFilter(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("entra group", func(b *testing.B) {
		b.ReportAllocs()
		n := lenientReader(groups)
		for b.Loop() {
			if _, err := n.parseFilter(`id eq "01a20717-9dbe-7bce-b577-feca395fe9b0" and members eq "01a20717-9dbc-704d-bf80-a81d147cf858"`); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNormalisePatchMember(b *testing.B) {
	body := []byte(ops(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"01a20717-9dbc-704d-bf80-a81d147cf858"}]}`))
	b.ReportAllocs()
	for b.Loop() {
		v, err := decode(string(body))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Normalise(Auto, Request{Method: "PATCH", Group: true, Body: v}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode100kMembers(b *testing.B) {
	var refs []string
	for i := range 100_000 {
		refs = append(refs, fmt.Sprintf(`{"value":"01a20717-9dbc-704d-bf80-%012d"}`, i))
	}
	body := `{"displayName":"g","members":[` + strings.Join(refs, ",") + `]}`
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := decodeWith(body, membersIn("PUT"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Normalise(Auto, Request{Method: "PUT", Group: true, Body: v}); err != nil {
			b.Fatal(err)
		}
	}
}
