// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// costLimit bounds the cost of one evaluation. It is reached in well under a millisecond. An ordinary expression
// costs less than a hundred.
const costLimit = 100_000

var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		withTypes,
		ext.Strings(),
		cel.Variable("event", eventType),
		cel.CrossTypeNumericComparisons(true),
	)
})

// expression is a compiled spec.when.
type expression struct {
	program cel.Program
	// cheap is set when no event can make the program cost more than costLimit. Then the cost is not counted while it
	// runs: counting takes most of the time of a short expression.
	cheap bool
}

// compileExpression compiles a spec.when. The error says where it is wrong.
func compileExpression(text string) (*expression, error) {
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("line %d, column %d: %s", first.Location.Line(), first.Location.Column()+1, first.Message)
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("must be true or false, but is a %s", checked.OutputType())
	}
	if err := checkCalls(checked.NativeRep()); err != nil {
		return nil, err
	}
	if checked, err = withArithmetic(env, checked); err != nil {
		return nil, err
	}
	cost, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, err
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	cheap := cost.Max <= costLimit
	if !cheap {
		options = append(options, cel.CostLimit(costLimit), cel.InterruptCheckFrequency(100))
	}
	program, err := env.Program(checked, options...)
	if err != nil {
		return nil, err
	}
	return &expression{program, cheap}, nil
}

// growing lists functions whose result can be far larger than their arguments, before any cost is counted. No
// condition needs them.
var growing = []string{"replace", "join", "format"}

// checkCalls returns an error that names the first call of a growing function.
func checkCalls(a *ast.AST) error {
	var err error
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.CallKind && err == nil && slices.Contains(growing, e.AsCall().FunctionName()) {
			at := a.SourceInfo().GetStartLocation(e.ID())
			err = fmt.Errorf("line %d, column %d: function %s is not allowed", at.Line(), at.Column()+1, e.AsCall().FunctionName())
		}
	}))
	return err
}

// sizes bounds the values that expressions read, for CEL's estimate of their cost.
type sizes struct{}

// EstimateSize returns the bound of an event for everything in it.
func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if path := node.Path(); len(path) > 0 && path[0] == "event" {
		return &checker.SizeEstimate{Max: event.MaxDataBytes}
	}
	return nil
}

// EstimateCallCost returns nil, which leaves the cost of functions to CEL.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// missingKey is in the error of an expression that reads a label or datum that the event does not have.
const missingKey = "no such key"

// IsMissingKey reports whether an expression could not be evaluated because the event does not have what it reads. The
// expression may be right for other events.
func IsMissingKey(message string) bool { return strings.Contains(message, missingKey) }

// Input is an event that rules are matched against. It is converted for CEL only once, by the first rule that has an
// expression. It is safe for concurrent use as long as the event is not changed.
type Input struct {
	event *event.Event
	vars  func() (cel.Activation, error)
}

// NewInput returns an event as an Input.
func NewInput(e *event.Event) *Input {
	return &Input{event: e, vars: sync.OnceValues(func() (cel.Activation, error) {
		return cel.NewActivation(map[string]any{"event": newObject(e)})
	})}
}

// eval evaluates the expression for an event.
func (x *expression) eval(ctx context.Context, in *Input) (bool, error) {
	vars, err := in.vars()
	if err != nil {
		return false, err
	}
	var out ref.Val
	if x.cheap {
		out, _, err = x.program.Eval(vars)
	} else {
		out, _, err = x.program.ContextEval(ctx, vars)
	}
	if err != nil {
		if strings.Contains(err.Error(), "cost limit exceeded") {
			return false, errors.New("spec.when costs too much to evaluate for this event: simplify it")
		}
		return false, fmt.Errorf("evaluating spec.when: %w", err)
	}
	return out == types.True, nil
}
