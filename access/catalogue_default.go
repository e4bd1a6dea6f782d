package access

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

//go:embed catalogue_matomo.json
var matomoJSON []byte

var defaultCatalogue = sync.OnceValue(func() *Catalogue {
	c, err := ParseCatalogue(matomoJSON)
	if err != nil {
		panic(err) // the file is part of the program, and a test reads it
	}
	return c
})

// DefaultCatalogue is the platform's own matrix (Matomo 5; requirements section B).
func DefaultCatalogue() *Catalogue { return defaultCatalogue() }

// ParseCatalogue reads a catalogue file: {"version", "actions", "roles"}, the
// latter two as Action and Role say. Unknown keys are refused.
func ParseCatalogue(text []byte) (*Catalogue, error) {
	var f struct {
		Version string   `json:"version"`
		Actions []Action `json:"actions"`
		Roles   []Role   `json:"roles"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("read catalogue: something follows its end")
	}
	return NewCatalogue(f.Version, f.Actions, f.Roles)
}
