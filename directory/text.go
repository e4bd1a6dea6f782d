package directory

import (
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

var folder = cases.Fold()

// Fold is the key under which a case-insensitive name or value is compared:
// Unicode NFKC and full case folding.
func Fold(s string) string {
	if isLowerASCII(s) {
		return s
	}
	return norm.NFKC.String(folder.String(norm.NFKC.String(s)))
}

func isLowerASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 || 'A' <= r && r <= 'Z' }) < 0
}

// TimeText is a time as filters compare it: UTC with six decimals, so that
// order of text is order of time.
func TimeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
