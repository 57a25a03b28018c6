package rule

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// costLimit bounds one evaluation. It is reached in well under a millisecond; an ordinary expression costs less than a hundred.
const costLimit = 100_000

// Event is what an expression sees. Its fields are declared, so that a misspelt one is found when the rule is written.
type Event struct {
	Type     string            `cel:"type"`
	Severity string            `cel:"severity"`
	Labels   map[string]string `cel:"labels"`
	Subject  Subject           `cel:"subject"`
	Data     *structpb.Struct  `cel:"data"`
}

// Subject is the object an event is about; its fields are empty where there is none.
type Subject struct {
	Kind      string `cel:"kind"`
	Namespace string `cel:"namespace"`
	Name      string `cel:"name"`
}

var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		ext.NativeTypes(reflect.TypeFor[Event](), ext.ParseStructTags(true)),
		ext.Strings(),
		cel.Variable("event", cel.ObjectType("rule.Event")),
		cel.CrossTypeNumericComparisons(true),
	)
})

type expression struct{ program cel.Program }

func compileExpression(text string) (*expression, error) {
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("line %d, column %d: %s", first.Location.Line(), first.Location.Column()+1, first.Message)
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("must be true or false, but is a %s", ast.OutputType())
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, err
	}
	return &expression{program}, nil
}

func (x *expression) eval(ctx context.Context, e *event.Event) (bool, error) {
	data, err := structpb.NewStruct(e.Data)
	if err != nil {
		return false, fmt.Errorf("working out spec.when: the event's data: %w", err)
	}
	in := Event{Type: string(e.Type), Severity: string(e.Severity), Labels: e.Labels, Data: data}
	if e.Subject != nil {
		in.Subject = Subject{Kind: e.Subject.Kind, Namespace: e.Subject.Namespace, Name: e.Subject.Name}
	}
	out, _, err := x.program.ContextEval(ctx, map[string]any{"event": in})
	if err != nil {
		if strings.Contains(err.Error(), "cost limit exceeded") {
			return false, errors.New("spec.when costs too much to work out for this event: make it simpler")
		}
		return false, fmt.Errorf("working out spec.when: %w", err)
	}
	return out == types.True, nil
}
