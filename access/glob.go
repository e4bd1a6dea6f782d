package access

import (
	"unicode"
	"unicode/utf8"
)

// globMatch matches the whole of s: * is any run, ? is any one character, \
// quotes the next one, and letters match in either case. It takes time
// proportional to the product of the lengths at worst, and does not allocate.
func globMatch(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0 // where to go back to: after the last *, and what it had eaten
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, mark = p, i
			continue
		}
		if ok, width := globOne(pattern[p:], r); ok {
			p, i = p+width, i+n
			continue
		}
		if star < 0 {
			return false
		}
		_, n = utf8.DecodeRuneInString(s[mark:])
		mark += n
		p, i = star, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globOne matches the first element of pattern, which is no *, with r, and says
// how wide the element is.
func globOne(pattern string, r rune) (ok bool, width int) {
	if pattern == "" {
		return false, 0
	}
	if pattern[0] == '?' {
		return true, 1
	}
	quoted := 0
	if pattern[0] == '\\' && len(pattern) > 1 {
		quoted = 1
	}
	want, n := utf8.DecodeRuneInString(pattern[quoted:])
	return sameLetter(want, r), quoted + n
}

func sameLetter(a, b rune) bool {
	return a == b || unicode.ToLower(unicode.ToUpper(a)) == unicode.ToLower(unicode.ToUpper(b))
}
