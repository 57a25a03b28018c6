// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	sandboxjira "github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestAgainstTheSandbox makes the operator's calls to both kinds of Jira.
func TestAgainstTheSandbox(t *testing.T) {
	for mode, deployment := range map[sandboxjira.Mode]ticket.Deployment{
		sandboxjira.Cloud: ticket.Cloud, sandboxjira.DataCenter: ticket.DataCenter,
	} {
		t.Run(string(mode), func(t *testing.T) {
			var ticks atomic.Int64
			box := sandbox.New(sandbox.Options{JiraMode: mode, Clock: func() time.Time {
				return time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC).Add(time.Duration(ticks.Add(1)) * time.Second)
			}})
			s := httptest.NewServer(box)
			t.Cleanup(s.Close)
			config := ticket.Config{
				APIURL: s.URL + "/jira", Username: "bot@example.com", Token: "jira-sandbox", Project: "VOICE", IssueType: "Bug",
				Fields: []ticket.Field{
					{Name: "Found by", Type: ticket.Text}, {Name: "Owning team", Type: ticket.Option}, {Name: "Occurrences", Type: ticket.Number},
					{Name: "Components", Type: ticket.MultiOption}, {Name: "Due date", Type: ticket.Date},
				},
			}
			tr := dial(t, config)
			p, err := tr.Probe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if p.Deployment != deployment || p.Account == "" || p.AccountID == "" || len(p.Priorities) != 5 || p.Problems != nil {
				t.Errorf("%+v", p)
			}
			full := draft
			full.Fields = map[string]string{"Found by": "suite a", "Owning team": "voice", "Occurrences": "3",
				"Components": "Speech,Dialogue", "Due date": "soon"}
			made, err := tr.Create(t.Context(), full)
			if err != nil || len(made.Omitted) != 1 {
				t.Fatal(made, err)
			}
			stored, _ := box.Jira().Issue(made.ID)
			if string(stored.Fields["customfield_10051"]) != `{"id":"10200"}` ||
				string(stored.Fields["customfield_10052"]) != "3" || stored.Fields["duedate"] != nil {
				t.Errorf("%s", stored.Fields)
			}
			second, err := tr.Create(t.Context(), draft)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{2, 201, 1001} { // in one query, in two, and in one for all
				found, err := tr.Find(t.Context(), markers(n), time.Hour)
				if err != nil || len(found) != 1 || found["defect-1"].Key != made.Key {
					t.Errorf("%d markers: found %+v, %v; want the older of %s and %s", n, found, err, made.Key, second.Key)
				}
			}

			moved, err := tr.Move(t.Context(), made.ID, ticket.Target{Category: "indeterminate"})
			if err != nil || moved.Status != "In Progress" || moved.Created.IsZero() || moved.Updated.Before(moved.Created) {
				t.Errorf("%+v, %v", moved, err)
			}
			again, err := tr.Move(t.Context(), made.ID, ticket.Target{Status: "in progress"})
			if err != nil || again.Status != "In Progress" {
				t.Errorf("%+v, %v", again, err)
			}
			_, err = tr.Move(t.Context(), made.ID, ticket.Target{Status: "Shipped"})
			is(t, err, fault.Invalid, `"In Progress" to status "Shipped". Jira offers`)
			for range 2 {
				if err := tr.Comment(t.Context(), made.ID, ticket.Comment{Ref: "r-1", Body: "It is back"}); err != nil {
					t.Fatal(err)
				}
				if err := tr.Link(t.Context(), made.ID,
					ticket.Link{GlobalID: "defect=u1", URL: "https://example.com/u1", Title: "Defect"}); err != nil {
					t.Fatal(err)
				}
			}
			attachesOnce(t, tr, box, made.ID)
			stored, _ = box.Jira().Issue(made.ID)
			if len(stored.Comments) != 1 || len(stored.RemoteLinks) != 1 {
				t.Errorf("comments %v, links %v", stored.Comments, stored.RemoteLinks)
			}
			changed, err := tr.Changed(t.Context(), time.Hour)
			if err != nil || len(changed) != 2 || changed[0].ID != second.ID || changed[1].ID != made.ID || changed[1].Status != "In Progress" {
				t.Errorf("%+v, %v", changed, err)
			}
			findsByIdentity(t, tr)

			config.Token = "wrong"
			_, err = dial(t, config).Probe(t.Context())
			check(t, err, fault.Unauthorized, fault.Connection, "Credentials", 0, "rejected the credentials")
			config.Token = "jira-sandbox"
			config.Project = "NOPE"
			_, err = dial(t, config).Probe(t.Context())
			check(t, err, fault.NotFound, fault.Connection, "Project", 0, `Project "NOPE" does not exist`)
			config.Project = "VOICE"
			config.IssueType = "Saga"
			_, err = dial(t, config).Probe(t.Context())
			check(t, err, fault.NotFound, fault.Connection, "IssueType", 0, `no issue type "Saga"`)
		})
	}
}

// attachesOnce attaches two files of the same name, each twice.
func attachesOnce(t *testing.T, tr ticket.Tracker, box *sandbox.Sandbox, id string) {
	t.Helper()
	for range 2 {
		for _, content := range []string{"one", strings.Repeat("x", 3<<20)} {
			address, err := tr.Attach(t.Context(), id, fileOf(content))
			if err != nil {
				t.Fatal(err)
			}
			page, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			answer := httptest.NewRecorder()
			box.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, page.Path, nil))
			if to := answer.Header().Get("Location"); !strings.HasPrefix(to, "/jira/browse/") {
				t.Errorf("%s answers %d and leads to %q", address, answer.Code, to)
			}
		}
	}
	stored, _ := box.Jira().Issue(id)
	if a := stored.Attachments; len(a) != 2 || a[0].Size != 3 || a[1].Size != 3<<20 || a[0].ContentType != "audio/wav" ||
		a[0].SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte("one"))) {
		t.Errorf("%+v", a)
	}
}

// findsByIdentity finds tickets by what identifies their finding: the newest that is open.
func findsByIdentity(t *testing.T, tr ticket.Tracker) {
	t.Helper()
	label := ticket.IdentityPrefix + "a1"
	var keys []string
	for _, marker := range []string{"defect-x", "defect-y", "defect-z", "defect-y"} { // the last one is a copy
		made, err := tr.Create(t.Context(), ticket.Draft{Summary: "x", Marker: marker, Labels: []string{label}})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, made.Key)
	}
	if _, err := tr.Move(t.Context(), keys[2], ticket.Target{Category: ticket.CategoryDone, State: "Done"}); err != nil {
		t.Fatal(err)
	}
	for _, others := range []int{1, 1001} {
		found, err := tr.Find(t.Context(), append(markers(others), label), time.Hour)
		if err != nil || found[label].Key != keys[1] || found[label].Identity != "a1" {
			t.Errorf("beside %d markers: %+v, %v, want %s", others, found[label], err, keys[1])
		}
	}
}
