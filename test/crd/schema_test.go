// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// definitions returns the CRDs in config/crd/bases by kind.
func definitions(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(bases, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := decode(t, string(text)).Object
		kind, _, _ := unstructured.NestedString(crd, "spec", "names", "kind")
		found[kind] = crd
	}
	for _, kind := range []string{slack, jira, rule, defect, notification, evidence} {
		if found[kind] == nil {
			t.Errorf("%s has no kind %s", bases, kind)
		}
	}
	if len(found) != 6 {
		t.Errorf("%s has %d kinds, want 6", bases, len(found))
	}
	return found
}

// version returns the only version of a CRD.
func version(t *testing.T, crd map[string]any) map[string]any {
	t.Helper()
	versions, _, _ := unstructured.NestedSlice(crd, "spec", "versions")
	if len(versions) != 1 {
		t.Fatalf("%d versions, want one", len(versions))
	}
	return versions[0].(map[string]any)
}

func TestEveryFieldIsBoundedAndDescribed(t *testing.T) {
	for kind, crd := range definitions(t) {
		t.Run(kind, func(t *testing.T) {
			schema, _, _ := unstructured.NestedMap(version(t, crd), "schema", "openAPIV3Schema")
			fields, _, _ := unstructured.NestedMap(schema, "properties")
			if kind == evidence { // it has no state
				for _, problem := range checkField("data", fields["data"].(map[string]any)) {
					t.Error(problem)
				}
				return
			}
			for _, part := range []string{"spec", "status"} {
				field, ok := fields[part].(map[string]any)
				if !ok {
					t.Fatalf("no %s", part)
				}
				for _, problem := range checkField(part, field) {
					t.Error(problem)
				}
			}
			if status := fields["status"].(map[string]any); status["x-kubernetes-map-type"] != "atomic" {
				t.Error("status is not atomic: the API server tracks the manager of each field, which takes a quarter of the time of a write")
			}
			if d, _ := schema["description"].(string); d == "" {
				t.Error("the kind has no description")
			}
		})
	}
}

// checkField returns the problems of a field: a missing description, and missing bounds of the field and all nested
// fields.
func checkField(path string, field map[string]any) []string {
	var out []string
	if d, _ := field["description"].(string); strings.TrimSpace(d) == "" {
		out = append(out, path+": no description")
	}
	return append(out, checkBounds(path, field)...)
}

// checkBounds returns the problems of a schema, without its description.
func checkBounds(path string, schema map[string]any) (problems []string) {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { _, ok := schema[k]; return ok })
	}
	report := func(problem string) { problems = append(problems, path+": "+problem) }
	if path == "status.conditions" { // Kubernetes defines the schema of the items, metav1.Condition
		if !has("maxItems") {
			report("no maxItems")
		}
		return problems
	}
	switch schema["type"] {
	case "string":
		if !has("maxLength", "enum", "format") {
			report("a string without maxLength, enum or format")
		}
		if f, _ := schema["format"].(string); f == "duration" {
			report("a duration as a string: use an integer named ...Seconds")
		}
	case "integer", "number":
		if strings.HasPrefix(path, "spec.") && (!has("minimum") || !has("maximum")) {
			report("a number in spec without minimum and maximum")
		}
		if name := path[strings.LastIndex(path, ".")+1:]; isDuration.MatchString(name) && !strings.HasSuffix(name, "Seconds") &&
			!strings.HasPrefix(path, "spec.voice.") { // fractions of a second count in a conversation
			report("a duration that is not named ...Seconds")
		}
	case "array":
		if !has("maxItems") {
			report("an array without maxItems")
		}
		if !has("x-kubernetes-list-type") {
			report("an array without a list type: server-side apply cannot merge it")
		}
		items, ok := schema["items"].(map[string]any)
		if !ok {
			report("an array without items")
		}
		problems = append(problems, checkBounds(path+"[]", items)...)
	case "object":
		properties, _ := schema["properties"].(map[string]any)
		values, isMap := schema["additionalProperties"].(map[string]any)
		if len(properties) == 0 && !has("maxProperties") {
			report("a map without maxProperties")
		}
		if isMap {
			problems = append(problems, checkBounds(path+".*", values)...)
		}
		for name, field := range properties {
			problems = append(problems, checkField(path+"."+name, field.(map[string]any))...)
		}
	case "boolean":
	default:
		report("neither string, number, boolean, array nor object")
	}
	return problems
}

// isDuration matches the names of durations, and not of rates such as messagesPerMinute.
var isDuration = regexp.MustCompile(
	`(?i)(interval|timeout|delay|duration|ttl|within|settle|window|period|retention|(^|[^r])(millis|milliseconds|minutes|hours|days)$)`,
)

// TestCheckField covers the check itself: it must find each kind of problem.
func TestCheckField(t *testing.T) {
	for name, c := range map[string]struct{ schema, message string }{
		"a string":              {"{description: d, type: string}", "spec.x: a string without maxLength"},
		"a string with pattern": {"{description: d, type: string, pattern: a+}", "spec.x: a string without maxLength"},
		"no description":        {"{type: boolean}", "spec.x: no description"},
		"an array":              {"{description: d, type: array, x-kubernetes-list-type: set, items: {type: boolean}}", "spec.x: an array without maxItems"},
		"no list type":          {"{description: d, type: array, maxItems: 1, items: {type: boolean}}", "spec.x: an array without a list type"},
		"an item":               {"{description: d, type: array, maxItems: 1, x-kubernetes-list-type: set, items: {type: string}}", "spec.x[]: a string without maxLength"},
		"a map":                 {"{description: d, type: object, additionalProperties: {type: boolean}}", "spec.x: a map without maxProperties"},
		"a value":               {"{description: d, type: object, maxProperties: 1, additionalProperties: {type: string}}", "spec.x.*: a string without maxLength"},
		"a nested field":        {"{description: d, type: object, properties: {under: {type: boolean}}}", "spec.x.under: no description"},
		"a number":              {"{description: d, type: integer, minimum: 1}", "spec.x: a number in spec without minimum and maximum"},
		"minutes":               {"{description: d, type: object, properties: {pollInterval: {description: d, type: integer, minimum: 1, maximum: 2}}}", "spec.x.pollInterval: a duration that is not named"},
		"a duration as string":  {"{description: d, type: string, format: duration}", "spec.x: a duration as a string"},
		"anything":              {"{description: d, x-kubernetes-preserve-unknown-fields: true}", "spec.x: neither string"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := checkField("spec.x", decode(t, c.schema).Object)
			if !slices.ContainsFunc(problems, func(s string) bool { return strings.HasPrefix(s, c.message) }) {
				t.Errorf("want %q, got %q", c.message, problems)
			}
		})
	}
}

func TestEveryKindFollowsTheConventions(t *testing.T) {
	for kind, crd := range definitions(t) {
		t.Run(kind, func(t *testing.T) {
			if scope, _, _ := unstructured.NestedString(crd, "spec", "scope"); scope != "Namespaced" {
				t.Errorf("scope is %s", scope)
			}
			categories, _, _ := unstructured.NestedStringSlice(crd, "spec", "names", "categories")
			if slices.Contains(categories, "voiceai") != (kind != notification && kind != evidence) {
				t.Errorf("categories are %v: kubectl get voiceai lists what people make, and no Notifications or Evidence", categories)
			}
			v := version(t, crd)
			if v["name"] != "v1alpha1" {
				t.Errorf("version is %v", v["name"])
			}
			if kind == evidence { // it has no state
				return
			}
			if _, ok, _ := unstructured.NestedMap(v, "subresources", "status"); !ok {
				t.Error("no status subresource")
			}
			var columns []string
			all, _, _ := unstructured.NestedSlice(v, "additionalPrinterColumns")
			for _, c := range all {
				column := c.(map[string]any)
				if priority, _ := column["priority"].(int64); priority == 0 {
					columns = append(columns, column["name"].(string))
				}
			}
			if n := len(columns); n < 3 || !slices.Equal(columns[n-3:], []string{"Ready", "Reason", "Age"}) {
				t.Errorf("columns are %q, want them to end in Ready, Reason, Age", columns)
			}
		})
	}
}

// TestConditionsAreFirstInStatus checks the Go types because a schema has no order of fields.
func TestConditionsAreFirstInStatus(t *testing.T) {
	for _, kind := range []runtime.Object{
		&v1alpha1.SlackIntegration{}, &v1alpha1.JiraIntegration{}, &v1alpha1.NotificationRule{}, &v1alpha1.Defect{}, &v1alpha1.Notification{},
	} {
		status, ok := reflect.TypeOf(kind).Elem().FieldByName("Status")
		if !ok {
			t.Fatalf("%T has no status", kind)
		}
		if first := status.Type.Field(0); first.Tag.Get("json") != "conditions,omitempty" {
			t.Errorf("the first field of the status of %T is %s", kind, first.Name)
		}
	}
}

// TestCRDsAreKept checks that uninstalling with Argo CD, Flux or Helm deletes no CRD, and with it every object.
func TestCRDsAreKept(t *testing.T) {
	want := map[string]string{
		"argocd.argoproj.io/sync-options":   "Prune=false,Delete=false",
		"helm.sh/resource-policy":           "keep",
		"kustomize.toolkit.fluxcd.io/prune": "disabled",
	}
	for kind, crd := range definitions(t) {
		annotations, _, _ := unstructured.NestedStringMap(crd, "metadata", "annotations")
		for name, value := range want {
			if annotations[name] != value {
				t.Errorf("%s: %s is %q, want %q", kind, name, annotations[name], value)
			}
		}
	}
}
