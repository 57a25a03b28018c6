// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// hours is how far the summary looks back.
const hours = 24

// Hour is the traffic of an integration in one hour.
type Hour struct {
	Time      time.Time `json:"time" doc:"When it began."`
	Succeeded int       `json:"succeeded" doc:"Messages that were accepted, or tickets that were created."`
	Failed    int       `json:"failed" doc:"Messages and calls that were given up or refused."`
}

// traffic counts by integration and hour.
type traffic struct {
	from   time.Time
	counts map[trafficKey]*[hours]Hour
}

type trafficKey struct {
	kind string
	types.NamespacedName
}

func newTraffic(from time.Time) *traffic {
	return &traffic{from: from, counts: map[trafficKey]*[hours]Hour{}}
}

// hour returns the counts of an integration in the hour of a time; nil when that is not counted.
func (t *traffic) hour(key trafficKey, at time.Time) *Hour {
	slot := int(at.Sub(t.from) / time.Hour)
	if at.Before(t.from) || slot >= hours {
		return nil
	}
	return &t.hoursOf(key)[slot]
}

func (t *traffic) hoursOf(key trafficKey) *[hours]Hour {
	all := t.counts[key]
	if all == nil {
		all = &[hours]Hour{}
		t.counts[key] = all
	}
	return all
}

func (t *traffic) addSucceeded(key trafficKey, at time.Time) {
	if h := t.hour(key, at); h != nil {
		h.Succeeded++
	}
}

func (t *traffic) addFailed(key trafficKey, at time.Time) {
	if h := t.hour(key, at); h != nil {
		h.Failed++
	}
}

// join adds other traffic of the same hours.
func (t *traffic) join(other *traffic) {
	for key, counts := range other.counts {
		sum := t.hoursOf(key)
		for at := range counts {
			sum[at].Succeeded += counts[at].Succeeded
			sum[at].Failed += counts[at].Failed
		}
	}
}

// of returns the hours of an integration, the oldest first.
func (t *traffic) of(key trafficKey) []Hour {
	var all [hours]Hour
	if counts := t.counts[key]; counts != nil {
		all = *counts
	}
	for at := range all {
		all[at].Time = t.from.Add(time.Duration(at) * time.Hour)
	}
	return all[:]
}
