// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// severities are all severities, in the order of the pages.
var severities = []string{"Critical", "High", "Medium", "Low"}

// overviewPage is the data of the overview.
type overviewPage struct {
	client.Summary
	Severities []string
}

func (s *site) routeOverview(mux *http.ServeMux) {
	s.handle(mux, "GET /{$}", func(v *visit) error {
		summary, err := v.api.Summary(v.namespace)
		if err != nil {
			return err
		}
		return v.render(http.StatusOK, "overview", view{
			Title: "Overview", Section: "overview",
			Follow: "SlackIntegration,JiraIntegration,NotificationRule,Defect,Notification,Job",
			Data:   overviewPage{Summary: summary, Severities: severities},
		})
	})
}

// AttentionTitle returns what an item is about: its title unchanged, the type of its event in words, or the object's
// name.
func (view) AttentionTitle(i client.AttentionItem) string {
	return cmp.Or(i.Title, web.Words(i.EventType), i.Object[strings.LastIndexByte(i.Object, '/')+1:])
}

// FailuresLink returns the address of a list of exactly the failures of an integration that were counted since a time.
func (p view) FailuresLink(i client.Integration, since time.Time) string {
	kind := "Notification"
	if i.Provider() == "jira" {
		kind = "Activity"
	}
	return p.Link("/activity", "integration", i.Kind+"/"+i.Namespace+"/"+i.Name, "kind", kind, "outcome", "Failed",
		"since", since.Format(time.RFC3339))
}

// AttentionLink returns the address of an item's object or, for several objects, of a list of exactly these. since is
// the time since when they are counted.
func (p view) AttentionLink(i client.AttentionItem, since time.Time) string {
	o := p.Object(i.Object)
	switch {
	case i.Count <= 1:
		return o.URL // always for rules and integrations
	case o.Kind == "Notification":
		return address("/activity", "namespace", o.Namespace, "kind", o.Kind, "outcome", "Failed", "reason", i.Reason,
			"detail", i.Message, "since", since.Format(time.RFC3339))
	}
	return address("/defects", "namespace", o.Namespace, "reason", i.Reason, "detail", i.Message)
}
