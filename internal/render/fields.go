package render

import (
	"fmt"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// maxFieldValue bounds the value of one further field of a ticket, in bytes.
const maxFieldValue = 32 << 10

// Fields are the values of an integration's further fields for a Defect, by name, and what is left out because its template fails.
func Fields(d *v1alpha1.Defect, fields []v1alpha1.JiraField) (values map[string]string, omitted []string) {
	if len(fields) == 0 {
		return nil, nil
	}
	data := defectData(d)
	values = make(map[string]string, len(fields))
	for _, f := range fields {
		value, err := fieldValue(f, data)
		if err != nil {
			omitted = append(omitted, fmt.Sprintf("%s: %v", f.Name, err))
			continue
		}
		if value != "" {
			values[f.Name] = value
		}
	}
	return values, omitted
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
