package render

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

const (
	// Slack's own limits in characters, less some room for what escaping adds: one & is five characters.
	maxTitle   = 300
	maxField   = 300
	maxExcerpt = 500
	maxURL     = 1000
)

// headline says what kind of thing happened, in the words a channel shows.
var headline = map[v1alpha1.EventType]string{
	v1alpha1.EventTestRunCompleted:     "Test run completed",
	v1alpha1.EventDefectCreated:        "Defect found",
	v1alpha1.EventDefectTicketed:       "Ticket created",
	v1alpha1.EventDefectStateChanged:   "Defect moved",
	v1alpha1.EventEdgeCaseDiscovered:   "Edge case discovered",
	v1alpha1.EventSystemAlertFiring:    "Alert firing",
	v1alpha1.EventSystemAlertResolved:  "Alert resolved",
	v1alpha1.EventIntegrationUnhealthy: "Integration unhealthy",
	v1alpha1.EventIntegrationRecovered: "Integration recovered",
}

var (
	severityEmoji = map[v1alpha1.Severity]string{
		v1alpha1.SeverityCritical: ":red_circle:", v1alpha1.SeverityHigh: ":large_orange_circle:",
		v1alpha1.SeverityMedium: ":large_yellow_circle:", v1alpha1.SeverityLow: ":large_blue_circle:",
	}
	severityColor = map[v1alpha1.Severity]string{
		v1alpha1.SeverityCritical: "#d32f2f", v1alpha1.SeverityHigh: "#f57c00", v1alpha1.SeverityMedium: "#fbc02d", v1alpha1.SeverityLow: "#1976d2",
	}
)

// Message is what Slack shows of an event. deliveryID says which delivery it is.
func Message(e *event.Event, channel, deliveryID string, mentions []v1alpha1.Mention) chat.Message {
	title := e.Text("title")
	if title == "" && e.Subject != nil {
		title = e.Subject.Name
	}
	title = mrkdwn(condition.Bound(oneLine(title), maxTitle))
	what := headline[e.Type]

	shown := "*" + title + "*"
	if url := e.Text("ticketURL"); url != "" {
		shown = "*" + link(url, title) + "*"
	}
	first := strings.TrimSpace(severityEmoji[e.Severity] + " *" + what + "*")
	if pings := mention(mentions); pings != "" {
		first += "  " + pings
	}
	m := chat.Message{
		DeliveryID: deliveryID,
		Channel:    channel,
		Text:       strings.TrimSpace(fmt.Sprintf("%s: %s", what, title)),
		Color:      severityColor[e.Severity],
		Blocks:     []chat.Block{{Section: first + "\n" + shown}},
	}
	if fields := facts(e); len(fields) > 0 {
		m.Blocks = append(m.Blocks, chat.Block{Fields: fields})
	}
	if e.Type == v1alpha1.EventDefectCreated || e.Type == v1alpha1.EventEdgeCaseDiscovered {
		if text := strings.TrimSpace(clean(e.Text("description"))); text != "" {
			m.Blocks = append(m.Blocks, chat.Block{Section: mrkdwn(condition.Bound(text, maxExcerpt))})
		}
	}
	m.Blocks = append(m.Blocks, chat.Block{Context: context(e)})
	return m
}

func facts(e *event.Event) []string {
	var out []string
	add := func(name, value string) {
		if value != "" {
			out = append(out, fmt.Sprintf("*%s*\n%s", name, value))
		}
	}
	text := func(key string) string { return mrkdwn(condition.Bound(oneLine(e.Text(key)), maxField)) }
	add("Severity", mrkdwn(string(e.Severity)))
	add("Suite", text("suite"))
	add("Run", text("run"))
	add("Test case", text("testCase"))
	if key := e.Text("ticketKey"); key != "" {
		add("Ticket", link(e.Text("ticketURL"), mrkdwn(key)))
	}
	return out
}

func context(e *event.Event) []string {
	when := fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", e.Time.Unix(), e.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	if e.Subject == nil {
		return []string{when}
	}
	return []string{mrkdwn(fmt.Sprintf("%s %s/%s", e.Subject.Kind, e.Subject.Namespace, e.Subject.Name)), when}
}

func mention(mentions []v1alpha1.Mention) string {
	var out []string
	for _, m := range mentions {
		switch {
		case m == "here" || m == "channel":
			out = append(out, "<!"+string(m)+">")
		case strings.HasPrefix(string(m), "S"):
			out = append(out, "<!subteam^"+string(m)+">")
		default:
			out = append(out, "<@"+string(m)+">")
		}
	}
	return strings.Join(out, " ")
}

var (
	// https://docs.slack.dev/messaging/formatting-message-text: these three, and nothing else, are escaped.
	slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	// There is no escape for formatting: an invisible word joiner at either side keeps a mark from being one.
	slackMarks = strings.NewReplacer("*", joined("*"), "_", joined("_"), "~", joined("~"), "`", joined("`"),
		":", ":"+wordJoiner)
	// Escaped or not, a > that begins a line makes a quotation.
	slackQuote = regexp.MustCompile(`(?m)^(\s*)&gt;`)
)

const wordJoiner = "\u2060"

func joined(mark string) string { return wordJoiner + mark + wordJoiner }

// mrkdwn makes a text that neither pings, links nor formats in Slack.
func mrkdwn(text string) string {
	return slackQuote.ReplaceAllString(slackMarks.Replace(slackEscape.Replace(clean(text))), "$1"+wordJoiner+"&gt;")
}

// link shows a label, which is escaped already, as a link. A label cannot end it: neither > nor | can be in it.
func link(url, label string) string {
	if len(url) > maxURL || !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return label
	}
	url = strings.NewReplacer("|", "%7C", " ", "%20", "<", "%3C", ">", "%3E", "&", "&amp;").Replace(oneLine(url))
	return "<" + url + "|" + strings.ReplaceAll(label, "|", "\u2223") + ">"
}
