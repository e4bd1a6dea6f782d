package saml_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"grantbridge/saml"
	"grantbridge/saml/samltest"
)

func groups(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("Department %04d Reg Europe", i)
	}
	return all
}

// BenchmarkACS is one sign-in, without the store. Budget: 10 ms at 100 groups.
func BenchmarkACS(b *testing.B) {
	l := samltest.NewLab()
	p := l.Provider(nil)
	for _, n := range []int{5, 100, 500, 850} {
		for _, c := range []struct {
			name                string
			assertion, response bool
		}{{"assertion", true, false}, {"response", false, true}, {"both", true, true}} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				accepts(b, p, samltest.Encode(l.Good(c.assertion, c.response, groups(n)...)))
			})
		}
	}
	b.Run("encrypted/100", func(b *testing.B) {
		accepts(b, p, samltest.Vector{Encrypt: &samltest.Encryption{}, Groups: groups(100)}.Message(l))
	})
}

func accepts(b *testing.B, p *saml.Provider, message string) {
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	cpu := spent()
	for b.Loop() {
		if _, r := p.Judge(message, samltest.Requests(), samltest.Now); r != nil {
			b.Fatal(r)
		}
	}
	b.ReportMetric(float64((spent()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// spent is the CPU time of this process, its garbage collection included: the
// figure that the budgets are about, whatever else the machine does.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkJunk is what an unauthenticated stranger can make us do. Budget:
// 1 ms and 1 MB.
func BenchmarkJunk(b *testing.B) {
	l := samltest.NewLab()
	wanted := map[string]bool{
		"a megabyte of base64": true, "300 KiB of XML in one text": true, "140 KB of levels without ends": true,
		"20,000 elements side by side": true, "187 KB of nested namespaces under a fake signature": true,
		"a billion laughs": true, "200 KB in one attribute": true, "2,000 groups": true,
		"a stranger's key with its own certificate": true, "no signature at all": true,
	}
	for _, v := range samltest.Vectors() {
		if wanted[v.Name] {
			b.Run(v.Name, func(b *testing.B) { refuses(b, l.Provider(v.Config), v.Message(l)) })
		}
	}
	big := samltest.Vector{Groups: groups(850), By: func(l *samltest.Lab, s *samltest.Signing) { s.Pair = l.Stranger }}
	// Encrypted junk costs one use of each of our private keys, after a request
	// that waits was named; nothing cheaper can tell it from a sign-in.
	dark := samltest.Vector{Groups: groups(100), Sign: samltest.SignNothing, Encrypt: &samltest.Encryption{To: func(l *samltest.Lab) samltest.Pair { return l.Stranger }}}
	b.Run("encrypted for a stranger, unsigned", func(b *testing.B) { refuses(b, l.Provider(nil), dark.Message(l)) })
	b.Run("a stranger's signature over 850 groups", func(b *testing.B) { refuses(b, l.Provider(nil), big.Message(l)) })
}

func refuses(b *testing.B, p *saml.Provider, message string) {
	b.ReportAllocs()
	cpu := spent()
	for b.Loop() {
		if _, r := p.Judge(message, samltest.Requests(), samltest.Now); r == nil {
			b.Fatal("accepted")
		}
	}
	b.ReportMetric(float64((spent()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
