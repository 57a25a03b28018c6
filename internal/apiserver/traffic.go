package apiserver

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// traffic counts by integration and hour.
type traffic struct {
	from   time.Time
	counts map[trafficKey]*[hours]hour
}

type trafficKey struct {
	kind string
	types.NamespacedName
}

func newTraffic(from time.Time) *traffic {
	return &traffic{from: from, counts: map[trafficKey]*[hours]hour{}}
}

func (t *traffic) add(kind string, key types.NamespacedName, at time.Time, failed bool) {
	slot := int(at.Sub(t.from) / time.Hour)
	if at.Before(t.from) || slot >= hours {
		return
	}
	counts := t.counts[trafficKey{kind, key}]
	if counts == nil {
		counts = &[hours]hour{}
		t.counts[trafficKey{kind, key}] = counts
	}
	if failed {
		counts[slot].Failed++
	} else {
		counts[slot].Succeeded++
	}
}

// join adds what was counted elsewhere, of the same hours.
func (t *traffic) join(other *traffic) {
	for key, counts := range other.counts {
		mine := t.counts[key]
		if mine == nil {
			mine = &[hours]hour{}
			t.counts[key] = mine
		}
		for at := range counts {
			mine[at].Succeeded += counts[at].Succeeded
			mine[at].Failed += counts[at].Failed
		}
	}
}

// of are the hours of an integration.
func (t *traffic) of(kind, namespace, name string) []hour {
	var all [hours]hour
	if counts := t.counts[trafficKey{kind, types.NamespacedName{Namespace: namespace, Name: name}}]; counts != nil {
		all = *counts
	}
	for at := range all {
		all[at].Time = t.from.Add(time.Duration(at) * time.Hour)
	}
	return all[:]
}

// needKey is what alike needs have in common.
type needKey struct{ kind, namespace, condition, reason, message string }

type needs map[needKey]*need

func (n needs) add(key needKey, name, title string, event v1alpha1.EventType, at time.Time) {
	one := n[key]
	if one == nil {
		one = &need{Condition: key.condition, Reason: key.reason, Message: key.message}
		n[key] = one
	}
	one.Count++
	object := key.kind + "/" + key.namespace + "/" + name
	if one.Count == 1 || at.After(one.Time) || at.Equal(one.Time) && object < one.Object { // whatever order they come in
		one.Object, one.Title, one.EventType, one.Time = object, title, string(event), at
	}
}

// addIntegration adds an integration that does not work.
func (n needs) addIntegration(o condition.Object, is *IntegrationStatus) {
	if c := condition.Get(o, v1alpha1.ConditionReady); c != nil && is.Status == broken {
		n.add(needKey{is.Kind, is.Namespace, c.Type, c.Reason, is.Message}, is.Name, is.Name, "", c.LastTransitionTime.UTC())
	}
}

// newest are the newest of them, and how many objects there are altogether.
func (n needs) newest() (out []need, total int) {
	out = make([]need, 0, len(n))
	for _, one := range n {
		total += one.Count
		out = append(out, *one)
	}
	return newestNeeds(out), total
}

func newestNeeds(all []need) []need {
	slices.SortFunc(all, func(a, b need) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason))
	})
	return all[:min(len(all), maxNeeds)]
}
