package scim

import "strings"

// Nobody signs in here with a password, so none is ever kept: not the core's,
// and not one that comes under a name that nobody defined.

// isSecret reports whether an attribute that nobody defined holds a password, by
// its name.
func isSecret(name string) bool {
	lower := strings.ToLower(name)
	return strings.Contains(lower, "password") || strings.Contains(lower, "passwd")
}

// hide makes an attribute that nobody defined write-only if it is a password.
func (a *attr) hide() {
	if a.unknown && isSecret(a.name) {
		a.mutability, a.returned = "writeOnly", "never"
	}
}

// withoutSecrets is v without the passwords in it.
func withoutSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, e := range v {
			if !isSecret(key) {
				out[key] = withoutSecrets(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutSecrets(e)
		}
		return out
	}
	return v
}
