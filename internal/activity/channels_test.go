// SPDX-License-Identifier: Apache-2.0

package activity_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// workspace is a Slack with channels: IDs by name. It fails for an ID in broken.
type workspace struct {
	chat.Poster
	channels map[string]string
	broken   map[string]*fault.Fault
	posts    []string
}

func (w *workspace) Post(_ context.Context, m chat.Message) (chat.Posted, error) {
	w.posts = append(w.posts, m.Channel)
	id := m.Channel
	if named, ok := w.channels[m.Channel]; ok {
		id = named
	}
	isKnown := false
	for _, other := range w.channels {
		isKnown = isKnown || other == id
	}
	switch {
	case w.broken[id] != nil:
		return chat.Posted{}, w.broken[id]
	case !isKnown:
		return chat.Posted{}, &fault.Fault{Kind: fault.NotFound, Code: chat.CodeChannelNotFound, Message: "no channel " + m.Channel}
	}
	return chat.Posted{Channel: id, TS: "1.1"}, nil
}

// post posts to a channel and returns where the message went, or the fault.
func (w *workspace) post(t *testing.T, r *activity.Record, channel string) string {
	t.Helper()
	w.posts = nil
	posted, err := r.Post(t.Context(), w, chat.Message{Channel: channel})
	if err != nil {
		return err.Error()
	}
	return posted.Channel
}

// TestPostToAChannel takes the channel of a rule through what people do to it in Slack.
func TestPostToAChannel(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		record := r.record
		w := &workspace{}
		archived := fault.New(fault.NotFound, "archived")
		for _, s := range []struct {
			what     string
			channels map[string]string
			broken   map[string]*fault.Fault
			goes     string
			calls    int
			known    string
			renamed  string
		}{
			{"not there yet", nil, nil, "no channel #a", 1, "", ""},
			{"created", map[string]string{"#a": "C1"}, nil, "C1", 1, "C1", ""},
			{"as before", map[string]string{"#a": "C1"}, nil, "C1", 1, "C1", ""},
			{"renamed", map[string]string{"#b": "C1"}, nil, "C1", 2, "C1", "#a"},
			{"another one of the name", map[string]string{"#b": "C1", "#a": "C2"}, nil, "C2", 1, "C2", ""},
			{"renamed too", map[string]string{"#b": "C1", "#c": "C2"}, nil, "C2", 2, "C2", "#a"},
			{"and archived", map[string]string{"#c": "C2"}, map[string]*fault.Fault{"C2": archived}, "archived", 2, "C2", "#a"},
			{"deleted", nil, nil, "no channel #a", 2, "C2", "#a"},
			{"back under its name", map[string]string{"#a": "C2"}, nil, "C2", 1, "C2", ""},
		} {
			before := r.changes
			knew, _ := record.RenamedChannel()
			knewID := record.ChannelID("#a")
			w.channels = s.channels
			w.broken = s.broken
			goes := w.post(t, record, "#a")
			if goes != s.goes || len(w.posts) != s.calls || record.ChannelID("#a") != s.known {
				t.Errorf("%s: %s after %d calls, known as %s; want %s, %d, %s",
					s.what, goes, len(w.posts), record.ChannelID("#a"), s.goes, s.calls, s.known)
			}
			renamed, id := record.RenamedChannel()
			if renamed != s.renamed || renamed != "" && id != s.known {
				t.Errorf("%s: renamed %q (%s), want %q", s.what, renamed, id, s.renamed)
			}
			if changed := r.changes > before; changed != (renamed != knew || record.ChannelID("#a") != knewID) {
				t.Errorf("%s: the status is to be written: %t", s.what, changed)
			}
		}
	})
}

// TestPostByID checks that an ID is used as it is.
func TestPostByID(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		w := &workspace{channels: map[string]string{"#a": "C1"}}
		if got := w.post(t, r.record, "C1"); got != "C1" || r.record.KnownChannels() != nil {
			t.Errorf("%s, known %v", got, r.record.KnownChannels())
		}
		if got := w.post(t, r.record, "C2"); got != "no channel C2" || len(w.posts) != 1 {
			t.Errorf("%s after %v", got, w.posts)
		}
	})
}

// TestKnownChannels checks that a status, which is older than the record, does not bring an old ID back, and that a full
// record still follows the channels in it.
func TestKnownChannels(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		record := r.record
		w := &workspace{channels: map[string]string{"#a": "C3"}}
		w.post(t, record, "#a")
		status := []v1alpha1.KnownChannel{{Name: "#a", ID: "C1"}, {Name: "#b", ID: "C2"}}
		record.LoadChannels(status)
		if got := fmt.Sprint(record.KnownChannels()); got != "[{#a C3} {#b C2}]" {
			t.Errorf("known channels %s", got)
		}
		w.channels = map[string]string{"#b": "C4"}
		w.post(t, record, "#b")
		record.LoadChannels(status)
		if id := record.ChannelID("#b"); id != "C4" {
			t.Errorf("#b is %s, want C4", id)
		}
		for i := range 200 {
			w.channels[fmt.Sprint("#", i)] = "C"
			w.post(t, record, fmt.Sprint("#", i))
		}
		w.channels["#b"] = "C5"
		w.post(t, record, "#b")
		if n := len(record.KnownChannels()); n != 100 || record.ChannelID("#b") != "C5" {
			t.Errorf("%d known channels, #b is %s; want 100, C5", n, record.ChannelID("#b"))
		}
		record.ForgetChannels()
		record.LoadChannels(status)
		if known := record.KnownChannels(); known != nil {
			t.Errorf("in another workspace: %v", known)
		}
	})
}

// TestDoubtAtAnOldID checks that a post in doubt to a renamed channel stays in doubt.
func TestDoubtAtAnOldID(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		record := r.record
		record.LoadChannels([]v1alpha1.KnownChannel{{Name: "#a", ID: "C1"}})
		w := &workspace{broken: map[string]*fault.Fault{"C1": fault.New(fault.Ambiguous, "no answer")}}
		if got := w.post(t, record, "#a"); got != "no answer" || !slices.Equal(w.posts, []string{"#a", "C1"}) {
			t.Errorf("%s after %v", got, w.posts)
		}
	})
}
