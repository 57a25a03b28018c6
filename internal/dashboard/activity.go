// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// activityPage is the data of the activity log.
type activityPage struct {
	client.List[client.Delivery]
	client.DeliveryFilter
	// Integrations are the choices of the filter, as Kind/namespace/name.
	Integrations []string
}

func (s *site) routeActivity(mux *http.ServeMux) {
	s.handle(mux, "GET /activity", s.listActivity)
	s.handle(mux, "GET /activity/{namespace}/{name}", s.showDelivery)
}

func (s *site) listActivity(v *visit) (err error) {
	data := activityPage{DeliveryFilter: client.DeliveryFilter{
		Integration: v.parameter("integration"), Object: v.parameter("object"),
		Outcome: v.parameter("outcome"), Text: v.parameter("q"), Cursor: v.parameter("cursor"),
		Kind: v.parameter("kind"), Reason: v.parameter("reason"), Detail: v.parameter("detail"),
		Rule: v.parameter("rule"), Since: v.parameter("since"),
	}}
	if data.List, err = v.api.Deliveries(v.namespace, data.DeliveryFilter); err != nil {
		return err
	}
	if v.May("list", "slackintegrations") || v.May("list", "jiraintegrations") {
		integrations, err := v.api.Integrations(v.namespace)
		if err != nil {
			return err
		}
		for _, i := range integrations {
			data.Integrations = append(data.Integrations, i.Kind+"/"+i.Namespace+"/"+i.Name)
		}
	}
	return v.render(http.StatusOK, "activity", view{
		Title: "Activity", Section: "activity", Follow: "SlackIntegration,JiraIntegration,Notification", Data: data,
	})
}

func (s *site) showDelivery(v *visit) error {
	d, err := v.api.Delivery(v.key())
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "delivery", view{
		Title: web.Words(d.EventOrAction()), Section: "activity", Follow: "Notification", Data: d,
	})
}
