package dashboard

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// summary is what the overview reads of /api/v1/summary.
type summary struct {
	Integrations []integration `json:"integrations"`
	Defects      *struct {
		Open       int            `json:"open"`
		BySeverity map[string]int `json:"bySeverity"`
		Unticketed int            `json:"unticketed"`
	} `json:"defects"`
	Attention []need  `json:"attention"`
	Needs     int     `json:"needs"`
	Suites    []suite `json:"suites"`
}

// need is something that waits for somebody; Count says how many alike it stands for.
type need struct {
	Object    string    `json:"object"`
	Title     string    `json:"title"`
	EventType string    `json:"eventType"`
	Reason    string    `json:"reason"`
	Message   string    `json:"message"`
	Time      time.Time `json:"time"`
	Count     int       `json:"count"`
}

// What is what the object is about. What somebody wrote stays as it is.
func (n need) What() string {
	return cmp.Or(n.Title, words(n.EventType), n.Object[strings.LastIndexByte(n.Object, '/')+1:])
}

// Where is the page that leads to it: the object's or, for several, that of all such.
func (p view) Where(n need) string {
	o := p.Object(n.Object)
	switch {
	case n.Count <= 1:
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

// integration is one as /api/v1/summary has it.
type integration struct {
	Kind            string     `json:"kind"`
	Namespace       string     `json:"namespace"`
	Name            string     `json:"name"`
	Status          string     `json:"status"`
	Message         string     `json:"message"`
	Target          string     `json:"target"`
	LastSuccessTime *time.Time `json:"lastSuccessTime"`
	LastErrorTime   *time.Time `json:"lastErrorTime"`
	LastError       string     `json:"lastError"`
	Hours           []hour     `json:"hours"`
}

type hour struct {
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
}

type suite struct {
	Namespace string `json:"namespace"`
	Suite     string `json:"suite"`
	Runs      []run  `json:"runs"`
}

type run struct {
	Namespace    string     `json:"namespace"`
	Name         string     `json:"name"`
	State        string     `json:"state"`
	Message      string     `json:"message"`
	CreatedTime  time.Time  `json:"createdTime"`
	FinishedTime *time.Time `json:"finishedTime"`
	Results      *struct {
		Passed  int64 `json:"passed"`
		Failed  int64 `json:"failed"`
		Skipped int64 `json:"skipped"`
		Total   int64 `json:"total"`
	} `json:"results"`
}

// Provider is slack or jira.
func (i integration) Provider() string {
	return strings.ToLower(strings.TrimSuffix(i.Kind, "Integration"))
}

// Product is what people call the other side.
func (i integration) Product() string { return strings.TrimSuffix(i.Kind, "Integration") }

// Tone is that of its badge.
func (i integration) Tone() string { return badgeOf(i.Status).Tone }

// Succeeded and Failed are the sums of the last 24 hours.
func (i integration) Succeeded() (n int) {
	for _, h := range i.Hours {
		n += h.Succeeded
	}
	return n
}

// Failed is what was given up in them.
func (i integration) Failed() (n int) {
	for _, h := range i.Hours {
		n += h.Failed
	}
	return n
}

// sparkHeight is that of the drawing, in its own units.
const sparkHeight = 32

// bar is a rectangle of a drawing.
type bar struct {
	X, Y, Height int
	Class        string
}

// Spark draws the hours: one bar an hour, what failed on top of what succeeded, in units of which the drawing is 240 wide and 32 high.
func (i integration) Spark() []bar {
	most := 1
	for _, h := range i.Hours {
		most = max(most, h.Succeeded+h.Failed)
	}
	var out []bar
	for at, h := range i.Hours {
		x := at * 10
		if h.Succeeded+h.Failed == 0 {
			out = append(out, bar{x, sparkHeight - 2, 2, "zero"})
			continue
		}
		good := scaled(h.Succeeded, most)
		bad := min(scaled(h.Failed, most), sparkHeight)
		good = min(good, sparkHeight-bad)
		if good > 0 {
			out = append(out, bar{x, sparkHeight - good, good, "succeeded"})
		}
		if bad > 0 {
			out = append(out, bar{x, sparkHeight - good - bad, bad, "failed"})
		}
	}
	return out
}

// scaled is the height of n where most has all of it. What is not nothing can be seen.
func scaled(n, most int) int {
	if n == 0 {
		return 0
	}
	return max(3, n*sparkHeight/most)
}

// Strip draws the runs, the oldest first, each with its place in a drawing of 20.
func (s suite) Strip() []stripe {
	out := make([]stripe, 0, len(s.Runs))
	for at := range s.Runs {
		r := s.Runs[len(s.Runs)-1-at]
		class := map[string]string{"Passed": "passed", "Failed": "failed"}[r.State]
		x := (20 - len(s.Runs) + at) * 12
		if class == "failed" { // as high as it gets; what passed is lower, so that the shape tells too
			out = append(out, stripe{X: x, Y: 0, Height: 20, Class: class, run: r})
			continue
		}
		if class == "" {
			out = append(out, stripe{X: x, Y: 14, Height: 6, Class: "other", run: r})
			continue
		}
		out = append(out, stripe{X: x, Y: 6, Height: 14, Class: class, run: r})
	}
	return out
}

// Count is how many of the runs ended so.
func (s suite) Count(state string) (n int) {
	for _, r := range s.Runs {
		if r.State == state {
			n++
		}
	}
	return n
}

// Last is the newest run.
func (s suite) Last() run { return s.Runs[0] }

// stripe is a run in its suite's strip.
type stripe struct {
	X, Y, Height int
	Class        string
	run
}

// severities are in the order in which pages show them.
var severities = []string{"Critical", "High", "Medium", "Low"}

func (s *site) routeOverview(mux *http.ServeMux) {
	s.handle(mux, "GET /{$}", func(v *visit) error {
		data := overviewPage{Severities: severities}
		if err := v.get("/api/v1/summary", v.here(), &data.summary); err != nil {
			return err
		}
		return v.render(http.StatusOK, "overview", view{
			Title: "Overview", Section: "overview", Follow: "SlackIntegration,JiraIntegration,NotificationRule,Defect,Notification,Job", Data: data,
		})
	})
}

type overviewPage struct {
	summary
	Severities []string
}
