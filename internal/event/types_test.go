// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

var update = flag.Bool("update", false, "rewrite docs/events.md")

// typeNames returns the names of all types of event, in the order of the table.
func typeNames() []string {
	var out []string
	for _, t := range event.Types {
		out = append(out, string(t.Name))
	}
	return out
}

// TestTypesAreDistinct checks what is looked up by it: a name, a CloudEvents type, a member's name.
func TestTypesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range event.Types {
		for _, key := range []string{string(row.Name), row.CloudEvent} {
			if key != "" && seen[key] {
				t.Errorf("%s is there twice", key)
			}
			seen[key] = true
		}
		if row.Source == "" || row.ID == "" || row.Severity == "" {
			t.Errorf("%s is not described", row.Name)
		}
		members := map[string]bool{}
		for _, m := range row.Data {
			if m.Name == "" || m.Meaning == "" || members[m.Name] {
				t.Errorf("%s: member %q has no meaning, or is there twice", row.Name, m.Name)
			}
			members[m.Name] = true
		}
		if !members["title"] {
			t.Errorf("%s has no title", row.Name)
		}
		if got, ok := event.TypeOf(row.Name); !ok || got.Name != row.Name {
			t.Errorf("TypeOf(%s) = %s, %v", row.Name, got.Name, ok)
		}
	}
	if got, ok := event.TypeOf("Unknown"); ok {
		t.Errorf("TypeOf(Unknown) = %+v", got)
	}
}

// TestMembersHaveOneKind checks that a member is a text in every type, or a number in every type: templates see all
// members of all types.
func TestMembersHaveOneKind(t *testing.T) {
	kinds := map[string]reflect.Kind{}
	check := func(of string, members []event.Member) {
		for _, m := range members {
			kind := reflect.ValueOf(m.Example).Kind()
			if kind != reflect.String && kind != reflect.Float64 || kinds[m.Name] != reflect.Invalid && kinds[m.Name] != kind {
				t.Errorf("%s: the example of %s is a %s", of, m.Name, kind)
			}
			kinds[m.Name] = kind
		}
	}
	for _, row := range event.Types {
		check(string(row.Name), row.Data)
	}
	check("CloudEvents", event.CloudEventData)
}

// TestConstantsAreInTheTable compares the table with the constants of type EventType in package v1alpha1.
func TestConstantsAreInTheTable(t *testing.T) {
	var constants []string
	files, err := filepath.Glob("../../api/v1alpha1/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "EventType" && len(spec.Values) == 1 {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				constants = append(constants, value)
			}
			return false
		})
	}
	table := typeNames()
	slices.Sort(table)
	if slices.Sort(constants); !slices.Equal(constants, table) {
		t.Errorf("constants %v\ntable     %v", constants, table)
	}
}

// TestCRDsListTheTypes compares the table with the markers in api/v1alpha1, by the CRDs that are made of them.
func TestCRDsListTheTypes(t *testing.T) {
	enums := 0
	for _, name := range []string{"notificationrules", "notifications"} {
		raw, err := os.ReadFile("../../config/crd/bases/integrations.voiceai.dev_" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var crd any
		if err := yaml.Unmarshal(raw, &crd); err != nil {
			t.Fatal(err)
		}
		walk(crd, func(key string, schema map[string]any) {
			if enum := texts(schema["enum"]); len(enum) > 0 && slices.Contains(typeNames(), enum[0]) {
				enums++
				if !slices.Equal(enum, typeNames()) {
					t.Errorf("%s: the enum of %s is\n%v, want\n%v", name, key, enum, typeNames())
				}
			}
			if key != "eventTypes" {
				return
			}
			if schema["maxItems"] != float64(len(event.Types)) {
				t.Errorf("maxItems of eventTypes is %v, want %d", schema["maxItems"], len(event.Types))
			}
			for _, want := range typeNames() {
				if description, _ := schema["description"].(string); !strings.Contains(description, want) {
					t.Errorf("the description of eventTypes does not name %s", want)
				}
			}
		})
	}
	if enums != 3 { // spec.eventTypes, status.lastError.eventType and spec.event.type
		t.Errorf("found %d enums of event types, want 3", enums)
	}
}

// walk calls do for each object in a value, with its key.
func walk(value any, do func(key string, object map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if object, ok := inner.(map[string]any); ok {
				do(key, object)
			}
			walk(inner, do)
		}
	case []any:
		for _, inner := range v {
			walk(inner, do)
		}
	}
}

func texts(list any) []string {
	var out []string
	items, _ := list.([]any)
	for _, item := range items {
		s, _ := item.(string)
		out = append(out, s)
	}
	return out
}

// TestDocs compares docs/events.md with the table. With -update it rewrites the parts of the page that are made of
// the table.
func TestDocs(t *testing.T) {
	const path = "../../docs/events.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(raw)
	for part, text := range map[string]string{"types": typesTable(), "data": dataTables(), "CloudEvents": cloudEventsTable()} {
		begin := "<!-- begin " + part + " -->\n"
		end := "<!-- end " + part + " -->\n"
		before, rest, ok := strings.Cut(want, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no part %s", path, part)
		}
		want = before + begin + "\n" + text + "\n" + end + after
	}
	if want == string(raw) {
		return
	}
	if !*update {
		t.Fatalf("%s is not up to date: run go test ./internal/event -run TestDocs -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func typesTable() string {
	var b strings.Builder
	b.WriteString("| type | what happened | subject | id | severity |\n|---|---|---|---|---|\n")
	for _, row := range event.Types {
		subject := strings.Join(row.Subjects, " or ")
		if subject == "" {
			subject = "none"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.Name, row.Source, subject, row.ID, row.Severity)
	}
	return b.String()
}

// dataTables returns a table for each group of types that have the same members with the same examples.
func dataTables() string {
	var out []string
	for _, row := range event.Types {
		var names []string
		for _, other := range event.Types {
			if slices.Equal(other.Data, row.Data) {
				names = append(names, string(other.Name))
			}
		}
		if names[0] == string(row.Name) {
			out = append(out, "### "+strings.Join(names, ", ")+"\n\n"+membersTable(row.Data))
		}
	}
	return strings.Join(out, "\n")
}

func membersTable(members []event.Member) string {
	var b strings.Builder
	b.WriteString("| member | meaning | example |\n|---|---|---|\n")
	for _, m := range members {
		example := ""
		if m.Example != "" {
			encoded, _ := json.Marshal(m.Example)
			example = "`" + string(encoded) + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.Name, m.Meaning, example)
	}
	return b.String()
}

func cloudEventsTable() string {
	var b strings.Builder
	b.WriteString("| CloudEvents type | type |\n|---|---|\n")
	for _, row := range event.Types {
		if row.CloudEvent != "" {
			fmt.Fprintf(&b, "| `%s` | %s |\n", row.CloudEvent, row.Name)
		}
	}
	b.WriteString("\n" + membersTable(event.CloudEventData))
	return b.String()
}
