// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
)

// defectsPage is the data of the list.
type defectsPage struct {
	client.List[client.DefectRow]
	client.DefectFilter
}

// defectPage is the data of the page of one Defect.
type defectPage struct {
	client.Defect
	Form    *form.Form
	History []step
	// Digested is the Notification, as Notification/namespace/name, that went in a digest; empty when none did.
	Digested string
	// JiraProblem says why the ticket cannot be created now; empty when nothing is known.
	JiraProblem string
}

// States returns the choices of the state.
func (defectPage) States() []form.Choice {
	return form.Choices("Open", "Open", "InProgress", "In progress", "Resolved", "Resolved", "Closed", "Closed")
}

// Texts returns the texts of the finding that are not empty.
func (p defectPage) Texts() []headedText {
	all := []headedText{
		{"Description", p.Spec.Description},
		{"Steps to reproduce", p.Spec.StepsToReproduce},
		{"Expected", p.Spec.ExpectedResult},
		{"Actual", p.Spec.ActualResult},
	}
	return slices.DeleteFunc(all, func(t headedText) bool { return t.Text == "" })
}

type headedText struct{ Heading, Text string }

func (s *site) routeDefects(mux *http.ServeMux) {
	const page = "/defects/{namespace}/{name}"
	s.handle(mux, "GET /defects", s.listDefects)
	s.handle(mux, "GET "+page, func(v *visit) error { return s.showDefect(v, http.StatusOK, form.New(url.Values{})) })
	s.handleForm(mux, page, "state", s.moveDefect)
	s.handleForm(mux, page, "ticket", s.requestTicket)
}

func (s *site) listDefects(v *visit) (err error) {
	data := defectsPage{DefectFilter: client.DefectFilter{
		Text: v.parameter("q"), State: v.parameter("state"), Severity: v.parameter("severity"), Category: v.parameter("category"),
		Ticket: v.parameter("ticket"), Suite: v.parameter("suite"), Stability: v.parameter("stability"), Sort: v.parameter("sort"),
		Reason: v.parameter("reason"), Detail: v.parameter("detail"), Cursor: v.parameter("cursor"),
	}}
	if data.List, err = v.api.Defects(v.namespace, data.DefectFilter); err != nil {
		return err
	}
	return v.render(http.StatusOK, "defects", view{Title: "Defects", Section: "defects", Follow: "Defect", Data: data})
}

func (s *site) showDefect(v *visit, status int, f *form.Form) error {
	defect, err := v.api.Defect(v.key())
	if err != nil {
		return err
	}
	data := defectPage{Defect: defect, Form: f}
	if f.Get("state") == "" {
		f.Values.Set("state", data.State())
	}
	var deliveries []client.Delivery
	if v.May("list", "notifications") {
		all, err := v.api.Deliveries(v.namespace, client.DeliveryFilter{Object: "Defect/" + data.Namespace + "/" + data.Name})
		if err != nil {
			return err
		}
		deliveries = all.Items
	}
	nameChannels(&data.Defect, deliveries)
	data.History = historyOf(data.Defect, deliveries)
	for _, d := range deliveries {
		if d.Outcome == "Digested" {
			data.Digested = "Notification/" + d.Notification
		}
	}
	if !data.HasTicket() && v.May("list", "jiraintegrations") {
		if data.JiraProblem, err = v.jiraProblem(data.Defect); err != nil {
			return err
		}
	}
	return v.render(status, "defect", view{
		Title: data.Spec.Title, Section: "defects", Follow: "Defect,Notification", Data: data,
	})
}

// jiraProblem returns why the integration that would create the ticket of a Defect does not work; empty when it works,
// or is in another namespace.
func (v *visit) jiraProblem(d client.Defect) (string, error) {
	all, err := v.api.Integrations(v.namespace)
	if err != nil {
		return "", err
	}
	name := d.Spec.JiraIntegration()
	for _, i := range all {
		isUsed := i.Kind == "JiraIntegration" && (i.Name == name || name == "" && i.Default)
		switch {
		case isUsed && i.Status == "error":
			return "Jira integration " + i.Name + " does not work: " + i.Message, nil
		case isUsed && i.Status == "disabled":
			return "Jira integration " + i.Name + " is suspended. The ticket is created once it is resumed.", nil
		}
	}
	return "", nil
}

// defectPath returns the path of the Defect's page.
func (v *visit) defectPath() string { return "/defects/" + v.key().Namespace + "/" + v.key().Name }

func (s *site) moveDefect(v *visit) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	f.AddFields("state")
	if err := v.api.MoveDefect(v.key(), f.Get("state")); err != nil {
		if f.AddProblem(err) {
			return s.showDefect(v, http.StatusUnprocessableEntity, f)
		}
		return err
	}
	return v.redirectWithNote(v.defectPath(), "moved")
}

func (s *site) requestTicket(v *visit) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	exists, err := v.api.RequestTicket(v.key())
	switch {
	case err != nil && f.AddProblem(err):
		return s.showDefect(v, http.StatusUnprocessableEntity, f)
	case err != nil:
		return err
	case exists:
		return v.redirectWithNote(v.defectPath(), "ticket-there")
	}
	return v.redirectWithNote(v.defectPath(), "ticket")
}
