// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// runsPage is the data of the list.
type runsPage struct {
	client.List[client.Run]
	client.RunFilter
}

// runPage is the data of the page of one run.
type runPage struct {
	client.Run
	Deliveries []client.Delivery
}

// Counts returns the counts of the run with how they differ from those of the run before.
func (p runPage) Counts() []runCount {
	if p.Results == nil {
		return nil
	}
	out := []runCount{{"Passed", p.Results.Passed, ""}, {"Failed", p.Results.Failed, ""}, {"Skipped", p.Results.Skipped, ""}}
	if p.Previous == nil || p.Previous.Results == nil {
		return out
	}
	for i, before := range []int64{p.Previous.Results.Passed, p.Previous.Results.Failed, p.Previous.Results.Skipped} {
		switch more := out[i].Count - before; {
		case more > 0:
			out[i].Difference = fmt.Sprintf("%d more", more)
		case more < 0:
			out[i].Difference = fmt.Sprintf("%d fewer", -more)
		}
	}
	return out
}

// runCount is a count of a run. Difference is empty when it is that of the run before, or when that is not known.
type runCount struct {
	Name       string
	Count      int64
	Difference string
}

// changed are the Defects about which a run changed the same.
type changed struct {
	Change, Heading string
	Items           []client.RunDefect
}

// Changes returns the Defects of the run by what it changed about them.
func (p runPage) Changes() []changed {
	if p.Defects == nil {
		return nil
	}
	all := []changed{
		{Change: "New", Heading: "New"}, {Change: "Known", Heading: "Known, failed again"},
		{Change: "Flaky", Heading: "Flaky"}, {Change: "Fixed", Heading: "Fixed"},
	}
	for i := range all {
		for _, d := range p.Defects.Items {
			if d.Change == all[i].Change {
				all[i].Items = append(all[i].Items, d)
			}
		}
	}
	return slices.DeleteFunc(all, func(c changed) bool { return len(c.Items) == 0 })
}

func (s *site) routeRuns(mux *http.ServeMux) {
	const page = "/runs/{namespace}/{name}"
	s.handle(mux, "GET /runs", s.listRuns)
	s.handle(mux, "GET "+page, s.showRun)
	s.handleForm(mux, page, "rerun", s.rerun)
}

func (s *site) listRuns(v *visit) (err error) {
	data := runsPage{RunFilter: client.RunFilter{
		Text: v.parameter("q"), Suite: v.parameter("suite"), State: v.parameter("state"), Commit: v.parameter("commit"),
		Cursor: v.parameter("cursor"),
	}}
	if data.List, err = v.api.Runs(v.namespace, data.RunFilter); err != nil {
		return err
	}
	return v.render(http.StatusOK, "runs", view{Title: "Runs", Section: "runs", Follow: "Job,Notification", Data: data})
}

func (s *site) showRun(v *visit) error {
	run, err := v.api.Run(v.key())
	if err != nil {
		return err
	}
	data := runPage{Run: run}
	if v.May("list", "notifications") {
		all, err := v.api.Deliveries(v.namespace, client.DeliveryFilter{
			Object: "Job/" + run.Namespace + "/" + run.Name, Kind: "Notification",
		})
		if err != nil {
			return err
		}
		data.Deliveries = all.Items
	}
	return v.render(http.StatusOK, "run", view{
		Title: run.Name, Section: "runs", Follow: "Job,Defect,Notification,SlackIntegration", Data: data,
	})
}

func (s *site) rerun(v *visit) error {
	run, started, err := v.api.Rerun(v.key())
	if err != nil {
		return err
	}
	return v.redirectToRun(run, started)
}

// redirectToRun answers a form that started a run: the browser loads the page of the run.
func (v *visit) redirectToRun(run client.Run, started bool) error {
	note := "run-started"
	if !started {
		note = "run-known"
	}
	return v.redirectWithNote("/runs/"+run.Namespace+"/"+run.Name, note)
}
