package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// figures are what the benchmark measured, with the operator idle and the sandbox answering in 20 ms. Times are in milliseconds, sizes in MB.
type figures struct {
	Defects      int     `json:"defects"`
	KeyP50       float64 `json:"keyP50ms"`
	KeyP99       float64 `json:"keyP99ms"`
	KeyMax       float64 `json:"keyMaxMs"`
	WritesToKey  int     `json:"mostStatusWritesUntilKey"`
	JiraCreates  int     `json:"jiraCreates"`
	OperatorRSS  float64 `json:"operatorRSSMB"`
	OperatorSize float64 `json:"operatorBinaryMB"`
}

// bench creates Defects one after the other and measures how long each waits for its key.
func (s *stage) bench(ctx context.Context, c client.WithWatch, v *services, n int) error {
	list := &v1alpha1.DefectList{}
	if err := c.List(ctx, list); err != nil {
		return err
	}
	w, err := c.Watch(ctx, &v1alpha1.DefectList{}, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return err
	}
	defer w.Stop()
	before, err := v.state(ctx)
	if err != nil {
		return err
	}
	f := figures{Defects: n}
	var took []float64
	for i := range n {
		d := &v1alpha1.Defect{}
		d.Namespace, d.Name = namespace, fmt.Sprintf("bench-%d-%d", time.Now().Unix(), i)
		d.Spec = v1alpha1.DefectSpec{Title: "Benchmark", Severity: v1alpha1.SeverityHigh}
		began := time.Now()
		if err := c.Create(ctx, d); err != nil {
			return err
		}
		writes := 0
		for e := range w.ResultChan() {
			got, ok := e.Object.(*v1alpha1.Defect)
			if !ok || got.Name != d.Name || e.Type == "ADDED" {
				continue
			}
			if writes++; got.Status.Jira != nil && got.Status.Jira.Key != "" {
				break
			}
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		f.WritesToKey = max(f.WritesToKey, writes)
	}
	slices.Sort(took)
	f.KeyP50, f.KeyP99, f.KeyMax = took[n/2], took[n*99/100], took[n-1]
	after, err := v.state(ctx)
	if err != nil {
		return err
	}
	f.JiraCreates = after.Jira.Counts.Creates - before.Jira.Counts.Creates
	f.OperatorRSS = s.rss("operator")
	if info, err := os.Stat(filepath.Join("bin", "operator")); err == nil {
		f.OperatorSize = float64(info.Size()) / 1e6
	}
	say("%d Defects, one after the other: from create to key in status p50 %.0f ms, p99 %.0f ms, most %.0f ms", n, f.KeyP50, f.KeyP99, f.KeyMax)
	say("At most %d status writes until the key; %d creates in Jira; operator %.0f MB resident, %.0f MB on disk", f.WritesToKey, f.JiraCreates, f.OperatorRSS, f.OperatorSize)
	return json.NewEncoder(os.Stdout).Encode(f)
}

// rss is a process's resident memory in MB, 0 when unknown.
func (s *stage) rss(name string) float64 {
	for _, p := range s.processes {
		if filepath.Base(p.Path) != name {
			continue
		}
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
		if err != nil {
			return 0
		}
		for l := range strings.SplitSeq(string(raw), "\n") {
			var kb float64
			if _, err := fmt.Sscanf(l, "VmRSS: %f kB", &kb); err == nil {
				return kb / 1000
			}
		}
	}
	return 0
}
