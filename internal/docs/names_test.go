package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rooms are the packages whose names may stand in a document as `room.Name` or
// `room.Type.Member`.
var rooms = map[string]string{
	"access": "access", "directory": "directory", "mapping": "mapping", "store": "store", "provision": "provision",
	"scim": "scim", "web": "web", "handler": "internal/handler",
}

var (
	codeName = regexp.MustCompile("`([a-z]+)\\.([A-Za-z]\\w*)(?:\\.([A-Za-z]\\w*))?`")
	fileName = regexp.MustCompile(`\.(go|md|yaml|yml|json|txt|pass|xml|pem|db|sh|sql)$`)
)

func TestNamesOfCodeInDocumentsExist(t *testing.T) {
	declared := map[string]map[string]bool{}
	found := 0
	for _, d := range documents(t) {
		if d.path == "CHANGELOG.md" { // it may tell of what is gone
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, d.path))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range codeName.FindAllStringSubmatch(line, -1) {
				dir, ok := rooms[m[1]]
				name := strings.TrimSuffix(m[2]+"."+m[3], ".")
				if !ok || fileName.MatchString(strings.Trim(m[0], "`")) {
					continue
				}
				if declared[dir] == nil {
					declared[dir] = declarations(t, dir)
				}
				found++
				if !declared[dir][name] {
					t.Errorf("%s:%d: there is no %s in %s", d.path, i+1, name, dir)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no name of code was found in any document; does the pattern still fit?")
	}
}

// declarations are the names that a package declares: functions, types, values,
// and "Type.member" for methods and fields.
func declarations(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, p := range files {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range tree.Decls {
			declare(names, decl)
		}
	}
	return names
}

func declare(names map[string]bool, decl ast.Decl) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			names[decl.Name.Name] = true
			return
		}
		names[receiver(decl.Recv.List[0].Type)+"."+decl.Name.Name] = true
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
				declareMembers(names, spec)
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					names[n.Name] = true
				}
			}
		}
	}
}

func declareMembers(names map[string]bool, spec *ast.TypeSpec) {
	var fields *ast.FieldList
	switch x := spec.Type.(type) {
	case *ast.StructType:
		fields = x.Fields
	case *ast.InterfaceType:
		fields = x.Methods
	default:
		return
	}
	for _, f := range fields.List {
		for _, n := range f.Names {
			names[spec.Name.Name+"."+n.Name] = true
		}
	}
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}
