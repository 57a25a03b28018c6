package connection

import (
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Record is what an integration did. It begins with what the status says, and the status is written from it now and then.
type Record struct {
	clock   clock.PassiveClock
	changed func()
	// counted is the action whose successes are counted.
	counted string

	mu        sync.Mutex
	loaded    bool
	health    v1alpha1.Health
	succeeded int64
	failed    int64
	channels  map[string]string
	// historyProbes is when channels were last asked what is there already, silent are those that could not be.
	historyProbes map[string]time.Time
	unreadable    map[string]bool
}

// Load takes over what a status says, the first time it is called.
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

// Snapshot is the record as a status shows it.
func (r *Record) Snapshot() (h v1alpha1.Health, succeeded, failed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.health.DeepCopy(), r.succeeded, r.failed
}

// Add records something done for an object, and how it ended. detail is shown when it succeeded. Totals count all failures, and the successes of
// the pool's counted action.
func (r *Record) Add(action, object, detail string, err error) {
	r.mu.Lock()
	now := metav1.NewTime(r.clock.Now())
	a := v1alpha1.Activity{Time: now, Action: action, Object: object, Outcome: v1alpha1.OutcomeSucceeded, Detail: detail}
	if err != nil {
		a.Outcome, a.Detail = v1alpha1.OutcomeFailed, err.Error()
		r.failed++
	} else if action == r.counted {
		r.succeeded++
	}
	a.Detail = text.Truncate(a.Detail, 1024)
	r.note(now, err)
	r.health.Activities = slices.Insert(r.health.Activities, 0, a)
	r.trim()
	r.mu.Unlock()
	r.changed()
}

// RecordProbe records how a probe ended. It is no activity.
func (r *Record) RecordProbe(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(metav1.NewTime(r.clock.Now()), err)
}

func (r *Record) note(now metav1.Time, err error) {
	if err == nil {
		r.health.LastSuccessTime = &now
		return
	}
	r.health.LastErrorTime, r.health.LastError = &now, text.Truncate(err.Error(), 1024)
}

func (r *Record) trim() {
	if len(r.health.Activities) > v1alpha1.MaxActivities {
		r.health.Activities = r.health.Activities[:v1alpha1.MaxActivities]
	}
}

// maxChannels is how many channels a record knows.
const maxChannels = 100

// RecordChannel notes the ID of a channel that is named.
func (r *Record) RecordChannel(name, id string) {
	r.mu.Lock()
	if r.channels == nil {
		r.channels = map[string]string{}
	}
	if r.channels[name] == id || len(r.channels) >= maxChannels {
		r.mu.Unlock()
		return
	}
	r.channels[name] = id
	r.mu.Unlock()
	if r.changed != nil {
		r.changed()
	}
}

// ChannelID is the ID of a channel that is named, or empty when it is not known.
func (r *Record) ChannelID(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.channels[name]
}

// historyProbeInterval is how soon it is tried again to ask a channel that could not be.
const historyProbeInterval = 10 * time.Minute

// ClaimHistoryProbe says that it is to be found out whether a channel can be asked what is there already: nobody did so far, or it could not be, a while ago. The
// channel counts as asked from then on.
func (r *Record) ClaimHistoryProbe(channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ever := r.historyProbes[channel]
	if ever && (!r.unreadable[channel] || r.clock.Since(at) < historyProbeInterval) || !ever && len(r.historyProbes) >= maxChannels {
		return false
	}
	if r.historyProbes == nil {
		r.historyProbes = map[string]time.Time{}
	}
	r.historyProbes[channel] = r.clock.Now()
	return true
}

// RecordHistoryProbe notes whether a channel could be asked what is there already.
func (r *Record) RecordHistoryProbe(channel string, could bool) {
	r.mu.Lock()
	if could == !r.unreadable[channel] || !could && len(r.unreadable) >= maxChannels {
		r.mu.Unlock()
		return
	}
	if could {
		delete(r.unreadable, channel)
	} else {
		if r.unreadable == nil {
			r.unreadable = map[string]bool{}
		}
		r.unreadable[channel] = true
	}
	r.mu.Unlock()
	r.changed()
}

// UnreadableChannel is a channel that could not be asked what is there already, the last time that was tried; empty when there is none.
func (r *Record) UnreadableChannel() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.unreadable)) {
		return name
	}
	return ""
}

// KnownChannels are those that are known.
func (r *Record) KnownChannels() []v1alpha1.KnownChannel {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []v1alpha1.KnownChannel
	for _, name := range slices.Sorted(maps.Keys(r.channels)) {
		out = append(out, v1alpha1.KnownChannel{Name: name, ID: r.channels[name]})
	}
	return out
}
