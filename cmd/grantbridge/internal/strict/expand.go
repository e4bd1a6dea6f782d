package strict

import (
	"fmt"
	"regexp"
	"strings"
)

var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}`)
var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} and ${NAME:-default} in s; $${NAME} stands for
// itself. A default is used when the variable is not set or empty, as in a
// shell. The error names the variable, never its value.
func expand(s string, lookup func(string) (string, bool)) (string, error) {
	if lookup == nil || !strings.Contains(s, "${") {
		return s, nil
	}
	var fault error
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		name, def, hasDefault := strings.Cut(m[2:len(m)-1], ":-")
		value, set := lookup(name)
		switch {
		case !varName.MatchString(name):
			fault = fmt.Errorf("%q is no variable; write ${NAME} or ${NAME:-default}, and $${ for a plain ${", m)
		case set && value != "", set && !hasDefault:
			return value
		case hasDefault:
			return def
		default:
			fault = fmt.Errorf("the environment variable %s is not set; set it, or give a default: ${%s:-…}", name, name)
		}
		return ""
	})
	return out, fault
}
