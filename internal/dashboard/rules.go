package dashboard

import (
	"errors"
	"net/http"
	"time"
)

// ruleRow is a rule in a list.
type ruleRow struct {
	Namespace     string     `json:"namespace"`
	Name          string     `json:"name"`
	EventTypes    []string   `json:"eventTypes"`
	Channel       string     `json:"channel"`
	Suspended     bool       `json:"suspended"`
	Ready         bool       `json:"ready"`
	Reason        string     `json:"reason"`
	Message       string     `json:"message"`
	MatchedTotal  int64      `json:"matchedTotal"`
	SentTotal     int64      `json:"sentTotal"`
	FailedTotal   int64      `json:"failedTotal"`
	LastError     string     `json:"lastError"`
	LastMatchTime *time.Time `json:"lastMatchTime"`
}

// State is how it is, in a word.
func (r ruleRow) State() string { return ruleState(r.Suspended, r.Ready) }

func ruleState(suspended, ready bool) string {
	switch {
	case suspended:
		return "Suspended"
	case ready:
		return "Ready"
	}
	return "NotReady"
}

// rule is one with all that its page shows.
type rule struct {
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	Spec      map[string]any `json:"spec"`
	Status    struct {
		Conditions   []condition `json:"conditions"`
		MatchedTotal int64       `json:"matchedTotal"`
		SentTotal    int64       `json:"sentTotal"`
		FailedTotal  int64       `json:"failedTotal"`
		ErrorsTotal  int64       `json:"errorsTotal"`
		LastError    *struct {
			Time      *time.Time `json:"time"`
			EventID   string     `json:"eventID"`
			EventType string     `json:"eventType"`
			Message   string     `json:"message"`
		} `json:"lastError"`
		LastMatchTime *time.Time `json:"lastMatchTime"`
	} `json:"status"`
}

// State is how it is, in a word.
func (r rule) State() string {
	ready := false
	for _, c := range r.Status.Conditions {
		ready = ready || c.Type == "Ready" && c.Status == "True"
	}
	return ruleState(at(r.Spec, "suspend") == true, ready)
}

// dryRun is what a rule would do with an event.
type dryRun struct {
	Matches bool   `json:"matches"`
	Why     string `json:"why"`
	Source  string `json:"source"`
	Event   struct {
		ID       string            `json:"id"`
		Type     string            `json:"type"`
		Time     *time.Time        `json:"time"`
		Severity string            `json:"severity"`
		Labels   map[string]string `json:"labels"`
	} `json:"event"`
	Message *renderedMessage `json:"message"`
}

// Verdict is the word for it.
func (d dryRun) Verdict() string {
	if d.Matches {
		return "matches"
	}
	return "differs"
}

// rulePage is what the page of one shows.
type rulePage struct {
	rule
	// Asked is the event that the dry run was asked for, Wrong why there is none.
	Asked, Wrong string
	DryRun       *dryRun
	YAML         string
}

// Types are those of the events that it is for.
func (p rulePage) Types() (out []string) {
	all, _ := at(p.Spec, "eventTypes").([]any)
	for _, t := range all {
		if s, ok := t.(string); ok {
			out = append(out, words(s))
		}
	}
	return out
}

// Text is a text of its spec; empty when there is none.
func (p rulePage) Text(path string) string {
	s, _ := at(p.Spec, path).(string)
	return s
}

// rulesPage is what the list shows.
type rulesPage struct {
	list[ruleRow]
	Cursor string
}

func (s *site) routeRules(mux *http.ServeMux) {
	s.handle(mux, "GET /rules", s.listRules)
	s.handle(mux, "GET /rules/{namespace}/{name}", s.showRule)
}

func (s *site) listRules(v *visit) error {
	data := rulesPage{Cursor: v.r.URL.Query().Get("cursor")}
	if err := v.get("/api/v1/rules", v.here("cursor", data.Cursor, "limit", perPage), &data.list); err != nil {
		return err
	}
	return v.render(http.StatusOK, "rules", view{Title: "Rules", Section: "rules", Follow: "NotificationRule", Data: data})
}

// showRule shows a rule, and tries it with an event: nothing is sent by that.
func (s *site) showRule(v *visit) error {
	data := rulePage{Asked: v.r.URL.Query().Get("event")}
	at := "/api/v1/rules/" + v.name()
	if err := v.get(at, v.here(), &data.rule); err != nil {
		return err
	}
	var body any
	if data.Asked != "" {
		body = map[string]string{"eventID": data.Asked}
	}
	var tried dryRun
	_, err := v.call(http.MethodPost, at+"/test", v.here(), body, &tried)
	var p *Problem
	switch {
	case err == nil:
		data.DryRun = &tried
	case errors.As(err, &p) && p.Status != http.StatusUnauthorized:
		data.Wrong = sentence(p.Detail)
	default:
		return err
	}
	if data.YAML, err = manifest("NotificationRule", data.Namespace, data.Name, data.Spec); err != nil {
		return err
	}
	return v.render(http.StatusOK, "rule", view{Title: "Rule " + data.Name, Section: "rules", Follow: "NotificationRule", Data: data})
}
