// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPostMessageRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		form []string
		want string
	}{
		{"no channel", []string{"text", "x"}, "channel_not_found"},
		{"unknown channel", []string{"channel", "C0NONE", "text", "x"}, "channel_not_found"},
		{"unknown name", []string{"channel", "#none", "text", "x"}, "channel_not_found"},
		{"not a member", []string{"channel", "#secret-room", "text", "x"}, "not_in_channel"},
		{"archived", []string{"channel", OldChannel, "text", "x"}, "is_archived"},
		{"nothing to say", []string{"channel", AlertsChannel}, "no_text"},
		{"empty text", []string{"channel", AlertsChannel, "text", "", "blocks", "[]"}, "no_text"},
		{"text too long", []string{"channel", AlertsChannel, "text", strings.Repeat("é", 40_001)}, "msg_too_long"},
		{"blocks that are no JSON", []string{"channel", AlertsChannel, "text", "x", "blocks", "[{"}, "invalid_blocks_format"},
		{"blocks that are no list", []string{"channel", AlertsChannel, "text", "x", "blocks", "{}"}, "invalid_blocks_format"},
		{"an attachment that is no object", []string{"channel", AlertsChannel, "text", "x", "attachments", "[1]"}, "invalid_attachments"},
		{"too many attachments", []string{"channel", AlertsChannel, "text", "x", "attachments",
			"[{}" + strings.Repeat(",{}", 100) + "]"}, "too_many_attachments"},
		{"metadata too large", []string{"channel", AlertsChannel, "text", "x", "metadata",
			`{"event_type":"e","event_payload":{"k":"` + strings.Repeat("m", 16<<10) + `"}}`}, "metadata_too_large"},
		{"metadata without a payload", []string{"channel", AlertsChannel, "text", "x", "metadata", `{"event_type":"e"}`},
			"invalid_metadata_schema"},
		{"metadata that is no object", []string{"channel", AlertsChannel, "text", "x", "metadata", `"e"`}, "invalid_metadata_format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := New(Options{Clock: stopped})
			rec, answer := call(t, w, "chat.postMessage", BotToken, form(c.form...))
			if rec.Code != http.StatusOK || answer["ok"] != false || answer["error"] != c.want {
				t.Errorf("got %d %v, want 200 %s", rec.Code, answer, c.want)
			}
			for _, ch := range w.Channels() {
				if got := w.Messages(ch.ID); len(got) != 0 {
					t.Errorf("a refused message is stored in #%s: %v", ch.Name, got)
				}
			}
			if got := w.Counts(); got.Posts != 0 || got.Refused["chat.postMessage "+c.want] != 1 {
				t.Errorf("counts: got %+v, want one refusal and no post", got)
			}
		})
	}
}

func TestPostMessageAccepts(t *testing.T) {
	w := New(Options{Clock: stopped})
	for _, channel := range []string{AlertsChannel, "#voice-ai-alerts", "voice-ai-alerts"} {
		answer := ok(t, w, "chat.postMessage", form("channel", channel, "text", strings.Repeat("é", 40_000)))
		if answer["channel"] != AlertsChannel {
			t.Errorf("%s: got channel %v, want %s", channel, answer["channel"], AlertsChannel)
		}
	}
	ok(t, w, "chat.postMessage", form("channel", DevChannel, "blocks", `[{"type":"divider"}]`, "client_msg_id", "id-1"))
	if got := len(w.Messages("#voice-ai-alerts")); got != 3 {
		t.Errorf("got %d messages, want 3", got)
	}
	if got := w.Messages(DevChannel); len(got) != 1 || got[0].ClientMsgID != "id-1" {
		t.Errorf("got %v, want the message with blocks only", got)
	}
	if got := w.Counts().Posts; got != 4 {
		t.Errorf("got %d posts, want 4", got)
	}
}

func TestTimestampsIncreaseWithStoppedClock(t *testing.T) {
	now := start
	w := New(Options{Clock: func() time.Time { return now }})
	var got []string
	got = append(got, post(t, w, "1"), post(t, w, "2"))
	now = start.Add(-time.Hour)
	got = append(got, post(t, w, "3"))
	now = start.Add(2 * time.Second)
	got = append(got, post(t, w, "4"))
	want := "1700000000.000000 1700000000.000001 1700000000.000002 1700000002.000000"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

func TestUpdate(t *testing.T) {
	w := New(Options{Clock: stopped})
	ts := post(t, w, "open", "blocks", `[{"type":"divider"}]`, "metadata", `{"event_type":"e","event_payload":{"id":"1"}}`)
	before := w.Messages(AlertsChannel)

	answer := ok(t, w, "chat.update", form("channel", AlertsChannel, "ts", ts, "text", "resolved"))
	if answer["ts"] != ts || answer["channel"] != AlertsChannel || answer["text"] != "resolved" {
		t.Errorf("got %v, want the same message with the new text", answer)
	}
	m := w.Messages(AlertsChannel)[0]
	if m.Text != "resolved" || string(m.Blocks) != `[{"type":"divider"}]` || m.Metadata == nil || m.Edits != 1 || m.Edited == "" {
		t.Errorf("got %+v, want new text, absent parts kept, one edit", m)
	}
	if before[0].Text != "open" || before[0].Edits != 0 {
		t.Errorf("the former version changed: %+v", before[0])
	}
	ok(t, w, "chat.update", form("channel", AlertsChannel, "ts", ts, "text", "closed", "blocks", "[]", "metadata", "{}"))
	if m = w.Messages(AlertsChannel)[0]; m.Blocks != nil || m.Metadata != nil || m.Edits != 2 {
		t.Errorf("got %+v, want blocks and metadata removed", m)
	}
}

func TestUpdateRefuses(t *testing.T) {
	w := New(Options{Clock: stopped})
	ts := post(t, w, "open")
	if rec := hookPost(w, WebhookPath, `{"text":"by webhook"}`); rec.Code != http.StatusOK {
		t.Fatalf("webhook: got %d %s", rec.Code, rec.Body)
	}
	byHook := w.Messages(AlertsChannel)[1].TS
	for _, c := range []struct {
		name string
		form []string
		want string
	}{
		{"a channel's name", []string{"channel", "#voice-ai-alerts", "ts", ts, "text", "x"}, "channel_not_found"},
		{"not a member", []string{"channel", SecretChannel, "ts", ts, "text", "x"}, "not_in_channel"},
		{"another channel", []string{"channel", DevChannel, "ts", ts, "text", "x"}, "message_not_found"},
		{"no timestamp", []string{"channel", AlertsChannel, "text", "x"}, "message_not_found"},
		{"a webhook's message", []string{"channel", AlertsChannel, "ts", byHook, "text", "x"}, "cant_update_message"},
		{"nothing to say", []string{"channel", AlertsChannel, "ts", ts}, "no_text"},
		{"bad blocks", []string{"channel", AlertsChannel, "ts", ts, "text", "x", "blocks", `[{"type":"none"}]`}, "invalid_blocks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, answer := call(t, w, "chat.update", BotToken, form(c.form...)); answer["error"] != c.want {
				t.Errorf("got %v, want %s", answer, c.want)
			}
		})
	}
	if err := w.PutChannel(Channel{ID: AlertsChannel, Name: "voice-ai-alerts", Member: true, Archived: true}); err != nil {
		t.Fatal(err)
	}
	if _, answer := call(t, w, "chat.update", BotToken,
		form("channel", AlertsChannel, "ts", ts, "text", "x")); answer["error"] != "is_archived" {
		t.Errorf("got %v, want is_archived", answer)
	}
	if got := texts(w.Messages(AlertsChannel)); got != "open|by webhook" {
		t.Errorf("a refused edit changed a message: %s", got)
	}
}

func TestThreads(t *testing.T) {
	w := New(Options{Clock: stopped})
	parent := post(t, w, "parent")
	reply := post(t, w, "reply", "thread_ts", parent)
	post(t, w, "reply to the reply", "thread_ts", reply)
	post(t, w, "broadcast", "thread_ts", parent, "reply_broadcast", "true")
	post(t, w, "orphan", "thread_ts", "1600000000.000001")

	for i, want := range []struct {
		thread    string
		broadcast bool
	}{{"", false}, {parent, false}, {parent, false}, {parent, true}, {"", false}} {
		if m := w.Messages(AlertsChannel)[i]; m.ThreadTS != want.thread || m.Broadcast != want.broadcast {
			t.Errorf("%s: got thread %q broadcast %v, want %q %v", m.Text, m.ThreadTS, m.Broadcast, want.thread, want.broadcast)
		}
	}
	if got := answered(ok(t, w, "conversations.history", form("channel", AlertsChannel))); got != "orphan|broadcast|parent" {
		t.Errorf("history: got %s", got)
	}
	if got := answered(ok(t, w, "conversations.replies",
		form("channel", AlertsChannel, "ts", reply))); got != "parent|reply|reply to the reply|broadcast" {
		t.Errorf("replies: got %s", got)
	}
	if got := answered(ok(t, w, "conversations.replies",
		form("channel", AlertsChannel, "ts", reply, "oldest", "9999999999"))); got != "parent" {
		t.Errorf("replies of later: got %s, want the parent too", got)
	}
	if _, answer := call(t, w, "conversations.replies", BotToken,
		form("channel", AlertsChannel, "ts", "1")); answer["error"] != "thread_not_found" {
		t.Errorf("replies of an unknown thread: got %v", answer)
	}
}

// answered returns the texts of the messages in an answer, in order.
func answered(answer map[string]any) string {
	var all []string
	for _, m := range answer["messages"].([]any) {
		all = append(all, m.(map[string]any)["text"].(string))
	}
	return strings.Join(all, "|")
}

func TestHistory(t *testing.T) {
	now := start
	w := New(Options{Clock: func() time.Time { now = now.Add(time.Second); return now }})
	for _, text := range []string{"1", "2", "3", "4", "5"} {
		post(t, w, text, "metadata", `{"event_type":"delivery","event_payload":{"id":"`+text+`"}}`)
	}
	stamps := map[string]string{}
	for _, m := range w.Messages(AlertsChannel) {
		stamps[m.Text] = m.TS
	}
	for _, c := range []struct {
		name string
		form []string
		want string
		more bool
	}{
		{"all", nil, "5|4|3|2|1", false},
		{"after", []string{"oldest", stamps["3"]}, "5|4", false},
		{"after and at", []string{"oldest", stamps["3"], "inclusive", "true"}, "5|4|3", false},
		{"before", []string{"latest", stamps["3"]}, "2|1", false},
		{"between", []string{"oldest", stamps["1"], "latest", stamps["4"]}, "3|2", false},
		{"exactly one", []string{"oldest", stamps["2"], "latest", stamps["2"], "inclusive", "1"}, "2", false},
		{"whole seconds", []string{"oldest", strings.Split(stamps["4"], ".")[0]}, "5", false},
		{"the newest two", []string{"limit", "2"}, "5|4", true},
		{"exactly all", []string{"limit", "5"}, "5|4|3|2|1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := ok(t, w, "conversations.history", form(append([]string{"channel", AlertsChannel}, c.form...)...))
			if got := answered(answer); got != c.want || answer["has_more"] != c.more {
				t.Errorf("got %s, has_more %v; want %s, %v", got, answer["has_more"], c.want, c.more)
			}
		})
	}

	first := ok(t, w, "conversations.history", form("channel", AlertsChannel, "limit", "2"))
	cursor := first["response_metadata"].(map[string]any)["next_cursor"].(string)
	second := ok(t, w, "conversations.history", form("channel", AlertsChannel, "limit", "2", "cursor", cursor))
	if got := answered(second); got != "3|2" {
		t.Errorf("second page: got %s, want 3|2", got)
	}

	one := func(more ...string) map[string]any {
		answer := ok(t, w, "conversations.history", form(append([]string{"channel", AlertsChannel, "limit", "1"}, more...)...))
		return answer["messages"].([]any)[0].(map[string]any)
	}
	if got := one(); got["metadata"] != nil {
		t.Errorf("metadata without include_all_metadata: %v", got)
	}
	payload := one("include_all_metadata", "true")["metadata"].(map[string]any)["event_payload"].(map[string]any)
	if payload["id"] != "5" {
		t.Errorf("metadata: got %v, want id 5", payload)
	}
	if _, answer := call(t, w, "conversations.history", BotToken, form("channel", SecretChannel)); answer["error"] != "not_in_channel" {
		t.Errorf("not in the channel: got %v", answer)
	}
}

func TestPermalinkAndInfo(t *testing.T) {
	w := New(Options{Clock: stopped})
	ts := post(t, w, "x")
	want := "http://example.com/archives/C0ALERTS/p1700000000000000"
	if got := ok(t, w, "chat.getPermalink", form("channel", AlertsChannel, "message_ts", ts))["permalink"]; got != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if _, answer := call(t, w, "chat.getPermalink", BotToken,
		form("channel", AlertsChannel, "message_ts", "1")); answer["error"] != "message_not_found" {
		t.Errorf("got %v, want message_not_found", answer)
	}
	ch := ok(t, w, "conversations.info", form("channel", OldChannel))["channel"].(map[string]any)
	if ch["name"] != "old-stuff" || ch["is_archived"] != true {
		t.Errorf("got %v, want the archived channel", ch)
	}
}

func TestRateLimit(t *testing.T) {
	now := start
	w := New(Options{Clock: func() time.Time { return now }, RatePerSecond: 0.5, Burst: 2})
	post(t, w, "1")
	post(t, w, "2")
	rec, answer := call(t, w, "chat.postMessage", BotToken, form("channel", AlertsChannel, "text", "3"))
	if rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") != "2" || answer["error"] != "ratelimited" {
		t.Errorf("got %d, Retry-After %q, %v; want 429, 2, ratelimited", rec.Code, rec.Header().Get("Retry-After"), answer)
	}
	if rec := hookPost(w, WebhookPath, `{"text":"3"}`); rec.Code != http.StatusTooManyRequests ||
		rec.Body.String() != "rate_limited" || rec.Header().Get("Retry-After") != "2" {
		t.Errorf("webhook: got %d %s", rec.Code, rec.Body)
	}
	ok(t, w, "chat.postMessage", form("channel", DevChannel, "text", "another channel is free"))
	now = now.Add(2 * time.Second)
	post(t, w, "4")
	if got := texts(w.Messages(AlertsChannel)); got != "1|2|4" {
		t.Errorf("got %s, want 1|2|4", got)
	}
}

func TestChannelKeepsTheNewestMessages(t *testing.T) {
	w := New(Options{Clock: stopped})
	w.mu.Lock()
	ch := w.channels[AlertsChannel]
	text := "x"
	for range maxMessages + 3 {
		w.store(ch, content{text: &text}, Message{})
	}
	w.mu.Unlock()
	got := w.Messages(AlertsChannel)
	if len(got) != maxMessages || got[0].TS != "1700000000.000003" {
		t.Errorf("got %d messages from %s on, want %d from the fourth on", len(got), got[0].TS, maxMessages)
	}

	w.Reset()
	w.mu.Lock()
	defer w.mu.Unlock()
	ch = w.channels[AlertsChannel]
	for _, size := range []int{maxChannelBytes / 2, maxChannelBytes / 2} {
		long := strings.Repeat("x", size)
		w.store(ch, content{text: &long}, Message{})
	}
	if len(ch.messages) != 1 || ch.bytes > maxChannelBytes {
		t.Errorf("got %d messages of %d bytes, want one within %d", len(ch.messages), ch.bytes, maxChannelBytes)
	}
}

func TestPingsSurviveEdits(t *testing.T) {
	w := New(Options{Clock: stopped})
	ts := post(t, w, "<!channel> look")
	ok(t, w, "chat.update", form("channel", AlertsChannel, "ts", ts, "text", "nothing here"))
	if got := w.Messages(AlertsChannel)[0].Pings; !slices.Equal(got, []string{"<!channel>"}) {
		t.Errorf("got %q, want the former version's ping", got)
	}
}
