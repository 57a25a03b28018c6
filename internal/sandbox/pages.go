// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/wiki"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

//go:embed web
var web embed.FS

// pages has the template of each page, with the layout.
var pages = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"home", "channel", "board", "issue", "missing", "consent", "apps"} {
		all[name] = template.Must(template.New(name).Funcs(template.FuncMap{"clock": formatTime, "wiki": wiki.Render, "partsOf": partsOf}).
			ParseFS(web, "web/layout.html", "web/"+name+".html"))
	}
	return all
}()

// The maximum numbers on a page. The newest are shown, or those from the one that the address names.
const (
	messagesShown = 200
	cardsShown    = 100
)

// policy allows a page to load its style sheet and to send its forms to the sandbox, and nothing else.
const policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// addPages adds the routes of the pages.
func (s *Sandbox) addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.homePage)
	mux.HandleFunc("GET /slack/{channel}", s.channelPage)
	mux.HandleFunc("POST /slack/{channel}", s.actInChannel)
	mux.HandleFunc("GET /archives/{channel}/{message}", s.followPermalink)
	s.addInstallPages(mux)
	mux.HandleFunc("GET /jira/board", s.boardPage)
	mux.HandleFunc("GET /jira/browse/{key}", s.issuePage)
	mux.HandleFunc("POST /jira/browse/{key}", s.changeIssue)
	mux.HandleFunc("GET /jira/secure/attachment/{id}/{name}", s.attachmentPage)
	mux.HandleFunc("GET /assets/style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, web, "web/style.css")
	})
}

// page is a page to show.
type page struct {
	// status is the HTTP status. 0 means 200.
	status int
	// template is the name of the page's template.
	template string
	title    string
	// link is the navigation link that is marked as the current one.
	link string
	data any
}

// show writes a page.
func (s *Sandbox) show(w http.ResponseWriter, p page) {
	var html bytes.Buffer
	err := pages[p.template].ExecuteTemplate(&html, "layout", map[string]any{
		"Title": p.title, "Here": p.link, "Channels": s.slack.Channels(), "Data": p.data,
	})
	if err != nil {
		http.Error(w, "rendering the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // older browsers need an Origin, as they send no Sec-Fetch-Site
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(cmp.Or(p.status, http.StatusOK))
	_, _ = html.WriteTo(w) // fails only if the client is gone
}

// notFound shows a page with status 404 and a message.
func (s *Sandbox) notFound(w http.ResponseWriter, message string) {
	s.show(w, page{status: http.StatusNotFound, template: "missing", title: "Not found", data: message})
}

// homePage shows the overview.
func (s *Sandbox) homePage(w http.ResponseWriter, r *http.Request) {
	s.show(w, page{template: "home", title: "Overview", link: "/", data: map[string]any{
		"State": s.State(), "Base": "http://" + r.Host, "BotToken": slack.BotToken, "Webhook": slack.WebhookPath,
		"JiraUser": jira.BotUser, "JiraToken": jira.BotToken, "JiraBearer": jira.BearerToken,
	}})
}

// formatTime formats a Slack timestamp or a time in UTC.
func formatTime(v any) string {
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
