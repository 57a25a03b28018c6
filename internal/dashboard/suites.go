// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"crypto/rand"
	"net/http"
	"regexp"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
)

// suiteID matches the ids of suites, which are values of labels.
var suiteID = regexp.MustCompile(`^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$`)

// suitePage is the data of the page of one suite.
type suitePage struct {
	client.SuiteHistory
	// Open are its unresolved Defects, Flaky those whose test is flaky; nil when the user may not list Defects.
	Open, Flaky *client.List[client.DefectRow]
}

// Latest returns the newest runs, which the page lists.
func (p suitePage) Latest() []client.Run { return p.Runs[:min(len(p.Runs), 20)] }

// Key returns an idempotency key for the form that starts a run.
func (suitePage) Key() string { return rand.Text() }

func (s *site) routeSuites(mux *http.ServeMux) {
	const page = "/suites/{namespace}/{suite}"
	s.handle(mux, "GET /suites", s.listSuites)
	s.handle(mux, "GET "+page, s.showSuite)
	s.handleForm(mux, page, "run", s.startRun)
}

func (s *site) listSuites(v *visit) error {
	suites, err := v.api.Suites(v.namespace)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "suites", view{Title: "Suites", Section: "runs", Follow: "CronJob,Job,Notification", Data: suites})
}

// suite returns the key of the suite that the page is about.
func (v *visit) suite() (client.Key, error) {
	id := v.r.PathValue("suite")
	if !suiteID.MatchString(id) {
		return client.Key{}, errNoPage
	}
	return client.Key{Namespace: v.namespace, Name: id}, nil
}

func (s *site) showSuite(v *visit) error {
	key, err := v.suite()
	if err != nil {
		return err
	}
	data := suitePage{}
	if data.SuiteHistory, err = v.api.Suite(key); err != nil {
		return err
	}
	if v.May("list", "defects") {
		open, err := v.api.Defects(key.Namespace, client.DefectFilter{Suite: key.Name, State: "Unresolved", Sort: "severity"})
		if err != nil {
			return err
		}
		flaky, err := v.api.Defects(key.Namespace, client.DefectFilter{Suite: key.Name, Stability: "Flaky", Sort: "lastSeen"})
		if err != nil {
			return err
		}
		data.Open = &open
		data.Flaky = &flaky
	}
	return v.render(http.StatusOK, "suite", view{
		Title: key.Name, Section: "runs", Follow: "Job,CronJob,Defect,Notification", Data: data,
	})
}

func (s *site) startRun(v *visit) error {
	key, err := v.suite()
	if err != nil {
		return err
	}
	f, err := v.readForm()
	if err != nil {
		return err
	}
	run, started, err := v.api.StartRun(key, f.Get("cronJob"), f.Get("key"))
	if err != nil {
		return err
	}
	return v.redirectToRun(run, started)
}
