package strict

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}`)
var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} and ${NAME:-default} in s; $${NAME} stands for
// itself. A default is used when the variable is not set or empty, as in a
// shell. The error names the variable, never its value; one that is not set is
// an unsetError, unless more is wrong.
func expand(s string, lookup func(string) (string, bool)) (string, error) {
	if lookup == nil || !strings.Contains(s, "${") {
		return s, nil
	}
	var faults []error
	out := variable.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		name, def, hasDefault := strings.Cut(m[2:len(m)-1], ":-")
		value, set := lookup(name)
		switch {
		case !varName.MatchString(name):
			faults = append(faults, fmt.Errorf("%q is no variable; write ${NAME} or ${NAME:-default}, and $${ for a plain ${", m))
		case set && value != "", set && !hasDefault:
			return value
		case hasDefault:
			return def
		default:
			faults = append(faults, unsetError(name))
		}
		return ""
	})
	return out, worst(faults)
}

// unsetError names a variable that is not set.
type unsetError string

func (e unsetError) Error() string {
	return fmt.Sprintf("the environment variable %s is not set; set it, or give a default: ${%s:-…}", string(e), string(e))
}

// worst is the first fault that setting a variable would not mend, else the
// first, else nil.
func worst(faults []error) error {
	for _, f := range faults {
		if _, unset := errors.AsType[unsetError](f); !unset {
			return f
		}
	}
	if len(faults) > 0 {
		return faults[0]
	}
	return nil
}
