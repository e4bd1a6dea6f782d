package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "grantbridge"

// root is the module's folder, from this package's.
const root = "../.."

// file is one Go file, as far as the rules look.
type file struct {
	path      string // slashed, from the root
	dir       string
	pkg       string
	doc       string // the package comment
	imports   []string
	calls     []string // PACKAGE.NAME of what is selected from imported packages
	lines     int
	test      bool
	generated bool
}

// ours are the imports of this module, as folders.
func (f file) ours() []string {
	var dirs []string
	for _, i := range f.imports {
		if dir, ok := strings.CutPrefix(i, module+"/"); ok {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// helper reports whether the package helps tests and nothing else: its name ends
// in "test", as net/http/httptest's.
func (f file) helper() bool { return strings.HasSuffix(path.Base(f.dir), "test") }

func (f file) checksFromOutside() bool {
	floor, _ := floorOf(f.dir)
	return floor == 7
}

// room is the room that a folder is in: the longest of floors that it is within.
func room(dir string) string {
	found := ""
	for _, f := range floors {
		if within(dir, f.room) && len(f.room) > len(found) {
			found = f.room
		}
	}
	return found
}

func floorOf(dir string) (int, bool) {
	r := room(dir)
	i := slices.IndexFunc(floors, func(f floor) bool { return f.room == r })
	if i < 0 {
		return 0, false
	}
	return floors[i].floor, true
}

// within reports whether p is prefix or in it.
func within(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

var goFilesOnce = sync.OnceValues(parseAll)

// goFiles are all Go files of the module; nested modules are their own houses.
func goFiles(t *testing.T) []file {
	t.Helper()
	files, err := goFilesOnce()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found %d Go files; is %s still the module's folder?", len(files), root)
	}
	return files
}

func parseAll() (files []file, err error) {
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(p, d)
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parse(p)
		files = append(files, f)
		return err
	})
	return files, err
}

func enter(p string, d fs.DirEntry) error {
	name := d.Name()
	if p == root {
		return nil
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func parse(p string) (file, error) {
	text, err := os.ReadFile(p)
	if err != nil {
		return file{}, err
	}
	tree, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, err
	}
	rel, err := filepath.Rel(root, p)
	if err != nil {
		return file{}, err
	}
	f := file{
		path: filepath.ToSlash(rel), dir: path.Dir(filepath.ToSlash(rel)), pkg: tree.Name.Name, lines: strings.Count(string(text), "\n"),
		test: strings.HasSuffix(p, "_test.go"), generated: generatedLine.Match(text),
	}
	if tree.Doc != nil {
		f.doc = tree.Doc.Text()
	}
	names := map[string]string{} // the file's name of a package -> its path
	for _, spec := range tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, imported)
		names[path.Base(imported)] = imported
		if spec.Name != nil {
			names[spec.Name.Name] = imported
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && names[x.Name] != "" {
				f.calls = append(f.calls, names[x.Name]+"."+s.Sel.Name)
			}
		}
		return true
	})
	return f, nil
}

func readRoot(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
