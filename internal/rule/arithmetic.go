// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
)

// arithmetic makes whole numbers and the numbers of an event calculate with each other. An event's numbers are
// doubles, as in all of JSON, and CEL has no double * int: without this, event.data.failed * 100 would be accepted and
// then fail for each event.
type arithmetic struct{}

// withArithmetic returns an expression in which that works.
func withArithmetic(env *cel.Env, checked *cel.Ast) (*cel.Ast, error) {
	optimizer, err := cel.NewStaticOptimizer(arithmetic{})
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	out, issues := optimizer.Optimize(env, checked)
	return out, issues.Err()
}

// Optimize converts the whole number of each calculation whose other number may be a double.
func (arithmetic) Optimize(ctx *cel.OptimizerContext, a *ast.AST) *ast.AST {
	calls := ast.MatchDescendants(ast.NavigateAST(a), ast.KindMatcher(ast.CallKind))
	for _, call := range calls {
		switch call.AsCall().FunctionName() {
		case operators.Add, operators.Subtract, operators.Multiply, operators.Divide:
		default:
			continue
		}
		args := call.AsCall().Args()
		if len(args) != 2 {
			continue
		}
		for i, arg := range args {
			if isWhole(a.GetType(arg.ID())) && mayBeDouble(a.GetType(args[1-i].ID())) {
				number := ctx.NewCall(overloads.TypeConvertDouble, ctx.CopyASTAndMetadata(ctx.NewAST(arg)))
				ctx.UpdateExpr(arg, ctx.NewCall(overloads.TypeConvertDyn, number)) // may be compared with whole numbers
			}
		}
	}
	return a
}

func isWhole(t *types.Type) bool { return t.Kind() == types.IntKind || t.Kind() == types.UintKind }

func mayBeDouble(t *types.Type) bool {
	return t.Kind() == types.DynKind || t.Kind() == types.DoubleKind
}
