package mapping

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
)

// costLimit bounds one evaluation, in CEL's units of cost: a comparison is about
// one, a pass over text a tenth of a unit per byte. It is some milliseconds.
const costLimit = 100_000

// expression is a compiled CEL expression over record and meta.
type expression struct {
	program cel.Program
	source  string
	// keys are the members of record that it names; all says that it may use
	// others too.
	keys []string
	all  bool
	// metaKeys are the members of meta that it names.
	metaKeys []string
}

// tableEnv and documentEnv differ in the type of record: cells are text, so that
// record.port > 1024 is found to be wrong before any record is read.
var (
	tableEnv    = sync.OnceValues(func() (*cel.Env, error) { return newEnv(cel.StringType) })
	documentEnv = sync.OnceValues(func() (*cel.Env, error) { return newEnv(cel.DynType) })
)

// newEnv leaves out ext.Lists: its range function allocates before the limit of
// cost is looked at.
func newEnv(member *cel.Type) (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("record", cel.MapType(cel.StringType, member)),
		cel.Variable("meta", cel.MapType(cel.StringType, cel.StringType)),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserRecursionLimit(64),
		cel.RegexProgramSizeLimit(1000),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals()),
		ext.Strings(),
		ext.Network(),
	)
}

// compileExpression compiles source; at is its place in the Parser.
func compileExpression(source, at string, document, condition bool) (*expression, error) {
	newEnv := tableEnv
	if document {
		newEnv = documentEnv
	}
	env, err := newEnv()
	if err != nil {
		return nil, fmt.Errorf("building the expression language: %w", err)
	}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, fmt.Errorf("%s: %s", at, explainIssue(issues, document))
	}
	if err := checkResult(checked.OutputType(), condition); err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	e := &expression{program: program, source: source}
	e.findKeys(checked.NativeRep())
	return e, nil
}

func explainIssue(issues *cel.Issues, document bool) string {
	list := issues.Errors()
	if len(list) == 0 {
		return issues.Err().Error()
	}
	first := list[0]
	text := fmt.Sprintf("%s (line %d, column %d)", first.Message, first.Location.Line(), first.Location.Column()+1)
	switch {
	case strings.Contains(first.Message, "undeclared reference"):
		text += "; an expression knows record and meta"
	case !document && strings.Contains(first.Message, "no matching overload") && strings.Contains(first.Message, "string"):
		text += "; columns are text: write int(record.port) or double(record.score)"
	}
	return text
}

// checkResult refuses expressions whose type is known and of no use.
func checkResult(t *cel.Type, condition bool) error {
	if t.Kind() == types.DynKind {
		return nil
	}
	if condition {
		if t.Kind() != types.BoolKind {
			return fmt.Errorf("is a %s, not a condition; compare it with something", t)
		}
		return nil
	}
	switch t.Kind() {
	case types.StringKind, types.IntKind, types.UintKind, types.DoubleKind, types.BoolKind, types.TimestampKind,
		types.NullTypeKind, types.ListKind, types.OpaqueKind, types.AnyKind, types.TypeParamKind:
		return nil
	}
	return fmt.Errorf("is a %s; a field takes text, a number, a boolean, a timestamp or a list of these", t)
}

// findKeys collects the members of record that the expression names: record.x,
// record["x"], "x" in record. Any other use of record means all of them.
func (e *expression) findKeys(tree *ast.AST) {
	root := ast.NavigateAST(tree)
	for _, use := range ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind)) {
		key, ok := keyOf(use)
		switch {
		case use.AsIdent() == "meta" && ok && !slices.Contains(e.metaKeys, key):
			e.metaKeys = append(e.metaKeys, key)
		case use.AsIdent() != "record":
		case !ok:
			e.all = true
		case !slices.Contains(e.keys, key):
			e.keys = append(e.keys, key)
		}
	}
}

func keyOf(use ast.NavigableExpr) (string, bool) {
	parent, ok := use.Parent()
	if !ok {
		return "", false
	}
	switch parent.Kind() {
	case ast.SelectKind:
		return parent.AsSelect().FieldName(), true
	case ast.CallKind:
		call := parent.AsCall()
		args := call.Args()
		if len(args) != 2 {
			return "", false
		}
		switch call.FunctionName() {
		case "_[_]":
			return literalString(args[1])
		case "@in":
			return literalString(args[0])
		}
	}
	return "", false
}

func literalString(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}
