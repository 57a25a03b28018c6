// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bufio"
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard"
)

// These tests have the dashboard on the REST API, and a real API server with RBAC.

// visitor is a browser.
type visitor struct {
	w    *world
	base string
	http *http.Client
}

func withDashboard(t *testing.T) (address string) {
	t.Helper()
	s, end := startServer(t, func(o *apiserver.Options) {
		o.Pages = func(api http.Handler) http.Handler { return dashboard.New(dashboard.Options{API: api}) }
	})
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String()
}

// signIn signs a caller in.
func (c *caller) signIn(address string) *visitor {
	c.w.t.Helper()
	jar, err := cookiejar.New(nil)
	c.w.Expect(err).NotTo(gomega.HaveOccurred())
	v := &visitor{w: c.w, base: address, http: &http.Client{Jar: jar}}
	code, _ := v.post("/signin", url.Values{"token": {c.token}, "to": {"/defects?namespace=" + c.w.namespace}})
	c.w.Expect(code).To(gomega.BeElementOf(http.StatusOK, http.StatusForbidden))
	return v
}

func (v *visitor) do(r *http.Request) (int, string) {
	v.w.t.Helper()
	response, err := v.http.Do(r)
	v.w.Expect(err).NotTo(gomega.HaveOccurred())
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	v.w.Expect(err).NotTo(gomega.HaveOccurred())
	return response.StatusCode, string(body)
}

func (v *visitor) open(path string) (int, string) {
	v.w.t.Helper()
	r, err := http.NewRequestWithContext(v.w.t.Context(), http.MethodGet, v.base+path, nil)
	v.w.Expect(err).NotTo(gomega.HaveOccurred())
	return v.do(r)
}

func (v *visitor) post(path string, values url.Values) (int, string) {
	v.w.t.Helper()
	r, err := http.NewRequestWithContext(v.w.t.Context(), http.MethodPost, v.base+path, strings.NewReader(values.Encode()))
	v.w.Expect(err).NotTo(gomega.HaveOccurred())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.do(r)
}

func TestDashboardFollowsPermissions(t *testing.T) {
	w := newFilledWorld(t)
	w.create(w.notification("sent-one"))
	address := withDashboard(t)
	here := "?namespace=" + w.namespace
	pages := map[string]string{
		"/" + here: "Slack", "/defects" + here: "Books the wrong day",
		"/defects/" + w.namespace + "/found": "Create Jira ticket", "/activity" + here: "System alert firing",
		"/activity/" + w.namespace + "/sent-one": "Latency is high",
	}
	all := w.admin().signIn(address)
	none := w.callerWith().signIn(address)
	for path, says := range pages {
		code, page := all.open(path)
		w.Expect(code).To(gomega.Equal(http.StatusOK), path)
		w.Expect(page).To(gomega.ContainSubstring(says), path)
		w.Expect(len(page)).To(gomega.BeNumerically("<", 100_000))
		code, page = none.open(path)
		w.Expect(code).To(gomega.Equal(http.StatusForbidden), path)
		w.Expect(page).To(gomega.ContainSubstring("bind a Role that allows it"))
		w.Expect(page).NotTo(gomega.ContainSubstring(says))
	}
	code, page := w.callerWith("get defects", "list defects").signIn(address).open("/defects/" + w.namespace + "/found")
	w.Expect(code).To(gomega.Equal(http.StatusOK))
	w.Expect(page).NotTo(gomega.ContainSubstring("Create Jira ticket"))

	code, page = all.post("/defects/"+w.namespace+"/found/state", url.Values{"state": {"Resolved"}})
	w.Expect(code).To(gomega.Equal(http.StatusOK)) // after the redirect
	w.Expect(page).To(gomega.ContainSubstring("The state was changed."))
	code, page = all.post("/defects/"+w.namespace+"/found/ticket", nil)
	w.Expect(code).To(gomega.Equal(http.StatusOK))
	w.Expect(page).To(gomega.ContainSubstring("Ticket requested."))
	d := w.defect("found")
	d.Namespace = w.namespace
	w.Expect(mgr.GetAPIReader().Get(t.Context(), client.ObjectKeyFromObject(d), d)).To(gomega.Succeed())
	w.Expect(d.Spec.State).To(gomega.Equal(v1alpha1.StateResolved))
	w.Expect(d.Annotations).To(gomega.HaveKey(v1alpha1.TicketRequestedAtAnnotation))
	code, _ = none.post("/defects/"+w.namespace+"/found/ticket", nil)
	w.Expect(code).To(gomega.Equal(http.StatusForbidden))
	code, page = all.post("/defects/"+w.namespace+"/found/state", url.Values{"state": {"Lost"}})
	w.Expect(code).To(gomega.Equal(http.StatusUnprocessableEntity))
	w.Expect(page).To(gomega.ContainSubstring("Expected value to be one of"))

	// The API does not accept the dashboard's cookie.
	code, _ = all.open("/api/v1/defects" + here)
	w.Expect(code).To(gomega.Equal(http.StatusUnauthorized))
	_, page = all.post("/signout", nil)
	w.Expect(page).To(gomega.ContainSubstring("kubectl create token"))
	_, page = all.open("/defects" + here)
	w.Expect(page).To(gomega.ContainSubstring("kubectl create token"))
}

// TestFailuresOfACardAreInTheLog follows a card's link to the failed deliveries. They named no integration, and so
// were for the default one.
func TestFailuresOfACardAreInTheLog(t *testing.T) {
	w := newFilledWorld(t)
	n := w.notification("refused")
	w.create(n)
	setStatus(w, n, func(n *v1alpha1.Notification) {
		condition.False(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonRejected, "channel_not_found: invite the bot")
	})
	v := w.admin().signIn(withDashboard(t))
	link := regexp.MustCompile(`<a href="([^"]+)">1 failure</a>`)
	var found []string
	w.Eventually(func() []string {
		_, page := v.open("/?namespace=" + w.namespace)
		found = link.FindStringSubmatch(page)
		return found
	}).Should(gomega.HaveLen(2))
	_, page := v.open(html.UnescapeString(found[1]))
	w.Expect(page).To(gomega.ContainSubstring("channel_not_found: invite the bot"))
	w.Expect(page).To(gomega.ContainSubstring("<span>1 entry</span>"), "a count links to exactly what it counts")

	const filtered = "/api/v1/integrations/logs?integration=slack"
	w.Expect(w.callerWith("list notifications").ask("GET", filtered,
		"").body).To(gomega.ContainSubstring(`"total":0`), "which one is the default is not theirs to know")
	w.Expect(w.callerWith("list notifications", "list slackintegrations").ask("GET", filtered,
		"").body).To(gomega.ContainSubstring(`"integration":"SlackIntegration/` + w.namespace + `/slack"`))
}

func TestDashboardIsNotifiedOfChanges(t *testing.T) {
	w := newFilledWorld(t)
	v := w.admin().signIn(withDashboard(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+"/live?namespace="+w.namespace+"&kinds=Job&kinds=Defect", nil)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	response, err := v.http.Do(r)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	defer response.Body.Close()
	w.Expect(response.Header.Get("Content-Type")).To(gomega.Equal("text/event-stream"))
	lines := bufio.NewScanner(response.Body)
	w.Expect(lines.Scan()).To(gomega.BeTrue())
	w.create(w.defect("another"))
	for lines.Scan() {
		if lines.Text() == `data: {"kind":"Defect"}` {
			return
		}
	}
	t.Error("nothing was heard of a new Defect:", lines.Err())
}
