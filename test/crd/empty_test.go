// SPDX-License-Identifier: Apache-2.0

package crd_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fullSpecs are specs that have every object and list that a user may leave out or empty.
var fullSpecs = map[string][]string{
	slack: {
		lines(bot, "signingSecretRef: {name: s, key: k}", "appTokenSecretRef: {name: s, key: k}",
			"oauth: {clientID: c, clientSecretRef: {name: s, key: k}}", "rateLimit: {channelMessagesPerMinute: 30}",
			"allowedNamespaces: {from: Selector, selector: {matchLabels: {team: a}}}"),
		lines(webhook, "allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}"),
	},
	jira: {
		lines(jiraSpec, "labels: [a]", "priorities: {critical: P1}", `fields: [{name: a, type: Text, template: b}]`,
			"autoCreate: {enabled: true, categories: [Defect], selector: {matchLabels: {a: b}}}",
			"states: [{status: Done, state: Closed}]", "transitions: [{state: Open, status: To Do}]", "resolve: {policy: Comment}",
			"reopen: {policy: Reopen, exceptResolutions: [Duplicate]}", "webhookSecretRef: {name: s, key: k}",
			"rateLimit: {concurrency: 4}", "allowedNamespaces: {from: Selector, selector: {matchLabels: {team: a}}}"),
		lines("apiURL: https://jira.example.com", "projectKey: A1_B", "bearer: {tokenSecretRef: {name: s, key: k}}"),
	},
	rule: {
		lines(ruleSpec, "selector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [b]}]}",
			"integrationRef: {name: i}", `channel: "#a"`, "mentions: [here]", "template: {title: t}",
			"mentionsOnFailure: [{suites: [a], tests: [b], mentions: [here]}]",
			"grouping: {by: [suite], windowSeconds: 60}", `muteWindows: [{days: [Sunday], start: "00:00", end: "24:00"}]`),
		lines(ruleSpec, "selector: {matchExpressions: [{key: a, operator: Exists}]}", "template: {body: b}",
			"grouping: {windowSeconds: 60}"),
	},
	defect: {
		lines(defectSpec, `occurrence: {time: "2026-03-01T12:00:00Z", run: smoke-1}`,
			"jira: {integrationRef: {name: jira}, create: Always, labels: [x]}"),
		lines(defectSpec, "jira: {integrationRef: {name: jira}}"),
		lines(defectSpec, "jira: {create: Always}"),
		lines(defectSpec, "jira: {labels: [x]}"),
		lines(defectSpec, "tests: [{id: t}]", `outcomes: [{run: r, result: Passed, time: "2026-03-01T12:00:00Z"}]`,
			`quarantine: {owner: o, reason: r, starts: "2026-03-01T12:00:00Z", expires: "2026-03-02T12:00:00Z"}`,
			"voice: {turn: 1, latencies: [{stage: model}]}"),
	},
}

// TestEmptied empties each object and list of a spec by server-side apply. That is accepted, as if it was left out, or
// refused for what is missing.
func TestEmptied(t *testing.T) {
	for kind, specs := range fullSpecs {
		for _, spec := range specs {
			full := object(t, kind, spec)
			for _, path := range containers(full.Object["spec"], nil) {
				t.Run(kind+" "+strings.Join(path, "."), func(t *testing.T) { emptyAt(t, kind, spec, path) })
			}
		}
	}
}

func emptyAt(t *testing.T, kind, spec string, path []string) {
	t.Helper()
	o := object(t, kind, spec)
	o.SetGenerateName("")
	o.SetName("emptied-" + strings.ToLower(strings.Join(path, "-")))
	apply := func(o *unstructured.Unstructured) error {
		config := client.ApplyConfigurationFromUnstructured(o.DeepCopy())
		return kube.Apply(t.Context(), config, client.FieldOwner("flux"), client.ForceOwnership)
	}
	if err := apply(o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := kube.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}
	}()
	at := append([]string{"spec"}, path...)
	before, _, _ := unstructured.NestedFieldNoCopy(o.Object, at...)
	var empty any = map[string]any{}
	if _, isList := before.([]any); isList {
		empty = []any{}
	}
	if err := unstructured.SetNestedField(o.Object, empty, at...); err != nil {
		t.Fatal(err)
	}
	fresh := o.DeepCopy()
	fresh.SetName(fresh.GetName() + "-new")
	refused := create(t, fresh, client.DryRunAll)
	err := apply(o)
	if (err == nil) != (refused == nil) || err != nil && strings.Contains(err.Error(), "must be of type") {
		t.Errorf("an object that is emptied: %v; one that is empty from the start: %v", err, refused)
	}
	if err != nil {
		return
	}
	version := o.DeepCopy()
	get := func() string {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(o), version); err != nil {
			t.Fatal(err)
		}
		return version.GetResourceVersion()
	}
	if err := apply(o); err != nil { // the API server stores an empty list only now
		t.Fatal(err)
	}
	if first := get(); apply(o) != nil || get() != first {
		t.Error("applying it again changes it")
	}
}

// containers returns the paths of all objects and lists in an object, without what is in lists.
func containers(of any, path []string) (out [][]string) {
	fields, _ := of.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := append(slices.Clone(path), name)
		switch fields[name].(type) {
		case map[string]any, []any:
			out = append(append(out, at), containers(fields[name], at)...)
		}
	}
	return out
}
