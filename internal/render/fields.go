// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/markup"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	// maxFieldValue bounds the value of one further field of a ticket, in bytes.
	maxFieldValue = 32 << 10
	// maxEscaped is how many times longer escaping can make a text: a backslash becomes five bytes.
	maxEscaped = 5
	// escapeFunction is the function that escapes what actions write. Templates cannot call it by name.
	escapeFunction = "_wiki"
)

// Fields returns the values of an integration's further fields for a Defect, by name, and which are left out because
// their templates fail. markup has the values of text fields as wiki markup: that of the template works, that of text
// from outside does not.
func Fields(d *v1alpha1.Defect, fields []v1alpha1.JiraField) (values, markup map[string]string, omitted []string) {
	if len(fields) == 0 {
		return nil, nil, nil
	}
	data := defectData(d)
	values = make(map[string]string, len(fields))
	markup = map[string]string{}
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

// CheckFields returns what is wrong with the templates of an integration's further fields for any Defect.
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

// fieldValue returns the value of a field as plain text. It is empty when nothing of it is visible.
func fieldValue(f v1alpha1.JiraField, data map[string]any) (string, error) {
	t, err := ParseTemplate(f.Template, slices.Sorted(maps.Keys(data)))
	if err != nil {
		return "", err
	}
	value, err := t.Execute(data, maxFieldValue)
	if !markup.Visible(value) {
		return "", err
	}
	return strings.TrimSpace(value), err
}

// fieldMarkup returns the value of a field as wiki markup. What actions write is escaped, the text between them is
// not. Values are escaped when they are written, so that comparisons see them as they are.
func fieldMarkup(f v1alpha1.JiraField, data map[string]any) (string, error) {
	t, err := ParseTemplate(f.Template, slices.Sorted(maps.Keys(data)))
	if err != nil {
		return "", err
	}
	t.parsed.Funcs(template.FuncMap{escapeFunction: func(value any) string { return markup.Wiki(asText(value)) }})
	escapeActions(t.parsed.Root)
	value, err := t.Execute(data, maxEscaped*maxFieldValue)
	return strings.TrimSpace(value), err
}

// escapeActions appends escapeFunction to each action that writes something, as html/template does.
func escapeActions(n parse.Node) {
	a, ok := n.(*parse.ActionNode)
	if ok && len(a.Pipe.Decl) == 0 { // an action that sets a variable writes nothing
		escape := parse.NewIdentifier(escapeFunction).SetPos(a.Pos)
		a.Pipe.Cmds = append(a.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: a.Pos, Args: []parse.Node{escape}})
		return
	}
	for _, child := range children(n) {
		escapeActions(child)
	}
}

// defectData returns what a field's template sees of a Defect. All names are always there, so that a misspelt one is
// an error.
func defectData(d *v1alpha1.Defect) map[string]any {
	labels := d.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	data := map[string]any{
		"name": d.Name, "namespace": d.Namespace, "labels": labels,
		"severity": string(d.Spec.Severity), "category": string(d.Spec.Category), "state": string(d.Status.State),
	}
	for key, value := range map[string]string{
		"title": d.Spec.Title, "description": d.Spec.Description, "stepsToReproduce": d.Spec.StepsToReproduce,
		"expectedResult": d.Spec.ExpectedResult, "actualResult": d.Spec.ActualResult,
		"suite": d.Spec.Suite, "run": d.Spec.Run, "testCase": d.Spec.TestCase, "fingerprint": d.Spec.Fingerprint,
	} {
		data[key] = text.Plain(value)
	}
	return data
}
