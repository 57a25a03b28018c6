// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

func TestPermalinksOpenTheirMessage(t *testing.T) {
	s, server := serve(t, Options{})
	for i := range messagesShown + 50 {
		must(t, server, http.MethodPost, postPath, fmt.Sprintf(`{"channel":"C0ALERTS","text":"message %d"}`, i), 200)
	}
	messages := s.Slack().Messages(slack.AlertsChannel)
	for name, i := range map[string]int{"oldest": 0, "one in between": 40, "newest": len(messages) - 1} {
		path := "/archives/C0ALERTS/p" + strings.ReplaceAll(messages[i].TS, ".", "")
		r, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if want := "m" + messages[i].TS; r.StatusCode != 200 || r.Request.URL.Fragment != want {
			t.Errorf("%s: got %d at #%s, want 200 at #%s", name, r.StatusCode, r.Request.URL.Fragment, want)
		}
		html := must(t, server, http.MethodGet, r.Request.URL.RequestURI(), "", 200)
		if !strings.Contains(html, `id="m`+messages[i].TS+`"`) {
			t.Errorf("%s: the page lacks the message", name)
		}
	}
	for _, path := range []string{"C0ALERTS/p1", "C0ALERTS/p1700000000000000", "C0ALERTS/x", "C0NONE/p1700000000000000"} {
		must(t, server, http.MethodGet, "/archives/"+path, "", 404)
	}
}

func TestPermalinksOfTheAPIAreServed(t *testing.T) {
	s, server := serve(t, Options{})
	must(t, server, http.MethodPost, postPath, newMessage, 200)
	ts := s.Slack().Messages(slack.AlertsChannel)[0].TS
	answer := must(t, server, http.MethodGet, "/api/chat.getPermalink?channel=C0ALERTS&message_ts="+ts, "", 200)
	link := regexp.MustCompile(`"permalink":"` + server.URL + `(/[^"]+)"`).FindStringSubmatch(answer)
	if link == nil {
		t.Fatalf("got %s, want a permalink of the sandbox", answer)
	}
	must(t, server, http.MethodGet, link[1], "", 200)
}

func TestEveryLinkOfEveryPageIsServed(t *testing.T) {
	_, server := serve(t, Options{})
	must(t, server, http.MethodPost, issuePath, newIssue, 201)
	for range messagesShown + 1 {
		must(t, server, http.MethodPost, postPath, newMessage, 200)
	}
	hrefs := regexp.MustCompile(`(?:href|src)="(/[^"]*)"`)
	seen := map[string]bool{"/": true}
	for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
		for _, link := range hrefs.FindAllStringSubmatch(must(t, server, http.MethodGet, queue[0], "", 200), -1) {
			if !seen[link[1]] {
				seen[link[1]] = true
				queue = append(queue, link[1])
			}
		}
	}
	for _, path := range []string{"/slack/C0ALERTS", "/jira/browse/VOICE-1"} {
		if !seen[path] {
			t.Errorf("no page links to %s: %v", path, seen)
		}
	}
}
