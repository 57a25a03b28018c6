// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/webhook"
)

// received is a request that a webhook's receiver got.
type received struct {
	header http.Header
	raw    []byte
	body   map[string]any
}

// listen sets a webhook whose receiver gives the answers in turn and repeats the last one. It returns a function that
// returns the requests.
func listen(t *testing.T, s *Site, secret string, answers ...int) func() []received {
	t.Helper()
	var mu sync.Mutex
	var all []received
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		h := received{header: r.Header, raw: raw}
		_ = json.Unmarshal(raw, &h.body)
		mu.Lock()
		defer mu.Unlock()
		answer := answers[min(len(all), len(answers)-1)]
		all = append(all, h)
		if answer == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(answer)
	}))
	t.Cleanup(receiver.Close)
	if err := s.SetWebhook(webhook.Settings{URL: receiver.URL + "/hook?token=hidden", Secret: secret, RetryMS: 1}); err != nil {
		t.Fatal(err)
	}
	return func() []received {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := s.WaitForDeliveries(ctx); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		got := all
		all = nil
		return got
	}
}

// changesOf returns the changelog's items as "field: from (ID) -> to (ID)".
func changesOf(body map[string]any) string {
	log, _ := body["changelog"].(map[string]any)
	if log == nil {
		return ""
	}
	var parts []string
	for _, item := range log["items"].([]any) {
		i := item.(map[string]any)
		parts = append(parts, fmt.Sprintf("%v: %v (%v) -> %v (%v)", i["field"], i["fromString"], i["from"], i["toString"], i["to"]))
	}
	return strings.Join(parts, "; ")
}

func TestWebhooks(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	s := New(Options{Clock: func() time.Time { return now }})
	wait := listen(t, s, "key", http.StatusOK)
	for _, c := range []struct {
		name string
		do   func()
		want []string // event, type, user, key and changes
	}{
		{"created", func() { ask(t, s, http.MethodPost, "/issue", issueBody("labels", `["a"]`)) },
			[]string{"jira:issue_created issue_created bot VOICE-1 "}},
		{"edited by the bot", func() {
			ask(t, s, http.MethodPut, "/issue/VOICE-1", `{"fields":{"customfield_10051":{"value":"Voice"}}}`)
		},
			[]string{"jira:issue_updated issue_updated bot VOICE-1 Owning team: <nil> (<nil>) -> Voice (<nil>)"}},
		{"edited by a person", func() {
			if err := s.Edit("VOICE-1", catalog.OnCall,
				func(is *issue.Issue) {
					is.Priority, is.Assignee, is.Labels = "High", catalog.Tester, []string{"b", "c"}
				}); err != nil {
				t.Error(err)
			}
		}, []string{"jira:issue_updated issue_updated oncall VOICE-1 priority: Medium (3) -> High (2); " +
			"labels: a (<nil>) -> b c (<nil>); assignee: <nil> (<nil>) -> Test Engineer (" + catalog.Users[1].AccountID + ")"}},
		{"moved with a comment", func() {
			ask(t, s, http.MethodPost, "/issue/VOICE-1/transitions", `{"transition":{"id":"31"},"update":{"comment":[{"add":{"body":"fixed"}}]}}`)
		}, []string{
			"comment_created <nil> bot VOICE-1 ",
			"jira:issue_updated issue_generic bot VOICE-1 resolution: <nil> (<nil>) -> Done (10000); status: To Do (10000) -> Done (10001)",
		}},
		{"commented", func() { _ = s.Comment("VOICE-1", catalog.OnCall, "hello") }, []string{
			"comment_created <nil> oncall VOICE-1 ", "jira:issue_updated issue_commented oncall VOICE-1 ",
		}},
		{"property", func() { ask(t, s, http.MethodPut, "/issue/VOICE-1/properties/p", `1`) }, nil},
		{"refused", func() { call(t, s, http.MethodPut, "/issue/VOICE-1", `{"fields":{"summary":""}}`) }, nil},
		{"to another project", func() { _, _ = s.MoveToProject("VOICE-1", "OPS", catalog.Tester) },
			[]string{"jira:issue_updated issue_moved tester OPS-1 project: Voice AI (10000) -> Operations (10001); " +
				"Key: VOICE-1 (<nil>) -> OPS-1 (<nil>); priority: High (2) -> <nil> (<nil>)"}},
		{"deleted", func() { s.Delete("VOICE-1") }, []string{"jira:issue_deleted issue_deleted tester OPS-1 "}},
	} {
		c.do()
		var got []string
		for _, h := range wait() {
			if want := webhook.Sign("key", h.raw); h.header.Get("X-Hub-Signature") != want ||
				h.header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("%s: got headers %v, want the signature %s", c.name, h.header, want)
			}
			is := h.body["issue"].(map[string]any)
			fields := is["fields"].(map[string]any)
			if h.body["timestamp"] != float64(now.UnixMilli()) || is["id"] != "10001" || fields["status"] == nil || fields["comment"] != nil {
				t.Errorf("%s: got %s", c.name, h.raw)
			}
			who, _ := h.body["user"].(map[string]any)
			if comment, is := h.body["comment"].(map[string]any); is && who == nil {
				who = comment["author"].(map[string]any)
			}
			u, _ := catalog.FindUser(fmt.Sprint(who["accountId"]), "")
			got = append(got, fmt.Sprintf("%v %v %s %v %s", h.body["webhookEvent"], h.body["issue_event_type_name"], u.Name,
				is["key"], changesOf(h.body)))
		}
		slices.Sort(got) // the order is undefined
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	if c := s.DeliveryCounts(); c != (webhook.Counts{Delivered: 9}) {
		t.Errorf("got counts %+v", c)
	}
}

func TestWebhooksOfDataCenter(t *testing.T) {
	s := New(Options{Mode: DataCenter})
	wait := listen(t, s, "", http.StatusNoContent)
	ask(t, s, http.MethodPost, "/issue", issueBody())
	wait()
	if err := s.Edit("VOICE-1", catalog.Tester, func(is *issue.Issue) { is.Assignee = catalog.OnCall }); err != nil {
		t.Fatal(err)
	}
	h := wait()[0]
	who := h.body["user"].(map[string]any)
	if who["name"] != "tester" || who["key"] != "JIRAUSER-tester" || who["accountId"] != nil || h.header.Get("X-Hub-Signature") != "" {
		t.Errorf("got %s with %v", h.raw, h.header)
	}
	if got := changesOf(h.body); got != "assignee: <nil> (<nil>) -> On Call (oncall)" {
		t.Errorf("got changes %s", got)
	}
	item := h.body["changelog"].(map[string]any)["items"].([]any)[0].(map[string]any)
	if item["fieldId"] != "assignee" || item["fieldtype"] != "jira" || h.body["changelog"].(map[string]any)["id"] == "" {
		t.Errorf("got %v", h.body["changelog"])
	}
	if self := h.body["issue"].(map[string]any)["self"]; self != "http://example.com/jira/rest/api/2/issue/10001" {
		t.Errorf("got the URL %v", self)
	}
}

func TestDeliveriesAreRetried(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for name, c := range map[string]struct {
		answers []int // 0 closes the connection
		tries   int
		state   webhook.State
		status  int
	}{
		"taken":             {[]int{200}, 1, webhook.Delivered, 200},
		"taken in the end":  {[]int{503, 0, 429, 408, 409, 202}, 6, webhook.Delivered, 202},
		"never taken":       {[]int{500}, 6, webhook.Failed, 500},
		"bad request":       {[]int{400}, 1, webhook.Failed, 400},
		"not found":         {[]int{404}, 1, webhook.Failed, 404},
		"wrong credentials": {[]int{500, 401, 200}, 2, webhook.Failed, 401},
		"a redirect":        {[]int{302}, 1, webhook.Failed, 302},
		"no answer":         {[]int{0}, 6, webhook.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{})
			wait := listen(t, s, "key", c.answers...)
			ask(t, s, http.MethodPost, "/issue", issueBody())
			all := wait()
			log := s.Deliveries()
			if len(log) != 1 || len(all) != c.tries || log[0].Tries != c.tries || log[0].State != c.state || log[0].Status != c.status {
				t.Fatalf("%d calls, log %+v", len(all), log)
			}
			d := log[0]
			if d.Event != "jira:issue_created" || d.IssueKey != "VOICE-1" || !uuid.MatchString(d.ID) {
				t.Errorf("got log %+v", d)
			}
			if (d.Error != "") != (c.status == 0) || strings.Contains(d.Error, "hidden") {
				t.Errorf("got error %q", d.Error)
			}
			for i, h := range all {
				retry := ""
				if i > 0 {
					retry = fmt.Sprint(i)
				}
				if h.header.Get("X-Atlassian-Webhook-Identifier") != d.ID || h.header.Get("X-Atlassian-Webhook-Retry") != retry ||
					string(h.raw) != string(d.Body) {
					t.Errorf("try %d: %v %s", i, h.header, h.raw)
				}
			}
		})
	}
}

func TestWebhookIsReplaced(t *testing.T) {
	s := New(Options{})
	refusing := listen(t, s, "", http.StatusServiceUnavailable)
	minute := webhook.Settings{URL: s.hook.Settings().URL, RetryMS: 60_000}
	if err := s.SetWebhook(minute); err != nil {
		t.Fatal(err)
	}
	ask(t, s, http.MethodPost, "/issue", issueBody())
	wait := listen(t, s, "", http.StatusOK)
	refusing() // removes pending deliveries of the former webhook
	ask(t, s, http.MethodPost, "/issue", issueBody())
	if all := wait(); len(all) != 1 || all[0].body["issue"].(map[string]any)["key"] != "VOICE-2" {
		t.Errorf("got %v", all)
	}
	if err := s.SetWebhook(webhook.Settings{}); err != nil {
		t.Fatal(err)
	}
	ask(t, s, http.MethodPost, "/issue", issueBody())
	if c := s.DeliveryCounts(); c != (webhook.Counts{}) || s.Settings().Webhook != nil {
		t.Errorf("got counts %+v without a webhook", c)
	}
}
