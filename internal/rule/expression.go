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

// costLimit bounds one evaluation. It is reached in well under a millisecond; an ordinary expression costs less than a hundred.
const costLimit = 100_000

var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		withTypes,
		ext.Strings(),
		cel.Variable("event", eventType),
		cel.CrossTypeNumericComparisons(true),
	)
})

type expression struct {
	program cel.Program
	// cheap says that no event can make it cost more than costLimit, so that the cost need not be counted while it runs, which is most of
	// what a short expression takes.
	cheap bool
}

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

// growing are functions whose result can be far larger than what they are given, before any cost is counted. No condition needs them.
var growing = []string{"replace", "join", "format"}

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

// sizes bounds what expressions read, for the estimate of what they cost at most.
type sizes struct{}

// EstimateSize bounds everything in an event.
func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if path := node.Path(); len(path) > 0 && path[0] == "event" {
		return &checker.SizeEstimate{Max: event.MaxDataBytes}
	}
	return nil
}

// EstimateCallCost leaves the cost of functions to CEL.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// Input is an event as rules are matched against it. What expressions see of it is worked out once, when the first of them is tried, however
// many rules there are. It is safe for use by several goroutines, as long as nobody changes the event.
type Input struct {
	event *event.Event
	vars  func() (cel.Activation, error)
}

// NewInput makes an event ready to be matched.
func NewInput(e *event.Event) *Input {
	return &Input{event: e, vars: sync.OnceValues(func() (cel.Activation, error) {
		return cel.NewActivation(map[string]any{"event": newObject(e)})
	})}
}

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
			return false, errors.New("spec.when costs too much to work out for this event: make it simpler")
		}
		return false, fmt.Errorf("working out spec.when: %w", err)
	}
	return out == types.True, nil
}
