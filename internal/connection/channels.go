package connection

import (
	"maps"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// maxChannels is the number of channels that a record holds.
	maxChannels = 100
	// historyProbeInterval is how soon an unreadable channel is probed again.
	historyProbeInterval = 10 * time.Minute
)

// RecordChannel records the ID of a named channel.
func (r *Record) RecordChannel(name, id string) {
	if r.setChannelID(name, id) && r.changed != nil {
		r.changed()
	}
}

// setChannelID reports whether it changed the record.
func (r *Record) setChannelID(name, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.channelIDs[name] == id || len(r.channelIDs) >= maxChannels {
		return false
	}
	if r.channelIDs == nil {
		r.channelIDs = map[string]string{}
	}
	r.channelIDs[name] = id
	return true
}

// ChannelID returns the ID of a named channel. It is empty when the ID is not known.
func (r *Record) ChannelID(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.channelIDs[name]
}

// KnownChannels returns the recorded channels, sorted by name.
func (r *Record) KnownChannels() []v1alpha1.KnownChannel {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []v1alpha1.KnownChannel
	for _, name := range slices.Sorted(maps.Keys(r.channelIDs)) {
		out = append(out, v1alpha1.KnownChannel{Name: name, ID: r.channelIDs[name]})
	}
	return out
}

// ClaimHistoryProbe reports whether the caller is to probe if the channel's history can be read: it was never probed,
// or was unreadable a while ago. The channel counts as probed from then on.
func (r *Record) ClaimHistoryProbe(channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isHistoryProbeDue(channel) {
		return false
	}
	if r.historyProbes == nil {
		r.historyProbes = map[string]time.Time{}
	}
	r.historyProbes[channel] = r.clock.Now()
	return true
}

func (r *Record) isHistoryProbeDue(channel string) bool {
	at, probed := r.historyProbes[channel]
	if !probed {
		return len(r.historyProbes) < maxChannels
	}
	return r.unreadable[channel] && r.clock.Since(at) >= historyProbeInterval
}

// RecordHistoryProbe records whether a channel's history could be read.
func (r *Record) RecordHistoryProbe(channel string, readable bool) {
	if r.setReadable(channel, readable) {
		r.changed()
	}
}

// setReadable reports whether it changed the record.
func (r *Record) setReadable(channel string, readable bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case readable != r.unreadable[channel]:
		return false
	case readable:
		delete(r.unreadable, channel)
	case len(r.unreadable) >= maxChannels:
		return false
	default:
		if r.unreadable == nil {
			r.unreadable = map[string]bool{}
		}
		r.unreadable[channel] = true
	}
	return true
}

// UnreadableChannel returns the first channel, by name, whose history could not be read when it was last probed. It
// is empty when there is none.
func (r *Record) UnreadableChannel() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.unreadable)) {
		return name
	}
	return ""
}
