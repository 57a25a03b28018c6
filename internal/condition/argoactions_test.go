// SPDX-License-Identifier: Apache-2.0

package condition_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// argoActions are the actions of a kind, as Argo CD reads them.
type argoActions struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name   string `json:"name"`
		Action string `json:"action.lua"`
	} `json:"definitions"`
}

// readActions returns the actions in a file of config/argocd.
func readActions(t *testing.T, file string) argoActions {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "config", "argocd", file))
	if err != nil {
		t.Fatal(err)
	}
	var out argoActions
	if err := yaml.UnmarshalStrict(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// runLua runs a script on an object, and returns the table that it returns.
func runLua(t *testing.T, script string, o map[string]any) *lua.LTable {
	t.Helper()
	l := lua.NewState()
	t.Cleanup(l.Close)
	l.SetGlobal("obj", luaValue(l, o))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	out, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returned %v", l.Get(-1))
	}
	return out
}

// field returns a value in a table.
func field(of lua.LValue, names ...string) lua.LValue {
	for _, name := range names {
		table, ok := of.(*lua.LTable)
		if !ok {
			return lua.LNil
		}
		of = table.RawGetString(name)
	}
	return of
}

// TestArgoActions checks which actions Argo CD offers for an object, and what each changes.
func TestArgoActions(t *testing.T) {
	object := func(spec, status map[string]any) map[string]any {
		return map[string]any{"metadata": map[string]any{"name": "x"}, "spec": spec, "status": status}
	}
	working := object(map[string]any{}, nil)
	suspended := object(map[string]any{"suspend": true}, nil)
	ticketed := object(map[string]any{}, map[string]any{"jira": map[string]any{"key": "VOICE-1"}})
	for name, c := range map[string]struct {
		file    string
		object  map[string]any
		offered []string
	}{
		"an integration":           {"actions_integration.yaml", working, []string{"suspend", "retry"}},
		"a suspended integration":  {"actions_integration.yaml", suspended, []string{"resume"}},
		"a rule":                   {"actions_rule.yaml", working, []string{"suspend"}},
		"a suspended rule":         {"actions_rule.yaml", suspended, []string{"resume"}},
		"a Defect":                 {"actions_defect.yaml", working, []string{"ticket"}},
		"a Defect that has status": {"actions_defect.yaml", object(map[string]any{}, map[string]any{}), []string{"ticket"}},
		"a Defect with a ticket":   {"actions_defect.yaml", ticketed, nil},
	} {
		actions := readActions(t, c.file)
		found := runLua(t, actions.Discovery, c.object)
		var offered []string
		for _, d := range actions.Definitions {
			if field(found, d.Name, "disabled") != lua.LTrue {
				offered = append(offered, d.Name)
				checkAction(t, d.Name, runLua(t, d.Action, c.object))
			}
		}
		if !slices.Equal(offered, c.offered) {
			t.Errorf("%s offers %v, want %v", name, offered, c.offered)
		}
		if countKeys(found) != len(actions.Definitions) {
			t.Errorf("%s: %d actions are found, and %d defined", name, countKeys(found), len(actions.Definitions))
		}
	}
}

// countKeys returns how many keys a table has.
func countKeys(table *lua.LTable) (n int) {
	table.ForEach(func(lua.LValue, lua.LValue) { n++ })
	return n
}

// checkAction checks what an action made of an object.
func checkAction(t *testing.T, name string, changed *lua.LTable) {
	t.Helper()
	switch name {
	case "suspend", "resume":
		if got := field(changed, "spec", "suspend"); got != lua.LBool(name == "suspend") {
			t.Errorf("after %s, spec.suspend is %v", name, got)
		}
	case "retry", "ticket":
		annotation := map[string]string{
			"retry": v1alpha1.TestRequestedAtAnnotation, "ticket": v1alpha1.TicketRequestedAtAnnotation,
		}[name]
		text := field(changed, "metadata", "annotations", annotation).String()
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			t.Errorf("after %s, %s is %q", name, annotation, text)
		}
	default:
		t.Errorf("an action has the name %s", name)
	}
}
