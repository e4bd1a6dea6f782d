package provision

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"testing"
)

func TestAnOutageIsToldOnceForEachReason(t *testing.T) {
	var logged bytes.Buffer
	c := &Config{Log: slog.New(slog.NewTextHandler(&logged, nil))}
	refused, newer := errors.New("refused"), errors.New("newer")
	var gone outage
	for _, err := range []error{nil, refused, refused, newer, newer, nil, nil, refused, nil} {
		gone.tell(c, err)
	}
	var got string
	for _, m := range regexp.MustCompile(`(level=INFO)|error=(\w+)`).FindAllStringSubmatch(logged.String(), -1) {
		got += " " + m[1] + m[2]
	}
	if want := " refused newer level=INFO refused level=INFO"; got != want {
		t.Errorf("the log says%s, want%s:\n%s", got, want, &logged)
	}
}
