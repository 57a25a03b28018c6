package dashboard

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// delivery is an entry of the log, and one Notification, which has more.
type delivery struct {
	Time            time.Time  `json:"time"`
	Integration     string     `json:"integration"`
	Action          string     `json:"action"`
	Object          string     `json:"object"`
	Title           string     `json:"title"`
	Outcome         string     `json:"outcome"`
	Reason          string     `json:"reason"`
	Detail          string     `json:"detail"`
	EventType       string     `json:"eventType"`
	Notification    string     `json:"notification"`
	Rule            string     `json:"rule"`
	Channel         string     `json:"channel"`
	ChannelName     string     `json:"channelName"`
	Permalink       string     `json:"permalink"`
	Attempts        int        `json:"attempts"`
	NextAttemptTime *time.Time `json:"nextAttemptTime"`

	Event struct {
		ID       string            `json:"id"`
		Time     *time.Time        `json:"time"`
		Severity string            `json:"severity"`
		Labels   map[string]string `json:"labels"`
	} `json:"event"`
	CreatedTime *time.Time       `json:"createdTime"`
	Digest      string           `json:"digest"`
	Members     []string         `json:"members"`
	Conditions  []condition      `json:"conditions"`
	Message     *renderedMessage `json:"message"`
}

// condition is one of a resource.
type condition struct {
	Type               string    `json:"type"`
	Status             string    `json:"status"`
	Reason             string    `json:"reason"`
	Message            string    `json:"message"`
	LastTransitionTime time.Time `json:"lastTransitionTime"`
}

// renderedMessage is a message to Slack, whose texts are mrkdwn.
type renderedMessage struct {
	Text   string `json:"text"`
	Color  string `json:"color"`
	Blocks []struct {
		Section string   `json:"section"`
		Fields  []string `json:"fields"`
		Context []string `json:"context"`
		Divider bool     `json:"divider"`
	} `json:"blocks"`
}

// What is the event that was told, or what else was done.
func (d delivery) What() string {
	if d.EventType != "" {
		return words(d.EventType)
	}
	return words(d.Action)
}

// Key tells an activity, which has no page of its own, from the others.
func (d delivery) Key() string {
	return strings.Join([]string{d.Time.Format(time.RFC3339), d.Integration, d.Action, d.Object}, " ")
}

// Place is the channel, by its name where that is known.
func (d delivery) Place() string { return cmp.Or(d.ChannelName, d.Channel) }

// list is what all lists of the API have in common.
type list[T any] struct {
	Items      []T    `json:"items"`
	Total      int    `json:"total"`
	NextCursor string `json:"nextCursor"`
}

// perPage is how many rows a page has.
const perPage = "50"

// activityPage is what the page of that name shows.
type activityPage struct {
	list[delivery]
	Integration, Outcome, Text, Object, Cursor string
	// Integrations are those to choose from, as Kind/namespace/name.
	Integrations []string
}

// Filtered says that not all is asked for.
func (p activityPage) Filtered() bool {
	return p.Integration != "" || p.Outcome != "" || p.Text != "" || p.Object != ""
}

func (s *site) routeActivity(mux *http.ServeMux) {
	s.handle(mux, "GET /activity", func(v *visit) error {
		q := v.r.URL.Query()
		data := activityPage{Integration: q.Get("integration"), Outcome: q.Get("outcome"), Text: q.Get("q"), Object: q.Get("object"), Cursor: q.Get("cursor")}
		err := v.get("/api/v1/integrations/logs", v.here("integration", data.Integration, "outcome", data.Outcome, "q", data.Text, "object", data.Object,
			"cursor", data.Cursor, "limit", perPage), &data.list)
		if err != nil {
			return err
		}
		if v.May("list", "slackintegrations") || v.May("list", "jiraintegrations") {
			var all list[integration]
			if err := v.get("/api/v1/integrations/status", v.here(), &all); err != nil {
				return err
			}
			for _, i := range all.Items {
				data.Integrations = append(data.Integrations, i.Kind+"/"+i.Namespace+"/"+i.Name)
			}
		}
		follow := "SlackIntegration,JiraIntegration,Notification"
		return v.render(http.StatusOK, "activity", view{Title: "Activity", Section: "activity", Follow: follow, Data: data})
	})
	s.handle(mux, "GET /activity/{namespace}/{name}", func(v *visit) error {
		var d delivery
		if err := v.get("/api/v1/notifications/"+v.name(), v.here(), &d); err != nil {
			return err
		}
		return v.render(http.StatusOK, "delivery", view{Title: d.What(), Section: "activity", Follow: "Notification", Data: d})
	})
}
