// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"math"
	"slices"
	"strconv"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// properties returns the facts of a test that have a value.
func (m *Mapping) properties(node any) []testresult.Property {
	var out []testresult.Property
	add := func(name, value string) {
		if value != "" && len(out) < testresult.MaxProperties {
			out = append(out, testresult.Property{Name: name, Value: clip(value, testresult.MaxText)})
		}
	}
	for i := range m.Properties {
		add(m.Properties[i].Name, m.Properties[i].of(node))
	}
	for i := range m.Latencies {
		l := &m.Latencies[i]
		if turns := l.sorted(node); len(turns) > 0 {
			add("voice.latency."+l.Stage+".p50", format(quantile(turns, 0.5)))
			add("voice.latency."+l.Stage+".p95", format(quantile(turns, 0.95)))
		}
	}
	return out
}

func (p *Property) of(node any) string {
	value := p.Value.of(node)
	if len(p.Sum) > 0 {
		value = sum(p.Sum.nodes(node))
	}
	n, ok := number(value)
	if !ok || p.Factor == 0 && p.Add == 0 {
		return value
	}
	if p.Factor != 0 {
		n *= p.Factor
	}
	return format(n + p.Add)
}

// sum returns the sum of the numbers among some values; empty when there are none.
func sum(nodes []any) string {
	total := 0.0
	numbers := 0
	for _, node := range nodes {
		if n, ok := number(textOf(node)); ok {
			total += n
			numbers++
		}
	}
	if numbers == 0 {
		return ""
	}
	return format(total)
}

// sorted returns the latencies of a stage in order, in milliseconds.
func (l *Latency) sorted(node any) []float64 {
	var out []float64
	for _, turn := range l.Milliseconds.nodes(node) {
		n, ok := number(textOf(turn))
		if !ok {
			continue
		}
		if l.Factor != 0 {
			n *= l.Factor
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// quantile returns the smallest of sorted values that a share of them does not exceed.
func quantile(sorted []float64, share float64) float64 {
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// format returns a number without the noise of its binary form.
func format(n float64) string {
	return strconv.FormatFloat(math.Round(n*1e4)/1e4, 'f', -1, 64)
}
