package apiserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// apiDocument is the OpenAPI document that the server answers, as a JSON Schema to check its answers with.
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

// template is the path of the document that a request's path is of.
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

// check says what in an answer is not as the document has it.
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
	schema, err := d.compiler.Compile(fmt.Sprintf("http://api.test/openapi.json#/paths/%s/%s/responses/%s/content/%s/schema", escape(template), strings.ToLower(method), status, escape(kind)))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}
