// SPDX-License-Identifier: Apache-2.0

// Package apiserver reads what an API server measures of itself, and follows its objects.
package apiserver

import (
	"context"
	"fmt"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Metrics returns the number of requests that the API server has served, by verb, resource and status code,
// and its processor time in seconds.
func Metrics(ctx context.Context, config *rest.Config) (calls map[string]int, cpu float64, err error) {
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, 0, err
	}
	raw, err := set.RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the API server's metrics: %w", err)
	}
	defer func() { _ = raw.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(raw)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the API server's metrics: %w", err)
	}
	out := map[string]int{}
	for _, m := range families["apiserver_request_total"].GetMetric() {
		l := map[string]string{}
		for _, pair := range m.GetLabel() {
			l[pair.GetName()] = pair.GetValue()
		}
		what := l["resource"]
		if l["subresource"] != "" {
			what += "/" + l["subresource"]
		}
		out[strings.Join([]string{l["verb"], what, l["code"]}, " ")] += int(m.GetCounter().GetValue())
	}
	for _, m := range families["process_cpu_seconds_total"].GetMetric() {
		cpu = m.GetCounter().GetValue()
	}
	return out, cpu, nil
}
