package memdir

import (
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"

	"grantbridge/directory"
)

// matches evaluates a filter as it came over the wire (RFC 4511 4.5.1.7), on
// the values that get says an entry has.
func matches(f *ber.Packet, get func(name string) []string) bool {
	text := func(i int) string {
		if i >= len(f.Children) {
			return ""
		}
		return string(f.Children[i].ByteValue)
	}
	some := func(ok func(v string) bool) bool {
		for _, v := range get(text(0)) {
			if ok(v) {
				return true
			}
		}
		return false
	}
	switch f.Tag {
	case 0:
		for _, c := range f.Children {
			if !matches(c, get) {
				return false
			}
		}
		return true
	case 1:
		for _, c := range f.Children {
			if matches(c, get) {
				return true
			}
		}
		return false
	case 2:
		return len(f.Children) == 1 && !matches(f.Children[0], get)
	case 3, 8: // equality, approximate
		return some(func(v string) bool { return v == text(1) || same(v, text(1)) })
	case 4:
		return some(func(v string) bool { return substrings(f, directory.Fold(v)) })
	case 5:
		return some(func(v string) bool { return compare(v, text(1)) >= 0 })
	case 6:
		return some(func(v string) bool { return compare(v, text(1)) <= 0 })
	case 7:
		return len(get(string(f.ByteValue))) > 0 || len(get(f.Data.String())) > 0
	}
	return false // extensible: undefined
}

func same(a, b string) bool {
	if directory.Fold(a) == directory.Fold(b) {
		return true
	}
	d, errA := directory.ParseDN(a)
	e, errB := directory.ParseDN(b)
	return errA == nil && errB == nil && !d.IsZero() && d.Equal(e)
}

func compare(a, b string) int {
	x, errA := strconv.ParseInt(a, 10, 64)
	y, errB := strconv.ParseInt(b, 10, 64)
	if errA == nil && errB == nil {
		return int(x - y)
	}
	return strings.Compare(a, b)
}

func substrings(f *ber.Packet, v string) bool {
	if len(f.Children) < 2 {
		return false
	}
	for _, part := range f.Children[1].Children {
		p := directory.Fold(part.Data.String())
		switch part.Tag {
		case 0:
			if !strings.HasPrefix(v, p) {
				return false
			}
			v = v[len(p):]
		case 1:
			i := strings.Index(v, p)
			if i < 0 {
				return false
			}
			v = v[i+len(p):]
		case 2:
			return strings.HasSuffix(v, p)
		}
	}
	return true
}
