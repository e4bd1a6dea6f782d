package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/mapping"
)

// Secret is a text that no output shows. While a variable that stands in it is
// not set it is unresolved: it is given, and has no text.
type Secret struct {
	text  string
	unset *strict.Problem // what is not set, and where
}

const masked = "********"

// Given reports whether the configuration has it, resolved or not.
func (s Secret) Given() bool { return !s.IsZero() }

// IsZero keeps a secret that is not given out of what encoders write.
func (s Secret) IsZero() bool { return s == Secret{} }

func (s Secret) String() string {
	switch {
	case s.unset != nil:
		return "not set"
	case s.text == "":
		return ""
	}
	return masked
}

// GoString masks the secret in %#v too.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText masks the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the secret.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Secret{text: string(b)}
	return nil
}

// Unset leaves it unresolved.
func (s *Secret) Unset(p strict.Problem) { *s = Secret{unset: &p} }

// Reveal is the secret itself, "" when none is given. The error of an unresolved
// one names the variable, and where it stands.
func (s Secret) Reveal() (string, error) {
	if s.unset != nil {
		return "", strict.Problems{*s.unset}
	}
	return s.text, nil
}

// Duration is a time.Duration as Go writes it: "5s", "10m", "24h".
type Duration time.Duration

func (d Duration) String() string { return short(time.Duration(d)) }

// short drops the zero seconds and minutes that Go appends to "10m0s", and
// writes whole days as such.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes it as it is read.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "5s", "10m", "24h", "14d".
func (d *Duration) UnmarshalText(b []byte) error {
	if days, ok := strings.CutSuffix(string(b), "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 100_000 {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is no duration; write 5s, 10m, 24h or 14d", b)
	}
	*d = Duration(v)
	return nil
}

// JSONSchema describes a duration.
func (Duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$|^[0-9]+d$`}
}

// Share is a share of a whole, "20%", or a number, "50".
type Share string

func (s Share) String() string { return string(s) }

// MarshalText writes it as it is read.
func (s Share) MarshalText() ([]byte, error) { return []byte(s), nil }

// UnmarshalText reads "20%" or "50".
func (s *Share) UnmarshalText(b []byte) error {
	_, err := parseShare(string(b))
	*s = Share(b)
	return err
}

// JSONSchema describes a share.
func (Share) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)?%?$`}, {Type: "integer", Minimum: "0"},
	}}
}

func (s Share) share() mapping.Share {
	v, err := parseShare(string(s))
	if err != nil { // checked when it was read
		panic(err)
	}
	return v
}

func parseShare(text string) (mapping.Share, error) {
	fault := fmt.Errorf("%q is no share; write 20%% of the people, or a number of them", text)
	if p, ok := strings.CutSuffix(text, "%"); ok {
		f, err := strconv.ParseFloat(p, 64)
		if err != nil || f < 0 || f > 100 {
			return mapping.Share{}, fault
		}
		return mapping.Share{Percent: f, Set: true}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return mapping.Share{}, fault
	}
	return mapping.Share{Count: n, IsCount: true, Set: true}, nil
}
