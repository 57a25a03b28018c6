// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

// apiDocument is the OpenAPI document that the server serves, as a JSON Schema to check its answers with.
type apiDocument struct {
	paths    map[string]map[string]operation
	compiler *jsonschema.Compiler
}

type operation struct {
	Responses map[string]struct {
		Content map[string]any `json:"content"`
	} `json:"responses"`
}

func readDocument() (*apiDocument, error) {
	response, err := http.Get(base + "/openapi.json")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	parsed := struct {
		Paths map[string]map[string]operation `json:"paths"`
	}{}
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return nil, err
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	d := &apiDocument{paths: parsed.Paths, compiler: jsonschema.NewCompiler()}
	d.compiler.AssertFormat()
	return d, d.compiler.AddResource("http://api.test/openapi.json", whole)
}

// TestDocumentIsOpenAPI validates the document against the schema that the OpenAPI Initiative publishes for 3.1
// (Apache License 2.0), and each schema in it against the schema of JSON Schema. Everything in it must be described.
func TestDocumentIsOpenAPI(t *testing.T) {
	w := gomega.NewWithT(t)
	response, err := http.Get(base + "/openapi.json")
	w.Expect(err).NotTo(gomega.HaveOccurred())
	defer response.Body.Close()
	whole, err := jsonschema.UnmarshalJSON(response.Body)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	published, err := jsonschema.NewCompiler().Compile("testdata/openapi-3.1.schema.json")
	w.Expect(err).NotTo(gomega.HaveOccurred())
	w.Expect(published.Validate(whole)).To(gomega.Succeed())

	parsed, _ := whole.(map[string]any)
	w.Expect(parsed["servers"]).To(gomega.HaveLen(1))
	components, _ := parsed["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	for name, schema := range schemas {
		_, err := document.compiler.Compile("http://api.test/openapi.json#/components/schemas/" + name)
		w.Expect(err).NotTo(gomega.HaveOccurred())
		properties, _ := schema.(map[string]any)["properties"].(map[string]any)
		for field, property := range properties {
			w.Expect(property).To(gomega.HaveKey("description"), "%s.%s", name, field)
			if strings.HasSuffix(field, "Time") {
				w.Expect(property).To(gomega.HaveKeyWithValue("format", "date-time"), "%s.%s", name, field)
			}
		}
	}
	severity := schemas["DefectSpec"].(map[string]any)["properties"].(map[string]any)["severity"]
	w.Expect(severity).To(gomega.HaveKeyWithValue("enum", gomega.ConsistOf("Critical", "High", "Medium", "Low")))
	w.Expect(schemas["NewDefectBody"].(map[string]any)["properties"].(map[string]any)["title"]).To(gomega.HaveKey("maxLength"))
	each(whole, func(object map[string]any) {
		for keyword := range object {
			w.Expect(keyword).NotTo(gomega.Equal("patternDescription"), "which is the framework's own: %v", object)
		}
	})
}

// TestKeysOfCallersAreKnown checks that problems know each map of a request, so that they do not repeat its keys.
func TestKeysOfCallersAreKnown(t *testing.T) {
	w := gomega.NewWithT(t)
	response, err := http.Get(base + "/openapi.json")
	w.Expect(err).NotTo(gomega.HaveOccurred())
	defer response.Body.Close()
	var whole map[string]any
	w.Expect(json.NewDecoder(response.Body).Decode(&whole)).To(gomega.Succeed())
	schemas := whole["components"].(map[string]any)["schemas"].(map[string]any)
	seen := map[string]bool{}
	var found []string
	var walk func(map[string]any)
	walk = func(object map[string]any) {
		if ref, ok := object["$ref"].(string); ok && !seen[ref] {
			seen[ref] = true
			each(schemas[path.Base(ref)], walk)
		}
		properties, _ := object["properties"].(map[string]any)
		for name, property := range properties {
			if _, isMap := property.(map[string]any)["additionalProperties"].(map[string]any); isMap {
				found = append(found, name)
			}
		}
	}
	each(whole["paths"], func(object map[string]any) { each(object["requestBody"], walk) })
	w.Expect(found).To(gomega.ContainElement("labels"))
	for _, name := range found {
		w.Expect(problem.Maps).To(gomega.ContainElement(name))
	}
}

// each calls do for all objects in a value.
func each(value any, do func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		do(v)
		for _, inner := range v {
			each(inner, do)
		}
	case []any:
		for _, inner := range v {
			each(inner, do)
		}
	}
}

// template returns the path in the document that matches a request's path.
func (d *apiDocument) template(path string) string {
	parts := strings.Split(path, "/")
	best := ""
	for template := range d.paths {
		wanted := strings.Split(template, "/")
		ok := len(wanted) == len(parts)
		for i := 0; ok && i < len(parts); i++ {
			ok = wanted[i] == parts[i] || strings.HasPrefix(wanted[i], "{")
		}
		if ok && (best == "" || strings.Count(template, "{") < strings.Count(best, "{")) {
			best = template
		}
	}
	return best
}

// check returns an error when an answer does not conform to the document.
func (d *apiDocument) check(method, path string, a answer) error {
	template := d.template(path)
	if template == "" {
		return nil
	}
	op, ok := d.paths[template][strings.ToLower(method)]
	if !ok {
		return nil
	}
	status := fmt.Sprint(a.status)
	if _, ok := op.Responses[status]; !ok || a.status >= 400 {
		status = "default"
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if a.body == "" {
		if len(op.Responses[status].Content) > 0 {
			return fmt.Errorf("no body, and %s says that there is one", status)
		}
		return nil
	}
	if _, ok := op.Responses[status].Content[kind]; !ok {
		return fmt.Errorf("the document has no %s for status %d", kind, a.status)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	schema, err := d.compiler.Compile(fmt.Sprintf("http://api.test/openapi.json#/paths/%s/%s/responses/%s/content/%s/schema",
		escape(template), strings.ToLower(method), status, escape(kind)))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}
