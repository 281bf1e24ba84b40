package charts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	_ "sigs.k8s.io/controller-runtime/pkg/controller" // registers the metrics of reconciles
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// registered are the names of the series that the code exports: the metrics
// that the packages declare, and those of controller-runtime's registry.
func registered(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, dir := range []string{"../pipeline", "../controllers", "../cmd"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				declared(file, names)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range controllerRuntime(t) {
		names[name] = true
	}
	return names
}

// declared adds the metrics of a file: the Name of options such as
// prometheus.GaugeOpts and the first argument of prometheus.NewDesc. A Name may
// be a prefix and the parameter of a function literal, as in
//
//	counter := func(name string) ... CounterOpts{Name: "weir_hub_" + name}
//
// whose calls are looked up then.
func declared(file *ast.File, names map[string]bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if kind, ok := strings.CutSuffix(selector(n.Type), "Opts"); ok {
				add(names, kind, literal(field(n, "Name")))
			}
		case *ast.CallExpr:
			if selector(n.Fun) == "NewDesc" && len(n.Args) > 0 {
				add(names, "", literal(n.Args[0]))
			}
		case *ast.AssignStmt:
			if prefix, kind := prefixing(n); prefix != "" {
				for _, argument := range firstArguments(file, n.Lhs[0].(*ast.Ident).Name) {
					add(names, kind, prefix+argument)
				}
			}
		}
		return true
	})
}

func add(names map[string]bool, kind, name string) {
	if name == "" {
		return
	}
	if kind == "Histogram" {
		names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = true, true, true
		return
	}
	names[name] = true
}

// selector is the name after the package: Gauge of prometheus.Gauge.
func selector(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "prometheus" {
			return s.Sel.Name
		}
	}
	return ""
}

func field(lit *ast.CompositeLit, name string) ast.Expr {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}

func literal(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		text, err := strconv.Unquote(lit.Value)
		if err == nil {
			return text
		}
	}
	return ""
}

// prefixing returns the prefix and the kind of metric of a function literal that
// makes metrics, or nothing.
func prefixing(assign *ast.AssignStmt) (prefix, kind string) {
	if len(assign.Rhs) != 1 || len(assign.Lhs) != 1 {
		return "", ""
	}
	fn, ok := assign.Rhs[0].(*ast.FuncLit)
	if _, named := assign.Lhs[0].(*ast.Ident); !ok || !named {
		return "", ""
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		name, joined := field(lit, "Name").(*ast.BinaryExpr)
		if opts, ok := strings.CutSuffix(selector(lit.Type), "Opts"); ok && joined {
			prefix, kind = literal(name.X), opts
		}
		return true
	})
	return prefix, kind
}

func firstArguments(file *ast.File, function string) []string {
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if fn, ok := call.Fun.(*ast.Ident); ok && fn.Name == function {
			if text := literal(call.Args[0]); text != "" {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}

var (
	fqName  = regexp.MustCompile(`fqName: "([^"]+)"`)
	buckets = regexp.MustCompile(`_(seconds|bytes)$`)
)

// controllerRuntime are the series of controller-runtime's registry. Describing
// does not tell a histogram: those of controller-runtime end with their unit,
// and a gauge that does is still found under its own name.
func controllerRuntime(t *testing.T) map[string]bool {
	t.Helper()
	registry, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		t.Fatalf("%T cannot be described", metrics.Registry)
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descs)
		close(descs)
	}()
	names := map[string]bool{}
	for d := range descs {
		if m := fqName.FindStringSubmatch(d.String()); m != nil {
			names[m[1]] = true
			if buckets.MatchString(m[1]) {
				add(names, "Histogram", m[1])
			}
		}
	}
	return names
}
