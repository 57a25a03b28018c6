// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

const (
	// maxChannels is the number of channels that a record holds.
	maxChannels = 100
	// historyProbeInterval is how soon an unreadable channel is probed again.
	historyProbeInterval = 10 * time.Minute
)

// LoadChannels adds the channels that a status holds to the record, unless it has newer IDs of their names. Only the
// first call has an effect.
func (r *Record) LoadChannels(known []v1alpha1.KnownChannel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.channelsLoaded {
		return
	}
	r.channelsLoaded = true
	for _, c := range known {
		if r.channelIDs[c.Name] == "" {
			r.setChannelID(c.Name, c.ID)
		}
	}
}

// ForgetChannels drops what is known of channels: the credentials are those of another workspace.
func (r *Record) ForgetChannels() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.channelsLoaded = true
	r.channelIDs = nil
	r.renamed = nil
	r.historyProbes = nil
	r.unreadable = nil
}

// Post posts a message and records the ID of the channel that it names. If Slack has no channel of that name but one
// is known that had it, the channel was renamed: the message goes to its ID.
func (r *Record) Post(ctx context.Context, c chat.Poster, m chat.Message) (chat.Posted, error) {
	name := m.Channel
	posted, err := c.Post(ctx, m)
	if !strings.HasPrefix(name, "#") {
		return posted, err
	}
	isRenamed := false
	if f := fault.From(err); f != nil && f.Code == chat.CodeChannelNotFound {
		if m.Channel = r.ChannelID(name); m.Channel == "" {
			return posted, err
		}
		isRenamed = true
		var second error
		if posted, second = c.Post(ctx, m); fault.From(second) == nil || fault.From(second).Code != chat.CodeChannelNotFound {
			err = second
		}
	}
	if err == nil && posted.TS != "" && posted.Channel != "" {
		r.recordChannel(name, posted.Channel, isRenamed)
	}
	return posted, err
}

// recordChannel records the ID of a named channel, and whether the channel has another name by now.
func (r *Record) recordChannel(name, id string, isRenamed bool) {
	r.mu.Lock()
	changed := r.setChannelID(name, id) || r.renamed[name] != isRenamed
	switch {
	case !isRenamed:
		delete(r.renamed, name)
	case r.renamed == nil:
		r.renamed = map[string]bool{name: true}
	default:
		r.renamed[name] = true // a name whose ID is known
	}
	r.mu.Unlock()
	if changed && r.changed != nil {
		r.changed()
	}
}

// setChannelID reports whether it changed the record. The caller holds mu.
func (r *Record) setChannelID(name, id string) bool {
	before, isKnown := r.channelIDs[name]
	if before == id || !isKnown && len(r.channelIDs) >= maxChannels {
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

// RenamedChannel returns the first channel, by name, that has another name in Slack by now, with its ID. Both are empty
// when there is none.
func (r *Record) RenamedChannel() (name, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.renamed)) {
		return name, r.channelIDs[name]
	}
	return "", ""
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
