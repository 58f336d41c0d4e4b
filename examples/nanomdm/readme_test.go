package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	_ "github.com/sideshow/apns2" // for the README compares with it
)

// peers are the modules of the README's table, and the packages that it names by their last element.
var peers = map[string][]string{
	"nanodep": {
		"github.com/micromdm/nanodep/client", "github.com/micromdm/nanodep/godep", "github.com/micromdm/nanodep/sync",
		"github.com/micromdm/nanodep/tokenpki", "github.com/micromdm/nanodep/albc", "github.com/micromdm/nanodep/cryptoutil",
	},
	"nanomdm": {
		"github.com/micromdm/nanomdm/push", "github.com/micromdm/nanomdm/push/nanopush", "github.com/micromdm/nanomdm/mdm",
	},
	"nanoaxm": {
		"github.com/micromdm/nanoaxm/storage", "github.com/micromdm/nanoaxm/goaxm",
	},
	"apns2": {
		"github.com/sideshow/apns2", "github.com/sideshow/apns2/certificate", "github.com/sideshow/apns2/payload",
	},
	"ours": {
		"github.com/applemdm/applemdm/dep", "github.com/applemdm/applemdm/apns",
		"github.com/applemdm/applemdm/axm", "github.com/applemdm/applemdm/examples/nanomdm/fromnanoaxm",
		"github.com/applemdm/applemdm/examples/nanomdm/fromnanodep", "github.com/applemdm/applemdm/examples/nanomdm/apnspush",
	},
}

var (
	tableRow = regexp.MustCompile(`(?m)^\| (nanodep|nanomdm|nanoaxm|apns2) \| (.*) \| (.*) \| (.*)\|$`)
	symbol   = regexp.MustCompile("`([a-z0-9]+\\.[A-Z][A-Za-z0-9.]*)`")
)

// TestREADME looks up everything that the README's table names in the sources that go.mod names.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	must(t, err)
	rows := tableRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 25 {
		t.Fatalf("the table has %d rows that this test can read", len(rows))
	}
	exported := map[string]map[string]bool{}
	for name, packages := range peers {
		exported[name] = symbolsOf(t, packages)
	}
	for _, row := range rows {
		theirs, ours := symbol.FindAllStringSubmatch(row[2], -1), symbol.FindAllStringSubmatch(row[3]+row[4], -1)
		if len(theirs) == 0 || len(ours) == 0 {
			t.Errorf("nothing to look up in %q", row[0])
		}
		for _, name := range theirs {
			if !exported[row[1]][name[1]] {
				t.Errorf("%s has no %s", row[1], name[1])
			}
		}
		for _, name := range ours {
			if name[1] != "errors.Is" && !exported["ours"][name[1]] {
				t.Errorf("there is no %s here", name[1])
			}
		}
	}
}

// symbolsOf returns what packages export, as "package.Name", "package.Type.Method" and
// "package.Type.Field".
func symbolsOf(t *testing.T, packages []string) map[string]bool {
	t.Helper()
	const files = `{{$p := .}}{{range .GoFiles}}{{$p.Name}} {{$p.Dir}}/{{.}}{{"\n"}}{{end}}`
	out, err := exec.Command("go", append([]string{"list", "-f", files}, packages...)...).Output()
	must(t, err)
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		name, path, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		must(t, err)
		for _, decl := range file.Decls {
			for _, s := range symbolsIn(decl) {
				found[name+"."+s] = true
			}
		}
	}
	return found
}

func symbolsIn(decl ast.Decl) (list []string) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			return []string{decl.Name.Name}
		}
		receiver := decl.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		if named, ok := receiver.(*ast.Ident); ok {
			return []string{named.Name + "." + decl.Name.Name}
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					list = append(list, name.Name)
				}
			case *ast.TypeSpec:
				list = append(list, spec.Name.Name)
				fields, ok := spec.Type.(*ast.StructType)
				if !ok {
					continue
				}
				for _, field := range fields.Fields.List {
					for _, name := range field.Names {
						list = append(list, spec.Name.Name+"."+name.Name)
					}
				}
			}
		}
	}
	return list
}
