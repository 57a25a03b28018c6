package jira

import (
	"encoding/json"
	"strconv"
)

// Webhook is where the site tells changes, as one that an administrator of the real Jira registers.
type Webhook struct {
	// URL gets a POST for each change; none is sent when it is empty.
	URL string `json:"url"`
	// Secret signs the body: X-Hub-Signature is "sha256=" and the hexadecimal HMAC. Empty for no signature, as old servers have none.
	Secret string `json:"secret,omitempty"`
	// RetryMS is how long to wait before each further try, in milliseconds; 0 for a second. The real Jira waits 5 to 15 minutes.
	RetryMS int `json:"retryMs,omitempty"`
}

// tellCreated needs the lock, as the others do.
func (s *Site) tellCreated(is *Issue, by user) {
	s.tellIssue("jira:issue_created", eventCreated, is, by, nil)
}

func (s *Site) tellDeleted(is *Issue, by user) {
	s.tellIssue("jira:issue_deleted", eventDeleted, is, by, nil)
}

// tellChanged tells each new comment by itself, and all of the change as an update.
func (s *Site) tellChanged(old, is *Issue, by user, event string) {
	if event == "" || !s.hook.wanted() {
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
	s.tellIssue("jira:issue_updated", event, is, by, more)
}

func (s *Site) tellIssue(webhookEvent, event string, is *Issue, by user, more object) {
	if !s.hook.wanted() {
		return
	}
	body := object{"issue_event_type_name": event, "user": s.userView(s.address(), by), "issue": s.webhookIssue(is, "*all", "-comment")}
	for k, v := range more {
		body[k] = v
	}
	s.post(webhookEvent, is, body)
}

// webhookIssue is an issue without its comments, which could be many.
func (s *Site) webhookIssue(is *Issue, fields ...string) object {
	v := s.issueView(s.address(), is, fields, nil)
	delete(v, "expand")
	return v
}

func (s *Site) post(webhookEvent string, is *Issue, body object) {
	body["timestamp"], body["webhookEvent"] = s.now().UnixMilli(), webhookEvent
	raw, err := json.Marshal(body)
	if err != nil { // what the site holds was JSON when it came
		panic("writing a webhook's body: " + err.Error())
	}
	s.hook.add(&Delivery{ID: newIdentifier(), Event: webhookEvent, IssueKey: is.Key, Body: raw})
}

// address is where the site was last called, for the links in what it tells.
func (s *Site) address() string {
	if base := s.base.Load(); base != nil {
		return *base
	}
	return "http://localhost" + BasePath
}
