package render

import (
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// maxFieldValue bounds the value of one further field of a ticket, in bytes.
	maxFieldValue = 32 << 10
	// maxEscaped is how many times as long escaping makes a text at most: a backslash becomes five bytes.
	maxEscaped = 5
	// escapeFunction is what actions are escaped by. Templates cannot name it.
	escapeFunction = "_wiki"
)

// Fields are the values of an integration's further fields for a Defect, by name, and what is left out because its template fails. markup has
// those of texts as wiki markup too: the template's own works in it, and none that comes from outside.
func Fields(d *v1alpha1.Defect, fields []v1alpha1.JiraField) (values, markup map[string]string, omitted []string) {
	if len(fields) == 0 {
		return nil, nil, nil
	}
	data := defectData(d)
	values, markup = make(map[string]string, len(fields)), map[string]string{}
	for _, f := range fields {
		value, err := fieldValue(f, data)
		if err == nil && value != "" && ticket.FieldType(f.Type) == ticket.Text {
			markup[f.Name], err = fieldMarkup(f, data)
		}
		if err != nil {
			omitted = append(omitted, fmt.Sprintf("%s: %v", f.Name, err))
			continue
		}
		if value != "" {
			values[f.Name] = value
		}
	}
	return values, markup, omitted
}

// CheckFields says what is wrong with the templates of an integration's further fields, whatever the Defect.
func CheckFields(fields []v1alpha1.JiraField) []string {
	data := defectData(&v1alpha1.Defect{})
	var problems []string
	for _, f := range fields {
		if _, err := fieldValue(f, data); err != nil {
			problems = append(problems, fmt.Sprintf("the template of field %q: %v", f.Name, err))
		}
	}
	return problems
}

func fieldValue(f v1alpha1.JiraField, data map[string]any) (string, error) {
	t, err := ParseTemplate(f.Template)
	if err != nil {
		return "", err
	}
	value, err := t.Execute(data, maxFieldValue)
	return strings.TrimSpace(value), err
}

// fieldMarkup is a field's value with all escaped that actions write, and nothing of what stands between them. Values are escaped when they are
// written and not before, so that comparisons are of what they are.
func fieldMarkup(f v1alpha1.JiraField, data map[string]any) (string, error) {
	t, err := ParseTemplate(f.Template)
	if err != nil {
		return "", err
	}
	t.parsed.Funcs(template.FuncMap{escapeFunction: func(value any) string { return wiki(fmt.Sprint(value)) }})
	escapeActions(t.parsed.Root)
	value, err := t.Execute(data, maxEscaped*maxFieldValue)
	return strings.TrimSpace(value), err
}

// escapeActions has everything that actions write go through escapeFunction, as html/template does it.
func escapeActions(n parse.Node) {
	branch := func(b *parse.BranchNode) {
		escapeActions(b.List)
		if b.ElseList != nil {
			escapeActions(b.ElseList)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			escapeActions(child)
		}
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 { // one that sets a variable writes nothing
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{parse.NewIdentifier(escapeFunction).SetPos(n.Pos)}})
		}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	}
}

// defectData is what a field's template sees of a Defect. Everything it can name is there, so that a misspelt name is found at once.
func defectData(d *v1alpha1.Defect) map[string]any {
	labels := d.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	data := map[string]any{
		"name": d.Name, "namespace": d.Namespace, "labels": labels,
		"severity": string(d.Spec.Severity), "category": string(d.Spec.Category), "state": string(d.Status.State),
	}
	for key, text := range map[string]string{
		"title": d.Spec.Title, "description": d.Spec.Description, "stepsToReproduce": d.Spec.StepsToReproduce,
		"expectedResult": d.Spec.ExpectedResult, "actualResult": d.Spec.ActualResult,
		"suite": d.Spec.Suite, "run": d.Spec.Run, "testCase": d.Spec.TestCase, "fingerprint": d.Spec.Fingerprint,
	} {
		data[key] = clean(text)
	}
	return data
}
