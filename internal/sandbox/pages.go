package sandbox

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

//go:embed web
var web embed.FS

// pages has each page with the layout around it.
var pages = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"home", "channel", "board", "issue", "missing"} {
		all[name] = template.Must(template.New(name).Funcs(template.FuncMap{"clock": clockOf, "wiki": jira.RenderWiki}).
			ParseFS(web, "web/layout.html", "web/"+name+".html"))
	}
	return all
}()

// A page shows this many at most, the newest ones.
const (
	messagesShown = 200
	cardsShown    = 100
)

// policy lets a page load its style sheet and send its forms here, and nothing else.
const policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Sandbox) addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.homePage)
	mux.HandleFunc("GET /slack/{channel}", s.channelPage)
	mux.HandleFunc("GET /jira/board", s.boardPage)
	mux.HandleFunc("GET /jira/browse/{key}", s.issuePage)
	mux.HandleFunc("POST /jira/browse/{key}", s.changeIssue)
	mux.HandleFunc("GET /assets/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, web, "web/style.css")
	})
}

// show writes a page. Title is what the browser calls it, Here the link of the navigation that it belongs to.
func (s *Sandbox) show(w http.ResponseWriter, status int, name, title, here string, data any) {
	var page bytes.Buffer
	err := pages[name].ExecuteTemplate(&page, "layout", map[string]any{
		"Title": title, "Here": here, "Channels": s.slack.Channels(), "Data": data,
	})
	if err != nil {
		http.Error(w, "showing the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // without an Origin a browser that sends no Sec-Fetch-Site could press no button
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // an error here is a caller that left
}

func (s *Sandbox) missing(w http.ResponseWriter, what string) {
	s.show(w, http.StatusNotFound, "missing", "Not found", "", what)
}

func (s *Sandbox) homePage(w http.ResponseWriter, r *http.Request) {
	state := s.State()
	s.show(w, http.StatusOK, "home", "Overview", "/", map[string]any{
		"State": state, "Base": "http://" + r.Host, "BotToken": slack.BotToken, "Webhook": slack.WebhookPath,
		"JiraUser": jira.BotUser, "JiraToken": jira.BotToken, "JiraBearer": jira.BearerToken,
	})
}

// line is a message on its channel's page, with the replies to it.
type line struct {
	slack.Message
	View    slack.View
	Replies []line
}

func (s *Sandbox) channelPage(w http.ResponseWriter, r *http.Request) {
	ch, found := s.slack.Channel(r.PathValue("channel"))
	if !found {
		s.missing(w, "There is no such channel.")
		return
	}
	messages := s.slack.Messages(ch.ID)
	older := max(0, len(messages)-messagesShown)
	var lines []line
	at := map[string]int{}
	for _, m := range messages[older:] {
		l := line{Message: m, View: m.View()}
		if i, shown := at[m.ThreadTS]; shown {
			lines[i].Replies = append(lines[i].Replies, l)
			if !m.Broadcast {
				continue
			}
		}
		at[m.TS] = len(lines)
		lines = append(lines, l)
	}
	s.show(w, http.StatusOK, "channel", "#"+ch.Name, "/slack/"+ch.ID, map[string]any{
		"Channel": ch, "Lines": lines, "Older": older, "Total": len(messages),
	})
}

// clockOf shows a Slack timestamp or a time, in UTC.
func clockOf(v any) string {
	switch v := v.(type) {
	case string:
		seconds, _, _ := strings.Cut(v, ".")
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return ""
		}
		return time.Unix(n, 0).UTC().Format("2006-01-02 15:04:05")
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05")
	}
	return ""
}
