package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

const root = "../.."

// document is one Markdown file.
type document struct {
	path     string // slashed, from the root
	blocks   []block
	tables   []table // those below an <!-- executed --> line
	links    []link
	sections map[string]bool // anchors, as GitHub makes them
}

// block is one fenced block.
type block struct {
	doc  string
	line int    // of its first line of text
	kind string // the info string: "console", "yaml fragment"
	text string
}

func (b block) language() string { return first(b.kind) }
func (b block) variant() string  { return strings.TrimSpace(strings.TrimPrefix(b.kind, b.language())) }

func first(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

type table struct {
	doc  string
	line int
	head []string
	rows [][]string
}

type link struct {
	line   int
	target string
}

// documents are all Markdown files but those of nested modules' dependencies.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".md") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		all = append(all, readMarkdown(filepath.ToSlash(rel), string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	codeSpan    = regexp.MustCompile("`[^`]*`")
)

func readMarkdown(name, text string) document {
	d := document{path: name, sections: map[string]bool{}}
	lines := strings.Split(text, "\n")
	executed := false
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			var b block
			b, i = readBlock(name, lines, i)
			d.blocks = append(d.blocks, b)
		case strings.TrimSpace(line) == "<!-- executed -->":
			executed = true
		case executed && strings.HasPrefix(line, "|"):
			var tb table
			tb, i = readTable(name, lines, i)
			d.tables = append(d.tables, tb)
			executed = false
		case strings.HasPrefix(line, "#"):
			d.sections[anchor(strings.TrimLeft(line, "# "))] = true
		default:
			for _, m := range linkPattern.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
				d.links = append(d.links, link{line: i + 1, target: m[1]})
			}
		}
	}
	return d
}

func readBlock(name string, lines []string, i int) (block, int) {
	open := lines[i]
	indent := len(open) - len(strings.TrimLeft(open, " "))
	b := block{doc: name, line: i + 2, kind: strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(open), "`"))}
	var text strings.Builder
	for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
		line := lines[i]
		if len(line) >= indent {
			line = line[indent:]
		}
		text.WriteString(line + "\n")
	}
	b.text = text.String()
	return b, i
}

func readTable(name string, lines []string, i int) (table, int) {
	tb := table{doc: name, line: i + 1, head: cells(lines[i])}
	for i += 2; i < len(lines) && strings.HasPrefix(lines[i], "|"); i++ {
		tb.rows = append(tb.rows, cells(lines[i]))
	}
	return tb, i - 1
}

func cells(line string) []string {
	parts := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), "`*")
	}
	return parts
}

// anchor is the fragment that GitHub gives a heading.
func anchor(heading string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case c == ' ':
			b.WriteByte('-')
		case unicode.IsLetter(c), unicode.IsDigit(c), c == '-', c == '_':
			b.WriteRune(c)
		}
	}
	return b.String()
}
