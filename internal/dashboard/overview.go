package dashboard

import (
	"cmp"
	"net/http"
	"strings"

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

// AttentionLink returns the address of an item's object or, for several objects, of a list with them.
func (p view) AttentionLink(i client.AttentionItem) string {
	o := p.Object(i.Object)
	switch {
	case i.Count <= 1:
		return o.URL
	case o.Kind == "Notification":
		return p.Link("/activity", "outcome", "Failed")
	case o.Kind == "Defect":
		return p.Link("/defects", "ticket", "none")
	case o.Kind == "NotificationRule":
		return p.Link("/rules")
	}
	return p.Link("/integrations")
}
