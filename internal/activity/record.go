// SPDX-License-Identifier: Apache-2.0

// Package activity keeps the record of what was done with an integration, and of what is known of its channels.
package activity

import (
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// maxDetail is the limit of an activity's detail and of the last error, in code points.
const maxDetail = 1024

// Record holds the recent activities, totals and channels of an integration. It starts from the integration's status,
// which is updated from it at intervals.
type Record struct {
	clock   clock.PassiveClock
	changed func()
	// countedAction is the action whose successes are counted.
	countedAction string

	mu        sync.Mutex
	loaded    bool
	health    v1alpha1.Health
	succeeded int64
	failed    int64
	// channelIDs maps the names of channels to their IDs, renamed has those that have another name in Slack by now.
	channelIDs     map[string]string
	renamed        map[string]bool
	channelsLoaded bool
	// historyProbes is when the history of each channel was last probed, unreadable the channels whose history could
	// not be read.
	historyProbes map[string]time.Time
	unreadable    map[string]bool
}

// Options are what a record needs.
type Options struct {
	Clock clock.PassiveClock
	// CountedAction is the action whose successes are counted.
	CountedAction string
	// Changed is called after each change that the status is to show.
	Changed func()
}

// NewRecord returns a record without activities.
func NewRecord(o Options) *Record {
	return &Record{clock: o.Clock, countedAction: o.CountedAction, changed: o.Changed}
}

// Load adds what a status holds to the record. Only the first call has an effect.
func (r *Record) Load(h v1alpha1.Health, succeeded, failed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded {
		return
	}
	r.loaded = true
	before := r.health.Activities
	r.health = *h.DeepCopy()
	r.health.Activities = append(slices.Clone(before), r.health.Activities...)
	r.trim()
	r.succeeded += succeeded
	r.failed += failed
}

// Snapshot returns what the status shows of the record.
func (r *Record) Snapshot() (h v1alpha1.Health, succeeded, failed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.health.DeepCopy(), r.succeeded, r.failed
}

// Add records an action for an object and its result. detail is shown if it succeeded. The totals count all failures,
// and the successes of the pool's counted action.
func (r *Record) Add(action, object, detail string, err error) {
	r.mu.Lock()
	now := metav1.NewTime(r.clock.Now())
	a := v1alpha1.Activity{Time: now, Action: action, Object: object, Outcome: v1alpha1.OutcomeSucceeded, Detail: detail}
	if err != nil {
		a.Outcome = v1alpha1.OutcomeFailed
		a.Detail = err.Error()
		r.failed++
	} else if action == r.countedAction {
		r.succeeded++
	}
	a.Detail = text.Truncate(a.Detail, maxDetail)
	r.recordResult(now, err)
	r.health.Activities = slices.Insert(r.health.Activities, 0, a)
	r.trim()
	r.mu.Unlock()
	r.changed()
}

// RecordProbe records the result of a probe. A probe is no activity.
func (r *Record) RecordProbe(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recordResult(metav1.NewTime(r.clock.Now()), err)
}

func (r *Record) recordResult(now metav1.Time, err error) {
	if err == nil {
		r.health.LastSuccessTime = &now
		return
	}
	r.health.LastErrorTime = &now
	r.health.LastError = text.Truncate(err.Error(), maxDetail)
}

func (r *Record) trim() {
	if len(r.health.Activities) > v1alpha1.MaxActivities {
		r.health.Activities = r.health.Activities[:v1alpha1.MaxActivities]
	}
}
