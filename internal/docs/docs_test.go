package docs

import (
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"grantbridge/access"
	"grantbridge/mapping"
)

func TestEveryRelativeLinkResolves(t *testing.T) {
	docs := documents(t)
	sections := map[string]map[string]bool{}
	for _, d := range docs {
		sections[d.path] = d.sections
	}
	for _, d := range docs {
		for _, l := range d.links {
			if strings.Contains(l.target, "://") || strings.HasPrefix(l.target, "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(l.target, "#")
			to := d.path
			if file != "" {
				to = path.Join(path.Dir(d.path), file)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s:%d: link %s leads nowhere", d.path, l.line, l.target)
			} else if fragment != "" && sections[to] != nil && !sections[to][fragment] {
				t.Errorf("%s:%d: %s has no section #%s", d.path, l.line, to, fragment)
			}
		}
	}
}

func TestEveryBlockIsWhatItSaysItIs(t *testing.T) {
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			t.Run(fmt.Sprintf("%s:%d", b.doc, b.line), func(t *testing.T) {
				if err := checkBlock(t, b); err != nil {
					t.Errorf("%s:%d: %v", b.doc, b.line, err)
				}
			})
		}
	}
}

// checkBlock checks what needs no running; console blocks are console_test's.
func checkBlock(t *testing.T, b block) error {
	switch b.language() {
	case "", "text", "console", "mermaid":
		return nil
	case "yaml":
		return checkYAML(t, b)
	case "json":
		if !json.Valid([]byte(b.text)) {
			return fmt.Errorf("not JSON:\n%s", b.text)
		}
		return nil
	case "go":
		_, err := format.Source([]byte(b.text))
		return err
	case "sh":
		cmd := exec.Command("bash", "-n")
		cmd.Stdin = strings.NewReader(b.text)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	case "toml", "ini", "xml", "ldif", "sql", "http", "nginx", "php":
		return nil
	}
	return fmt.Errorf("block of kind %q; doc.go lists the kinds", b.kind)
}

func checkYAML(t *testing.T, b block) error {
	var top any
	if err := yaml.UnmarshalWithOptions([]byte(b.text), &top, yaml.Strict()); err != nil {
		return err
	}
	keys, _ := top.(map[string]any)
	has := func(names ...string) bool {
		for _, n := range names {
			if _, ok := keys[n]; ok {
				return true
			}
		}
		return false
	}
	switch {
	case b.variant() == "fragment":
		return nil
	case has("rules"):
		_, problems := mapping.Parse(fmt.Sprintf("%s:%d", b.doc, b.line), []byte(b.text), mapping.Env{Catalogue: access.DefaultCatalogue()})
		if problems.Failed() {
			return problems
		}
	case has("listen", "store", "sources"):
		return checkConfig(t, b.text)
	}
	return nil
}

var (
	variable  = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*)`)
	namedFile = regexp.MustCompile(`_file:\s*"?([A-Za-z0-9._-]+)`)
)

// checkConfig lets the binary check a configuration, with the variables and
// files that it names.
func checkConfig(t *testing.T, text string) error {
	dir := t.TempDir()
	env := shellEnv(t, dir)
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		env = append(env, m[1]+"=0123456789abcdef0123456789abcdef")
	}
	for _, m := range namedFile.FindAllStringSubmatch(text, -1) {
		name := filepath.Join(dir, m[1])
		if strings.HasPrefix(m[1], "mapping") {
			os.WriteFile(name, []byte("version: 1\nrules: []\n"), 0o600)
			continue
		}
		os.WriteFile(name, []byte("0123456789abcdef0123456789abcdef\n"), 0o600)
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(binary(t), "config", "check", "--config", file)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("config check: %w\n%s", err, out)
	}
	return nil
}
