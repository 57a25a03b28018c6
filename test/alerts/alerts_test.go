// SPDX-License-Identifier: Apache-2.0

// Package alerts_test checks the alerts and the dashboard in config with Prometheus' own rules and tests.
package alerts_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// An alert is one alerting rule.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// A prometheusRule is an object of prometheus-operator.
type prometheusRule struct {
	Spec struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []alert `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

// alerts returns the alerts, and the file of rules that Prometheus reads.
func alerts(t *testing.T) ([]alert, []byte) {
	t.Helper()
	raw, err := os.ReadFile("../../config/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rule prometheusRule
	if err := yaml.Unmarshal(raw, &rule); err != nil {
		t.Fatal(err)
	}
	var object struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := yaml.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	return rule.Spec.Groups[0].Rules, object.Spec
}

// promtool runs promtool in a directory.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	program, err := filepath.Abs("../../bin/promtool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("there is no bin/promtool: run make bin/promtool")
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// labels are those with which each alert fires in the first test of testdata/alerts.yaml, beside its severity.
var labels = map[string]map[string]any{
	"VoiceAINoLeader":            {},
	"VoiceAIIntegrationNotReady": {"kind": "SlackIntegration", "namespace": "qa", "integration": "slack"},
	"VoiceAIJiraPollStale":       {"namespace": "qa", "integration": "jira"},
	"VoiceAIDeliveryFailing":     {"reason": "Rejected"},
	"VoiceAIDeliveryStalled":     {},
	"VoiceAIQueueGrowing":        {"kind": "SlackIntegration", "namespace": "qa", "integration": "slack"},
	"VoiceAITicketsInDoubt":      {"how": "Found"},
	"VoiceAIReconcileErrors":     {"controller": "defect"},
	"VoiceAIWebhooksRefused":     {"source": "jira"},
	"VoiceAICredentialExpiring":  {"kind": "JiraIntegration", "namespace": "qa", "integration": "jira"},
	"VoiceAIRunResultMissing":    {"namespace": "qa"},
	"VoiceAISuiteNotRunning":     {"namespace": "qa", "suite": "booking", "cronjob": "nightly"},
}

// TestAlerts runs promtool: each alert fires in a broken installation, with its labels, and is quiet in a working one.
func TestAlerts(t *testing.T) {
	rules, spec := alerts(t)
	raw, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		RuleFiles []string         `json:"rule_files"`
		Interval  string           `json:"evaluation_interval"`
		Tests     []map[string]any `json:"tests"`
	}
	if err := yaml.UnmarshalStrict(raw, &file); err != nil {
		t.Fatal(err)
	}
	var fire, quiet []any
	for _, rule := range rules {
		want, ok := labels[rule.Alert]
		if !ok {
			t.Errorf("the test does not know %s", rule.Alert)
			continue
		}
		fires := map[string]any{"severity": rule.Labels["severity"]}
		for name, value := range want {
			fires[name] = value
		}
		fire = append(fire, map[string]any{"eval_time": "40m", "alertname": rule.Alert, "exp_alerts": []any{map[string]any{
			"exp_labels": fires, "exp_annotations": expand(rule.Annotations, want),
		}}})
		for _, at := range []string{"20m", "38m", "59m"} {
			quiet = append(quiet, map[string]any{"eval_time": at, "alertname": rule.Alert, "exp_alerts": []any{}})
		}
	}
	file.Tests[0]["alert_rule_test"] = fire
	file.Tests[1]["alert_rule_test"] = quiet
	tests, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"rules.yaml": spec, "tests.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
	promtool(t, dir, "test", "rules", "tests.yaml")
}

// expand returns annotations as Prometheus does, with the values of labels.
func expand(annotations map[string]string, labels map[string]any) map[string]string {
	out := map[string]string{}
	for key, text := range annotations {
		for name, value := range labels {
			text = strings.ReplaceAll(text, "{{ $labels."+name+" }}", fmt.Sprint(value))
		}
		out[key] = text
	}
	return out
}

// TestRunbooks checks that each alert has a page with what it means and what to do, and each page an alert.
func TestRunbooks(t *testing.T) {
	rules, _ := alerts(t)
	if len(rules) < 8 || len(rules) > 12 {
		t.Errorf("there are %d alerts: each is to be worth being woken for", len(rules))
	}
	pages, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		page := filepath.Join("../../docs/runbooks", rule.Alert+".md")
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.HasPrefix(string(text), "# "+rule.Alert+"\n") || !strings.Contains(string(text), "\n## What to do\n") {
			t.Errorf("%s has no heading, or does not explain what to do", page)
		}
		if url := rule.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbooks/"+rule.Alert+".md") {
			t.Errorf("%s names the page %s", rule.Alert, url)
		}
		pages = slices.DeleteFunc(pages, func(p string) bool { return p == page })
	}
	if len(pages) > 0 {
		t.Errorf("no alert has the pages %v", pages)
	}
}

// metric matches the name of a metric in a query.
var metric = regexp.MustCompile(`\b(voiceai|controller_runtime|leader_election|process)_[a-z_]+\b`)

// TestDashboard checks that each panel has a query of the operator's metrics, and a place of its own.
func TestDashboard(t *testing.T) {
	raw, err := os.ReadFile("../../config/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string         `json:"title"`
			GridPos map[string]int `json:"gridPos"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	taken := map[[2]int]string{}
	for _, panel := range dashboard.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("%s has no query", panel.Title)
		}
		for _, target := range panel.Targets {
			if !metric.MatchString(target.Expr) {
				t.Errorf("%s has no metric: %s", panel.Title, target.Expr)
			}
		}
		for x := range panel.GridPos["w"] {
			for y := range panel.GridPos["h"] {
				cell := [2]int{panel.GridPos["x"] + x, panel.GridPos["y"] + y}
				if other, ok := taken[cell]; ok {
					t.Fatalf("%s covers %s", panel.Title, other)
				}
				taken[cell] = panel.Title
			}
		}
	}
}
