package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// defectRow is a Defect in a list.
type defectRow struct {
	Namespace    string     `json:"namespace"`
	Name         string     `json:"name"`
	Title        string     `json:"title"`
	Severity     string     `json:"severity"`
	Category     string     `json:"category"`
	State        string     `json:"state"`
	Suite        string     `json:"suite"`
	TestCase     string     `json:"testCase"`
	TicketKey    string     `json:"ticketKey"`
	TicketURL    string     `json:"ticketURL"`
	Occurrences  int64      `json:"occurrences"`
	CreatedTime  time.Time  `json:"createdTime"`
	LastSeenTime *time.Time `json:"lastSeenTime"`
}

// defect is one with all that its page shows.
type defect struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	CreatedTime time.Time         `json:"createdTime"`
	Spec        struct {
		Title            string `json:"title"`
		Severity         string `json:"severity"`
		Category         string `json:"category"`
		Description      string `json:"description"`
		StepsToReproduce string `json:"stepsToReproduce"`
		ExpectedResult   string `json:"expectedResult"`
		ActualResult     string `json:"actualResult"`
		Suite            string `json:"suite"`
		Run              string `json:"run"`
		TestCase         string `json:"testCase"`
		Fingerprint      string `json:"fingerprint"`
		State            string `json:"state"`
	} `json:"spec"`
	Status struct {
		State       string      `json:"state"`
		Conditions  []condition `json:"conditions"`
		StateChange *struct {
			From  string    `json:"from"`
			Cause string    `json:"cause"`
			Time  time.Time `json:"time"`
		} `json:"stateChange"`
		Jira *struct {
			Integration  string     `json:"integration"`
			Key          string     `json:"key"`
			URL          string     `json:"url"`
			Status       string     `json:"status"`
			Resolution   string     `json:"resolution"`
			Assignee     string     `json:"assignee"`
			CreatedTime  *time.Time `json:"createdTime"`
			LastSyncTime *time.Time `json:"lastSyncTime"`
		} `json:"jira"`
		Occurrences   int64      `json:"occurrences"`
		FirstSeenTime *time.Time `json:"firstSeenTime"`
		LastSeenTime  *time.Time `json:"lastSeenTime"`
		ResolvedTime  *time.Time `json:"resolvedTime"`
		Regressions   int64      `json:"regressions"`
		Messages      []struct {
			Rule        string `json:"rule"`
			Integration string `json:"integration"`
			Channel     string `json:"channel"`
			Permalink   string `json:"permalink"`
		} `json:"messages"`
	} `json:"status"`
}

// State is where it stands; before the operator has seen it, where it is wanted to stand.
func (d defect) State() string { return cmp.Or(d.Status.State, d.Spec.State, "Open") }

// Ticketed says that there is an issue.
func (d defect) Ticketed() bool { return d.Status.Jira != nil && d.Status.Jira.Key != "" }

// Condition is the one of a type; nil when there is none.
func (d defect) Condition(kind string) *condition {
	at := slices.IndexFunc(d.Status.Conditions, func(c condition) bool { return c.Type == kind })
	if at < 0 {
		return nil
	}
	return &d.Status.Conditions[at]
}

// Texts are what the finding says, with a heading each.
func (d defect) Texts() []headed {
	all := []headed{
		{"Description", d.Spec.Description}, {"Steps to reproduce", d.Spec.StepsToReproduce}, {"Expected", d.Spec.ExpectedResult}, {"Actual", d.Spec.ActualResult},
	}
	return slices.DeleteFunc(all, func(t headed) bool { return t.Text == "" })
}

type headed struct{ Heading, Text string }

// step is one thing that happened to a Defect.
type step struct {
	Time time.Time
	What string
	// Detail is more of it, Delivery the Notification that was told, as Notification/namespace/name.
	Detail, Outcome, Delivery string
}

// defectPage is what the page of one shows.
type defectPage struct {
	defect
	Form    *form
	History []step
}

// States are those to choose from.
func (defectPage) States() []choice {
	return choicesOf("Open", "Open", "InProgress", "In progress", "Resolved", "Resolved", "Closed", "Closed")
}

// defectsPage is what the list shows. Its filters are in the order of the page.
type defectsPage struct {
	list[defectRow]
	Text, State, Severity, Category, Ticket, Suite, Sort, Cursor string
}

// Filtered says that not all is asked for.
func (p defectsPage) Filtered() bool {
	return p.Text != "" || p.State != "" || p.Severity != "" || p.Category != "" || p.Ticket != "" || p.Suite != ""
}

// Filters are the parameters that links to other parts of the list carry along.
func (p defectsPage) Filters() []string {
	return []string{"q", p.Text, "state", p.State, "severity", p.Severity, "category", p.Category, "ticket", p.Ticket, "suite", p.Suite}
}

func (s *site) routeDefects(mux *http.ServeMux) {
	s.handle(mux, "GET /defects", s.listDefects)
	s.handle(mux, "GET /defects/{namespace}/{name}", func(v *visit) error { return s.showDefect(v, http.StatusOK, newForm(url.Values{})) })
	s.handleForm(mux, "/defects/{namespace}/{name}", "state", s.moveDefect)
	s.handleForm(mux, "/defects/{namespace}/{name}", "ticket", s.ticketDefect)
}

func (s *site) listDefects(v *visit) error {
	q := v.r.URL.Query()
	data := defectsPage{
		Text: q.Get("q"), State: q.Get("state"), Severity: q.Get("severity"), Category: q.Get("category"), Ticket: q.Get("ticket"), Suite: q.Get("suite"),
		Sort: q.Get("sort"), Cursor: q.Get("cursor"),
	}
	asked := v.here(append(data.Filters(), "sort", data.Sort, "cursor", data.Cursor, "limit", perPage)...)
	if err := v.get("/api/v1/defects", asked, &data.list); err != nil {
		return err
	}
	return v.render(http.StatusOK, "defects", view{Title: "Defects", Section: "defects", Follow: "Defect", Data: data})
}

func (s *site) showDefect(v *visit, status int, f *form) error {
	data := defectPage{Form: f}
	if err := v.get(v.defectPath(), v.here(), &data.defect); err != nil {
		return err
	}
	if f.get("state") == "" {
		f.values.Set("state", data.State())
	}
	if err := v.history(&data); err != nil {
		return err
	}
	return v.render(status, "defect", view{Title: data.Spec.Title, Section: "defects", Follow: "Defect,Notification", Data: data})
}

func (v *visit) defectPath() string { return "/api/v1/defects/" + v.name() }

// history is what happened to a Defect, as far as it is known and the caller may see it, the newest first.
func (v *visit) history(d *defectPage) error {
	add := func(at *time.Time, what, detail string) {
		if at != nil {
			d.History = append(d.History, step{Time: *at, What: what, Detail: detail})
		}
	}
	st := d.Status
	add(&d.CreatedTime, "Written down", "")
	if st.LastSeenTime != nil && (st.FirstSeenTime == nil || !st.LastSeenTime.Equal(*st.FirstSeenTime)) {
		add(st.LastSeenTime, "Seen again", one(st.Occurrences, "time so far", "times so far"))
	}
	if c := st.StateChange; c != nil {
		add(&c.Time, words(c.From)+" → "+words(d.State()), map[string]string{
			"Spec": "Somebody changed it here or in the cluster", "Jira": "Somebody moved the ticket", "Regression": "It occurred again after it was resolved",
		}[c.Cause])
	}
	if d.Ticketed() {
		add(st.Jira.CreatedTime, "Ticket "+st.Jira.Key, "")
	}
	if v.May("list", "notifications") {
		var told list[delivery]
		if err := v.get("/api/v1/integrations/logs", v.here("object", "Defect/"+d.Namespace+"/"+d.Name, "limit", perPage), &told); err != nil {
			return err
		}
		for _, t := range told.Items {
			for at := range st.Messages {
				if m := &st.Messages[at]; t.ChannelName != "" && m.Channel == t.Channel {
					m.Channel = t.ChannelName
				}
			}
			one := step{Time: t.Time, What: t.What(), Detail: t.Place(), Outcome: t.Outcome}
			if t.Notification != "" {
				one.What, one.Delivery = "Told: "+t.What(), "Notification/"+t.Notification
			}
			if t.Outcome != "Succeeded" {
				one.Detail = t.Detail
			}
			d.History = append(d.History, one)
		}
	}
	slices.SortStableFunc(d.History, func(a, b step) int { return b.Time.Compare(a.Time) })
	return nil
}

func (v *visit) defectPage() string { return "/defects/" + v.namespace + "/" + v.name() }

func (s *site) moveDefect(v *visit) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	f.shown = []string{"state"}
	if _, err := v.call(http.MethodPatch, v.defectPath(), v.here(), map[string]string{"state": f.get("state")}, nil); err != nil {
		if f.take(err) {
			return s.showDefect(v, http.StatusUnprocessableEntity, f)
		}
		return err
	}
	return v.goTo(v.defectPage(), "moved")
}

func (s *site) ticketDefect(v *visit) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	a, err := v.call(http.MethodPost, v.defectPath()+"/jira", v.here(), nil, nil)
	switch {
	case err != nil && f.take(err):
		return s.showDefect(v, http.StatusUnprocessableEntity, f)
	case err != nil:
		return err
	case a.status == http.StatusOK:
		return v.goTo(v.defectPage(), "ticket-there")
	}
	return v.goTo(v.defectPage(), "ticket")
}
