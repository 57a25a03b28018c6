// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/webhook"
)

// announceCreated sends a new issue to the webhook. It needs the lock, like the functions below.
func (s *Site) announceCreated(is *issue.Issue, by catalog.User) {
	s.announceIssue("jira:issue_created", eventCreated, is, by, nil)
}

// announceDeleted sends a deleted issue to the webhook.
func (s *Site) announceDeleted(is *issue.Issue, by catalog.User) {
	s.announceIssue("jira:issue_deleted", eventDeleted, is, by, nil)
}

// announceChanged sends each new comment to the webhook, and then the whole change as an update.
func (s *Site) announceChanged(old, is *issue.Issue, by catalog.User, event string) {
	if event == "" || !s.hook.IsSet() {
		return
	}
	more := object{}
	for _, c := range is.Comments[len(old.Comments):] {
		more["comment"] = s.commentView(s.address(), is, c)
		s.post("comment_created", is, object{
			"comment": more["comment"], "issue": s.webhookIssue(is, "summary", "issuetype", "project", "assignee", "priority", "status"),
		})
	}
	if items := s.changes(old, is); len(items) > 0 {
		s.lastChange++
		more["changelog"] = object{"id": strconv.Itoa(s.lastChange), "items": items}
	}
	s.announceIssue("jira:issue_updated", event, is, by, more)
}

// announceIssue sends an issue with further members to the webhook.
func (s *Site) announceIssue(webhookEvent, event string, is *issue.Issue, by catalog.User, more object) {
	if !s.hook.IsSet() {
		return
	}
	body := object{"issue_event_type_name": event, "user": s.userView(s.address(), by), "issue": s.webhookIssue(is, "*all", "-comment")}
	for k, v := range more {
		body[k] = v
	}
	s.post(webhookEvent, is, body)
}

// webhookIssue returns the fields of an issue for the webhook.
func (s *Site) webhookIssue(is *issue.Issue, fields ...string) object {
	v := s.issueView(s.address(), is, fields, nil)
	delete(v, "expand")
	return v
}

// post enqueues a call of the webhook.
func (s *Site) post(webhookEvent string, is *issue.Issue, body object) {
	body["timestamp"] = s.now().UnixMilli()
	body["webhookEvent"] = webhookEvent
	raw, err := json.Marshal(body)
	if err != nil { // cannot happen: the site stores valid JSON
		panic("encoding a webhook's body: " + err.Error())
	}
	s.hook.Add(&webhook.Delivery{Event: webhookEvent, IssueKey: is.Key, Body: raw})
}

// address returns the site's address for links in webhooks, which is that of the last call.
func (s *Site) address() string {
	if base := s.base.Load(); base != nil {
		return *base
	}
	return "http://localhost" + BasePath
}

// Deliveries returns the calls of the webhook, oldest first: all pending ones, and the newest of the others.
func (s *Site) Deliveries() []webhook.Delivery { return s.hook.Deliveries() }

// DeliveryCounts returns the numbers of calls of the webhook.
func (s *Site) DeliveryCounts() webhook.Counts { return s.hook.Counts() }

// WaitForDeliveries waits until no call of the webhook is pending. It returns the context's error if the context ends
// before.
func (s *Site) WaitForDeliveries(ctx context.Context) error { return s.hook.Wait(ctx) }
