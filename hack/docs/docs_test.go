// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/voiceai-dev/integrations-operator/config/crd"
)

func TestParseHelp(t *testing.T) {
	var help bytes.Buffer
	set := flag.NewFlagSet("operator", flag.ContinueOnError)
	set.SetOutput(&help)
	set.String("address", ":8081", "The `host:port` to listen on; 0 | off disables it.")
	set.Duration("age", time.Hour, "How old (at most) an event is.")
	set.Bool("elect", false, "Elect a leader.")
	set.Bool("verbose", true, "Log more.\nMuch more.")
	set.Bool("v", false, "Short.")
	set.String("name", "", "The name.")
	set.Usage()

	got, err := parseHelp(help.String())
	if err != nil {
		t.Fatal(err)
	}
	want := []commandFlag{
		{name: "address", valueType: "host:port", defaultValue: ":8081", usage: "The host:port to listen on; 0 | off disables it."},
		{name: "age", valueType: "duration", defaultValue: "1h0m0s", usage: "How old (at most) an event is."},
		{name: "elect", valueType: "bool", defaultValue: "false", usage: "Elect a leader."},
		{name: "name", valueType: "string", usage: "The name."},
		{name: "v", valueType: "bool", defaultValue: "false", usage: "Short."},
		{name: "verbose", valueType: "bool", defaultValue: "true", usage: "Log more. Much more."},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(commandFlag{})); diff != "" {
		t.Errorf("unexpected flags (-want +got):\n%s", diff)
	}
	page := flagReference(got)
	if row := "| `--address` | host:port | `:8081` | The host:port to listen on; 0 \\| off disables it. |\n"; !strings.Contains(page, row) {
		t.Errorf("the page lacks %q:\n%s", row, page)
	}
}

func TestParseHelpRejectsOtherText(t *testing.T) {
	for _, help := range []string{"", "operator: command not found\n", "    \tusage of no flag\n"} {
		if flags, err := parseHelp(help); err == nil {
			t.Errorf("parseHelp(%q) = %v, want an error", help, flags)
		}
	}
}

const widgets = `
spec:
  group: example.com
  names: {kind: Widget, plural: widgets, shortNames: [wd], categories: [all]}
  scope: Namespaced
  versions:
  - name: v1
    additionalPrinterColumns:
    - {name: Ready, type: string, jsonPath: .status.ready}
    - {name: Message, type: string, jsonPath: .status.message, priority: 1}
    schema:
      openAPIV3Schema:
        description: Widget is an example.
        type: object
        properties:
          metadata: {type: object}
          spec:
            description: spec is wanted.
            type: object
            required: [size]
            x-kubernetes-validations:
            - {rule: "has(self.a) || has(self.b)", message: a or b is required}
            properties:
              size: {type: integer, format: int32, minimum: 1, maximum: 9, description: size is a number.}
              color:
                type: string
                enum: [Red, Green]
                default: Red
              names:
                type: array
                x-kubernetes-list-type: set
                maxItems: 3
                items:
                  type: string
                  minLength: 2
                  x-kubernetes-validations:
                  - {rule: "self != 'a|b'", message: must not be a or b}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  description: Part is a part.
                  type: object
                  required: [name]
                  properties:
                    name: {type: string, maxLength: 5}
`

func TestAPIReference(t *testing.T) {
	crds, err := readCRDs(fstest.MapFS{"bases/widgets.yaml": {Data: []byte(widgets)}})
	if err != nil {
		t.Fatal(err)
	}
	page := apiReference(crds)
	for _, want := range []string{
		"- [Widget](#widget)\n",
		"## Widget\n\nWidget is an example.\n",
		"`example.com/v1`",
		"- Names for kubectl: `widgets`, `wd`, `all`\n",
		"| Ready | `.status.ready` | always |\n| Message | `.status.message` | with `-o wide` |\n",
		"- a or b is required (`has(self.a) || has(self.b)`)\n",
		"| `size` | int32 | yes |  | 1 to 9 | size is a number. |\n",
		"| `color` | string |  | `\"Red\"` | one of `Red`, `Green` |  |\n",
		"| `names` | set of string |  |  | at most 3 items; each: at least 2 characters, must not be a or b (`self != 'a\\|b'`) |  |\n",
		"| `parts` | [list of object](#widgetspecparts) |  |  | unique `name` |  |\n",
		"### Widget.spec.parts\n\nPart is a part.\n",
		"| `name` | string | yes |  | at most 5 characters |  |\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// TestEveryFieldIsDescribed covers the real CRDs: no field of a kind may lack a description.
func TestEveryFieldIsDescribed(t *testing.T) {
	crds, err := readCRDs(crd.Bases)
	if err != nil {
		t.Fatal(err)
	}
	if len(crds) != 6 {
		t.Errorf("found %d CRDs, want 6", len(crds))
	}
	for line := range strings.Lines(apiReference(crds)) {
		if strings.HasPrefix(line, "| `") && strings.HasSuffix(line, "|  |\n") {
			t.Errorf("no description: %s", line)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	raw, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.1.0" || document.Paths["/api/v1/defects"]["get"] == nil {
		t.Errorf("unexpected document: openapi %q, %d paths", document.OpenAPI, len(document.Paths))
	}
	again, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, again) {
		t.Error("two calls returned different documents")
	}
}
