// SPDX-License-Identifier: Apache-2.0

package condition_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestGitOpsSeesTheState computes for each kind in each state what Flux sees by kstatus, and Argo CD by our Lua.
func TestGitOpsSeesTheState(t *testing.T) {
	now := time.Now()
	states := map[string]struct {
		set  func(condition.Object)
		flux kstatus.Status
		argo string
	}{
		"new":     {func(o condition.Object) { o.SetObservedGeneration(-1) }, kstatus.InProgressStatus, "Progressing"},
		"ready":   {func(o condition.Object) { condition.Ready(o, v1alpha1.ReasonReady, "m") }, kstatus.CurrentStatus, "Healthy"},
		"changed": {func(o condition.Object) { condition.Ready(o, v1alpha1.ReasonReady, "m"); o.SetGeneration(8) }, kstatus.InProgressStatus, "Progressing"},
		"suspended": {func(o condition.Object) {
			condition.NotReady(o, condition.Suspended, v1alpha1.ReasonSuspended, "m")
		}, kstatus.CurrentStatus, "Suspended"},
		"under way": {func(o condition.Object) {
			condition.NotReady(o, condition.Reconciling, v1alpha1.ReasonProgressing, "m")
		}, kstatus.InProgressStatus, "Progressing"},
		"waits for a Secret": {func(o condition.Object) {
			condition.NotReadyFor(o, time.Minute, now, v1alpha1.ReasonSecretNotFound, "m")
		}, kstatus.InProgressStatus, "Progressing"},
		"has waited for long": {func(o condition.Object) {
			condition.NotReadyFor(o, time.Minute, now, v1alpha1.ReasonSecretNotFound, "m")
			condition.NotReadyFor(o, time.Minute, now.Add(time.Minute), v1alpha1.ReasonSecretNotFound, "m")
		}, kstatus.FailedStatus, "Degraded"},
		"stalled": {func(o condition.Object) {
			condition.NotReady(o, condition.Stalled, v1alpha1.ReasonUnauthorized, "m")
		}, kstatus.FailedStatus, "Degraded"},
		"recovered": {func(o condition.Object) {
			condition.NotReady(o, condition.Stalled, v1alpha1.ReasonUnauthorized, "m")
			condition.Ready(o, v1alpha1.ReasonReady, "m")
		}, kstatus.CurrentStatus, "Healthy"},
	}
	script, err := os.ReadFile(filepath.Join("..", "..", "config", "argocd", "health.lua"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, empty := range map[string]condition.Object{
		v1alpha1.KindSlackIntegration: &v1alpha1.SlackIntegration{}, v1alpha1.KindJiraIntegration: &v1alpha1.JiraIntegration{},
		v1alpha1.KindNotificationRule: &v1alpha1.NotificationRule{}, v1alpha1.KindDefect: &v1alpha1.Defect{},
		v1alpha1.KindNotification: &v1alpha1.Notification{},
	} {
		for name, state := range states {
			t.Run(kind+", "+name, func(t *testing.T) {
				o := empty.(runtime.Object).DeepCopyObject().(condition.Object)
				o.SetGeneration(7)
				state.set(o)
				content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
				if err != nil {
					t.Fatal(err)
				}
				u := &unstructured.Unstructured{Object: content}
				u.SetAPIVersion(v1alpha1.GroupVersion.String())
				u.SetKind(kind)
				result, err := kstatus.Compute(u)
				if err != nil {
					t.Fatal(err)
				}
				if result.Status != state.flux {
					t.Errorf("kstatus is %s: %s, want %s", result.Status, result.Message, state.flux)
				}
				if got := argoHealth(t, string(script), u); got != state.argo {
					t.Errorf("Argo CD's health is %s, want %s", got, state.argo)
				}
			})
		}
	}
}

// argoHealth runs a health script on an object, as Argo CD does, and returns the status.
func argoHealth(t *testing.T, script string, o *unstructured.Unstructured) string {
	t.Helper()
	raw, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		t.Fatal(err)
	}
	l := lua.NewState()
	defer l.Close()
	l.SetGlobal("obj", luaValue(l, decoded))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	table, ok := l.Get(-1).(*lua.LTable)
	if !ok || table.RawGetString("message").String() == "" {
		t.Fatalf("the script returned %v", l.Get(-1))
	}
	return table.RawGetString("status").String()
}

// luaValue converts decoded JSON.
func luaValue(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		out := l.NewTable()
		for key, value := range v {
			out.RawSetString(key, luaValue(l, value))
		}
		return out
	case []any:
		out := l.NewTable()
		for _, value := range v {
			out.Append(luaValue(l, value))
		}
		return out
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return lua.LNil
}

// TestArgoHealthCoversEveryKind checks that the ConfigMap for Argo CD has the script of each kind with conditions.
func TestArgoHealthCoversEveryKind(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "config", "argocd", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		ConfigMapGenerator []struct{ Files []string }
	}
	if err := yaml.Unmarshal(raw, &k); err != nil {
		t.Fatal(err)
	}
	crds, err := filepath.Glob(filepath.Join("..", "..", "config", "crd", "bases", "*.yaml"))
	if err != nil || len(crds) == 0 || len(k.ConfigMapGenerator) != 1 {
		t.Fatalf("%d CRDs, %v, %+v", len(crds), err, k)
	}
	files := strings.Join(k.ConfigMapGenerator[0].Files, "\n") + "\n"
	kinds := 0
	for _, path := range crds {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(raw), " conditions:\n") {
			continue
		}
		kinds++
		var crd struct {
			Spec struct{ Names struct{ Kind string } }
		}
		if err := yaml.Unmarshal(raw, &crd); err != nil {
			t.Fatal(err)
		}
		if want := "integrations.voiceai.dev_" + crd.Spec.Names.Kind + "=health.lua\n"; !strings.Contains(files, want) {
			t.Errorf("the ConfigMap has no script for %s", crd.Spec.Names.Kind)
		}
	}
	if n := strings.Count(files, "=health.lua\n"); n != kinds {
		t.Errorf("the ConfigMap has %d scripts for %d kinds", n, kinds)
	}
}
