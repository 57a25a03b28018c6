// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// startServer starts a second server in the same cluster, with other options.
func startServer(t *testing.T, change func(*apiserver.Options)) (*apiserver.Server, func() error) {
	t.Helper()
	o := options
	change(&o)
	s, err := apiserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	end := func() error { stop(); return <-ended }
	return s, end
}

// setStatus writes the status of an object, as the operator would, and waits until the cache has it.
func setStatus[T client.Object](w *world, o T, change func(T)) {
	w.t.Helper()
	change(o)
	w.Expect(kube.Status().Update(w.t.Context(), o)).To(gomega.Succeed())
	seen, _ := o.DeepCopyObject().(client.Object)
	w.Eventually(func() (string, error) {
		err := mgr.GetClient().Get(w.t.Context(), client.ObjectKeyFromObject(o), seen)
		return seen.GetResourceVersion(), err
	}).Should(gomega.Equal(o.GetResourceVersion()))
}

func TestIntegrationTest(t *testing.T) {
	w := newFilledWorld(t)
	key := types.NamespacedName{Namespace: w.namespace, Name: "slack"}
	led := make(chan string, 1)
	go func() { // the leader
		o := &v1alpha1.SlackIntegration{}
		for t.Context().Err() == nil {
			if err := kube.Get(t.Context(), key, o); err != nil || o.Annotations[v1alpha1.TestRequestedAtAnnotation] == "" {
				continue
			}
			o.Status.LastTest = &v1alpha1.IntegrationTest{
				RequestedAt: o.Annotations[v1alpha1.TestRequestedAtAnnotation], Time: metav1.Now(), Outcome: v1alpha1.OutcomeFailed,
				Channel: o.Annotations[v1alpha1.TestChannelAnnotation], Message: "not_in_channel: invite the bot",
			}
			if kube.Status().Update(t.Context(), o) == nil {
				led <- o.Annotations[v1alpha1.TestRequestedAtAnnotation]
				return
			}
		}
	}()
	var got struct{ Outcome, Message, Channel string }
	a := w.callerWith("update slackintegrations").ask("POST", "/api/v1/integrations/slack/test", `{"channel":"#qa"}`).into(w, &got)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK))
	w.Expect(got.Outcome).To(gomega.Equal("Failed"))
	w.Expect(got.Message).To(gomega.Equal("not_in_channel: invite the bot"))
	w.Expect(got.Channel).To(gomega.Equal("#qa"))
	at, err := time.Parse(time.RFC3339Nano, <-led)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	w.Expect(at).To(gomega.BeTemporally("~", time.Now(), time.Hour))
}

func TestIntegrationTestWithoutLeader(t *testing.T) {
	w := newFilledWorld(t)
	s, end := startServer(t, func(o *apiserver.Options) { o.TestTimeout = time.Millisecond })
	c := w.admin()
	c.base = "http://" + s.Addr().String()
	a := c.ask("POST", "/api/v1/integrations/jira/test", "")
	w.Expect(a.status).To(gomega.Equal(http.StatusAccepted), a.body)
	w.Expect(a.body).To(gomega.ContainSubstring("Pending"))
	w.Expect(end()).To(gomega.Succeed())
}

// TestIntegrationTestWithoutBody covers a test that takes longer than the framework waits for a body, and another request
// on the same connection afterwards.
func TestIntegrationTestWithoutBody(t *testing.T) {
	w := newFilledWorld(t)
	s, end := startServer(t, func(o *apiserver.Options) { o.TestTimeout = 5500 * time.Millisecond })
	c := w.admin()
	connection, err := net.Dial("tcp", s.Addr().String())
	w.Expect(err).NotTo(gomega.HaveOccurred())
	defer func() { _ = connection.Close() }()
	answers := bufio.NewReader(connection)
	for _, request := range []struct {
		method, path string
		status       int
	}{{"POST", "/api/v1/integrations/slack/test", http.StatusAccepted}, {"GET", "/api/v1/integrations/slack/config", http.StatusOK}} {
		_, err := fmt.Fprintf(connection, "%s %s?namespace=%s HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n\r\n", request.method,
			request.path, w.namespace, c.token)
		w.Expect(err).NotTo(gomega.HaveOccurred())
		response, err := http.ReadResponse(answers, nil)
		w.Expect(err).NotTo(gomega.HaveOccurred(), request.path)
		body, err := io.ReadAll(response.Body)
		w.Expect(err).NotTo(gomega.HaveOccurred())
		response.Body.Close()
		w.Expect(response.StatusCode).To(gomega.Equal(request.status), "%s", body)
	}
	w.Expect(end()).To(gomega.Succeed())
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	c := w.admin()
	w.Expect(c.ask("GET", "/api/v1/integrations/health", "").body).To(gomega.MatchJSON(`{
		"slack":{"configured":false,"last_successful_send":null,"last_error":null,"status":"unconfigured"},
		"jira":{"configured":false,"last_successful_call":null,"last_error":null,"status":"unconfigured"}}`))

	slack, jira := w.slack(), w.jira()
	w.create(slack, jira)
	sent := metav1.NewTime(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	setStatus(w, slack, func(o *v1alpha1.SlackIntegration) {
		o.Status.LastSuccessTime = &sent
		o.Status.LastError = "an old one"
		condition.True(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonHealthy, "ok")
		condition.Ready(o, v1alpha1.ReasonReady, "ok")
	})
	setStatus(w, jira, func(o *v1alpha1.JiraIntegration) {
		condition.False(o, v1alpha1.ConditionAuthenticated, v1alpha1.ReasonUnauthorized, "401 Unauthorized")
		condition.NotReady(o, condition.Stalled, v1alpha1.ReasonUnauthorized, "401 Unauthorized")
	})
	w.Eventually(func() string { return c.ask("GET", "/api/v1/integrations/health", "").body }).Should(gomega.MatchJSON(`{
		"integrations":[
			{"kind":"SlackIntegration","name":"slack","default":true,"last_success":"2024-01-15T10:30:00Z","last_error":null,"status":"healthy"},
			{"kind":"JiraIntegration","name":"jira","default":true,"last_success":null,"last_error":"401 Unauthorized","status":"error"}],
		"slack":{"configured":true,"last_successful_send":"2024-01-15T10:30:00Z","last_error":null,"status":"healthy"},
		"jira":{"configured":true,"last_successful_call":null,"last_error":"401 Unauthorized","status":"error"}}`))
	w.Expect(w.callerWith("get slackintegrations").ask("GET", "/api/v1/integrations/health", "").body).
		NotTo(gomega.ContainSubstring("jira"))

	failed := metav1.NewTime(sent.Add(time.Minute))
	setStatus(w, slack, func(o *v1alpha1.SlackIntegration) {
		o.Status.LastErrorTime = &failed
		o.Status.LastError = "token_revoked"
	})
	w.Eventually(func() string { return c.ask("GET", "/api/v1/integrations/health", "").body }).Should(gomega.ContainSubstring(
		`"last_error":"token_revoked","status":"healthy"`), "a call fails before a probe does")

	var all struct {
		Items []struct{ Kind, Name, Status, Message string }
	}
	c.ask("GET", "/api/v1/integrations/status", "").into(w, &all)
	w.Expect(fmt.Sprint(all.Items)).To(gomega.Equal("[{SlackIntegration slack healthy ok} {JiraIntegration jira error 401 Unauthorized}]"))
}

func TestListDefects(t *testing.T) {
	w := newWorld(t)
	c := w.admin()
	severities := []v1alpha1.Severity{v1alpha1.SeverityLow, v1alpha1.SeverityCritical, v1alpha1.SeverityMedium}
	for i := range 7 {
		d := w.defect(fmt.Sprintf("d%d", i))
		d.Spec.Severity = severities[i%3]
		if i == 4 {
			d.Spec.Category = v1alpha1.CategoryEdgeCase
			d.Spec.Title = "<script>alert(1)</script>"
		}
		w.create(d)
	}
	type list struct {
		Items      []struct{ Name, Severity, Title string }
		Total      int
		NextCursor string
	}
	for _, by := range []string{"newest", "severity", "lastSeen"} {
		seen := map[string]bool{}
		var ranks []int
		cursor := ""
		pages := 0
		for ; pages == 0 || cursor != ""; pages++ {
			var l list
			w.Eventually(func() int {
				c.ask("GET", "/api/v1/defects?limit=3&sort="+by+"&cursor="+url.QueryEscape(cursor), "").into(w, &l)
				return l.Total
			}).Should(gomega.Equal(7))
			for _, d := range l.Items {
				w.Expect(seen).NotTo(gomega.HaveKey(d.Name))
				seen[d.Name] = true
				ranks = append(ranks, v1alpha1.Severity(d.Severity).Rank())
			}
			cursor = l.NextCursor
		}
		w.Expect(seen).To(gomega.HaveLen(7))
		w.Expect(pages).To(gomega.Equal(3))
		if by == "severity" {
			w.Expect(ranks).To(gomega.Equal([]int{4, 4, 2, 2, 1, 1, 1}))
		}
	}
	var l list
	c.ask("GET", "/api/v1/edge-cases", "").into(w, &l)
	w.Expect(l.Items).To(gomega.HaveLen(1))
	w.Expect(l.Items[0].Title).To(gomega.Equal("<script>alert(1)</script>"))
	c.ask("GET", "/api/v1/defects?severity=Critical&q=BOOKS", "").into(w, &l)
	w.Expect(l.Total).To(gomega.Equal(1))

	a := c.ask("GET", "/api/v1/defects?sort=severity&limit=1", "").into(w, &l)
	w.Expect(a.status).To(gomega.Equal(http.StatusOK))
	a = c.ask("GET", "/api/v1/defects?sort=newest&cursor="+url.QueryEscape(l.NextCursor), "")
	w.Expect(a.body).To(gomega.ContainSubstring("another order"))
}

func TestDefectAndTicket(t *testing.T) {
	w := newWorld(t)
	c := w.admin()
	a := c.ask("POST", "/api/v1/defects", `{"name":"d","title":"Hangs up","severity":"High","labels":{"team":"voice"}}`)
	w.Expect(a.header.Get("Location")).To(gomega.Equal("/api/v1/defects/d?namespace=" + w.namespace))
	a = c.ask("PATCH", "/api/v1/defects/d", `{"state":"InProgress"}`, "If-Match", a.header.Get("ETag"),
		"Content-Type", "application/merge-patch+json")
	w.Expect(a.status).To(gomega.Equal(http.StatusOK), a.body)
	d := &v1alpha1.Defect{}
	key := types.NamespacedName{Namespace: w.namespace, Name: "d"}
	w.Expect(kube.Get(t.Context(), key, d)).To(gomega.Succeed())
	w.Expect(d.Spec.State).To(gomega.Equal(v1alpha1.StateInProgress))
	w.Expect(d.ChangedBy()).To(gomega.HavePrefix("system:serviceaccount:" + w.namespace))

	w.Expect(c.ask("POST", "/api/v1/defects/d/jira", "").status).To(gomega.Equal(http.StatusAccepted))
	w.Expect(kube.Get(t.Context(), key, d)).To(gomega.Succeed())
	requestedAt := d.Annotations[v1alpha1.TicketRequestedAtAnnotation]
	w.Expect(requestedAt).NotTo(gomega.BeEmpty())
	w.Expect(c.ask("POST", "/api/v1/defects/d/jira", "").status).To(gomega.Equal(http.StatusAccepted))
	w.Expect(kube.Get(t.Context(), key, d)).To(gomega.Succeed())
	w.Expect(d.Annotations[v1alpha1.TicketRequestedAtAnnotation]).To(gomega.Equal(requestedAt), "requested once")

	d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-7", URL: "https://example.atlassian.net/browse/VOICE-7",
		TicketRequestedAt: requestedAt}
	w.Expect(kube.Status().Update(t.Context(), d)).To(gomega.Succeed())
	a = c.ask("POST", "/api/v1/defects/d/jira", "")
	w.Expect(a.status).To(gomega.Equal(http.StatusOK))
	w.Expect(a.body).To(gomega.ContainSubstring("VOICE-7"))
}

func TestStartRunOnce(t *testing.T) {
	w := newFilledWorld(t)
	c := w.callerWith("create jobs")
	first := c.ask("POST", "/api/v1/suites/booking/runs", "", "Idempotency-Key", "k")
	again := c.ask("POST", "/api/v1/suites/booking/runs", "", "Idempotency-Key", "k")
	w.Expect(first.status).To(gomega.Equal(http.StatusCreated))
	w.Expect(again.status).To(gomega.Equal(http.StatusOK))
	w.Expect(again.body).To(gomega.Equal(first.body))
	w.Expect(c.ask("POST", "/api/v1/suites/booking/runs", "").status).To(gomega.Equal(http.StatusCreated))
	jobs := &batchv1.JobList{}
	w.Expect(kube.List(t.Context(), jobs, client.InNamespace(w.namespace), client.HasLabels{v1alpha1.SuiteLabel})).To(gomega.Succeed())
	w.Expect(jobs.Items).To(gomega.HaveLen(3), "two, and the one that existed")
	for _, j := range jobs.Items {
		if j.Name != "monday" {
			w.Expect(j.OwnerReferences[0].Kind).To(gomega.Equal("CronJob"))
		}
	}

	w.create(w.suite("booking-two"))
	w.Eventually(func() string {
		return c.ask("POST", "/api/v1/suites/booking/runs", "", "Idempotency-Key",
			"k").body
	}).Should(gomega.ContainSubstring("choose one of them"))
	w.Expect(c.ask("POST", "/api/v1/suites/booking/runs?name=booking-two", "").status).To(gomega.Equal(http.StatusCreated))
}

// TestRerunOnce starts a run again, from its own CronJob, for callers that may create Jobs.
func TestRerunOnce(t *testing.T) {
	w := newFilledWorld(t)
	w.create(w.suite("booking-two"))
	c := w.callerWith("get jobs", "create jobs", "list jobs")
	var first, second struct{ Name string }
	a := c.ask("POST", "/api/v1/suites/booking/runs?name=booking-two", "").into(w, &first)
	w.Expect(a.status).To(gomega.Equal(http.StatusCreated))
	w.Expect(a.header.Get("Location")).To(gomega.Equal("/api/v1/runs/" + first.Name + "?namespace=" + w.namespace))
	w.Expect(c.ask("POST", "/api/v1/runs/"+first.Name+"/rerun", "").into(w, &second).status).To(gomega.Equal(http.StatusCreated))
	w.Expect(second.Name).To(gomega.HavePrefix("booking-two-"))
	w.Expect(second.Name).NotTo(gomega.Equal(first.Name))
	again := w.callerWith("get jobs", "create jobs").ask("POST", "/api/v1/runs/"+first.Name+"/rerun", "").into(w, &second)
	w.Expect(again.status).To(gomega.Equal(http.StatusOK), "it was started before, by another caller")

	a = c.ask("POST", "/api/v1/runs/monday/rerun", "") // which no CronJob started
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict))
	w.Expect(a.body).To(gomega.ContainSubstring("choose one of them"))
}

// TestRunFromOutside shows a run that is no Job from its CloudEvent, and does not start it again.
func TestRunFromOutside(t *testing.T) {
	w := newFilledWorld(t)
	w.create(&v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "runs"}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventTestRunCompleted},
	}})
	c := w.callerWith("create events", "get jobs", "list jobs", "create jobs", "list notifications")
	body := `{"specversion":"1.0","id":"1","source":"ci","type":"dev.voiceai.testrun.completed",` +
		`"data":{"suite":"booking","run":"ci-1","result":"Failed","passed":1,"failed":2,"total":3}}`
	var run struct {
		State, Suite string
		Outside      bool
		Results      struct{ Failed int }
	}
	w.Eventually(func() int { // until the cache has the rule, and then the Notification
		c.ask("POST", "/api/v1/events", body, "Content-Type", "application/cloudevents+json")
		return c.ask("GET", "/api/v1/runs/ci-1", "").into(w, &run).status
	}).Should(gomega.Equal(http.StatusOK))
	if run.State != "Failed" || run.Suite != "booking" || !run.Outside || run.Results.Failed != 2 {
		t.Errorf("got %+v", run)
	}
	w.Expect(c.ask("GET", "/api/v1/runs?suite=booking", "").body).To(gomega.ContainSubstring(`"ci-1"`))
	w.Expect(c.ask("GET", "/api/v1/integrations/logs?object=Job/"+w.namespace+"/ci-1", "").body).To(gomega.ContainSubstring(`"total":1`))
	a := c.ask("POST", "/api/v1/runs/ci-1/rerun", "")
	w.Expect(a.status).To(gomega.Equal(http.StatusConflict))
	w.Expect(a.body).To(gomega.ContainSubstring("run ci-1 is no Job"))
}

// TestSuiteIsShownAsFarAsRightsGo reads a suite and a run with more and more rights.
func TestSuiteIsShownAsFarAsRightsGo(t *testing.T) {
	w := newFilledWorld(t)
	for _, c := range []struct {
		rights   []string
		cronJobs int
		defects  bool
	}{
		{[]string{"list jobs", "get jobs"}, 0, false},
		{[]string{"list jobs", "get jobs", "list cronjobs"}, 1, false},
		{[]string{"list jobs", "get jobs", "list defects"}, 0, true},
	} {
		caller := w.callerWith(c.rights...)
		var suite struct {
			CronJobs []any
			Runs     []struct{ Name string }
		}
		w.Eventually(func() int { // the cache follows
			caller.ask("GET", "/api/v1/suites/booking", "").into(w, &suite)
			return len(suite.Runs)
		}).Should(gomega.Equal(1))
		w.Expect(suite.CronJobs).To(gomega.HaveLen(c.cronJobs), "%s", c.rights)
		var run struct{ Defects *struct{ New int } }
		caller.ask("GET", "/api/v1/runs/monday", "").into(w, &run)
		w.Expect(run.Defects != nil).To(gomega.Equal(c.defects), "%s", c.rights)
	}
}

// TestRunReports covers a Job that succeeded although its termination message reports a failed test.
func TestRunReports(t *testing.T) {
	w := newFilledWorld(t)
	c := w.callerWith("list jobs", "get jobs", "list cronjobs")
	failed, silent := w.job("failed"), w.job("silent")
	failed.Annotations = nil
	silent.Annotations = nil
	w.create(failed, silent)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "failed-x",
			Labels: map[string]string{batchv1.ControllerUidLabel: string(failed.UID)}},
		Spec: failed.Spec.Template.Spec,
	}
	w.Expect(kube.Create(t.Context(), pod)).To(gomega.Succeed())
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "run",
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Message: `{"passed":2,"failed":1}`, FinishedAt: metav1.Now(),
		}}}}
	w.Expect(kube.Status().Update(t.Context(), pod)).To(gomega.Succeed())
	now := metav1.Now()
	for _, j := range []*batchv1.Job{failed, silent} {
		j.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &now, Succeeded: 1,
			UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{}, Conditions: []batchv1.JobCondition{
				{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue,
					LastTransitionTime: now}, {Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: now},
			}}
		w.Expect(kube.Status().Update(t.Context(), j)).To(gomega.Succeed())
	}
	type record struct {
		Name, State, Reason string
		Results             *struct{ Passed, Failed, Total int64 }
	}
	var one record
	w.Eventually(func() string {
		c.ask("GET", "/api/v1/runs/failed", "").into(w, &one)
		return one.State
	}).Should(gomega.Equal("Failed"))
	w.Expect(one.Reason).To(gomega.Equal("TestsFailed"))
	w.Expect(*one.Results).To(gomega.Equal(struct{ Passed, Failed, Total int64 }{2, 1, 3}))
	w.Expect(kube.Delete(t.Context(), pod, client.GracePeriodSeconds(0))).To(gomega.Succeed()) // the report outlives it

	states := func(path string, items func(answer) []record) map[string]string {
		out := map[string]string{}
		for _, r := range items(c.ask("GET", path, "")) {
			out[r.Name] = r.State
		}
		return out
	}
	all := map[string]string{"monday": "Pending", "failed": "Failed", "silent": "Passed"}
	list := func(a answer) []record {
		var body struct{ Items []record }
		a.into(w, &body)
		return body.Items
	}
	w.Eventually(func() map[string]string { return states("/api/v1/runs", list) }).Should(gomega.Equal(all))
	w.Expect(states("/api/v1/runs?state=Failed", list)).To(gomega.Equal(map[string]string{"failed": "Failed"}))
	w.Expect(states("/api/v1/summary", func(a answer) []record {
		var body struct{ Suites []struct{ Runs []record } }
		a.into(w, &body)
		return body.Suites[0].Runs
	})).To(gomega.Equal(all))
}

func TestEventsAreStoredOnce(t *testing.T) {
	w := newFilledWorld(t)
	c := w.callerWith("create events", "list notifications", "get notificationrules")
	var got struct{ Events, Notifications int }
	var log struct {
		Items []struct{ EventID, Outcome, Rule, Detail, Permalink, Action string }
		Total int
	}
	body := alerts("one", "two")
	w.Eventually(func() int { // until the cache has the rule
		c.ask("POST", "/api/v1/webhooks/alertmanager", body).into(w, &got)
		c.ask("GET", "/api/v1/integrations/logs", "").into(w, &log)
		return log.Total
	}).Should(gomega.Equal(2))
	w.Expect(got.Events).To(gomega.Equal(2))
	stored := &v1alpha1.NotificationList{}
	w.Expect(kube.List(t.Context(), stored, client.InNamespace(w.namespace))).To(gomega.Succeed())
	w.Expect(stored.Items).To(gomega.HaveLen(2))
	w.Expect(c.ask("POST", "/api/v1/webhooks/alertmanager", body).body).To(gomega.MatchJSON(`{"events":2,"notifications":0}`))
	batch := []string{"Content-Type", "application/cloudevents-batch+json"}
	w.Expect(c.ask("POST", "/api/v1/events", "["+cloudEvent("three")+","+cloudEvent("three")+"]",
		batch...).status).To(gomega.Equal(http.StatusOK))
	w.Eventually(func() int {
		c.ask("GET", "/api/v1/integrations/logs", "").into(w, &log)
		return log.Total
	}).Should(gomega.Equal(3))
	ids := map[string]string{}
	for _, n := range stored.Items {
		ids[string(n.Spec.Event.Labels["alertname"])] = string(n.Spec.Event.ID)
	}

	for i := range stored.Items {
		n := &stored.Items[i]
		setStatus(w, n, func(n *v1alpha1.Notification) {
			if string(n.Spec.Event.ID) == ids["one"] {
				n.Status.Message = &v1alpha1.PostedMessage{Channel: "CALERTS",
					Permalink: "https://slack.example.com/p1", Time: ptrTo(metav1.Now())}
				condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Sent")
			} else {
				condition.False(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonRejected, "channel_not_found: create it")
			}
		})
	}
	w.Eventually(func() int {
		c.ask("GET", "/api/v1/integrations/logs?outcome=Failed", "").into(w, &log)
		return log.Total
	}).Should(gomega.Equal(1))
	w.Expect(log.Items[0].Detail).To(gomega.Equal("channel_not_found: create it"))
	c.ask("GET", "/api/v1/integrations/logs?q=CALERTS", "").into(w, &log)
	w.Expect(log.Items[0].EventID).To(gomega.Equal(ids["one"]))
	c.ask("GET", "/api/v1/integrations/logs?until=2020-01-01T00:00:00Z", "").into(w, &log)
	w.Expect(log.Total).To(gomega.BeZero())

	var dry struct {
		Matches     bool
		Why, Source string
		Event       struct{ ID string }
		Message     struct{ Text string }
	}
	c.ask("POST", "/api/v1/rules/alerts/test", `{"eventID":"`+ids["two"]+`"}`).into(w, &dry)
	w.Expect(dry.Matches).To(gomega.BeTrue())
	w.Expect(dry.Source + " " + dry.Event.ID).To(gomega.Equal("Recent " + ids["two"]))
	w.Expect(dry.Message.Text).To(gomega.ContainSubstring("two"))
	c.ask("POST", "/api/v1/rules/alerts/test",
		`{"event":{"type":"SystemAlertFiring","severity":"Low","data":{"title":"<!channel>"}}}`).into(w, &dry)
	w.Expect(dry.Matches).To(gomega.BeFalse())
	w.Expect(dry.Why).To(gomega.ContainSubstring("spec.minSeverity"))
	w.Expect(dry.Message.Text).NotTo(gomega.ContainSubstring("<!channel>"))
}

func TestListRulesShowsErrors(t *testing.T) {
	w := newWorld(t)
	rule := &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "alerts"}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventSystemAlertFiring}, When: "event.data.minutes > 5",
	}}
	w.create(rule)
	setStatus(w, rule, func(r *v1alpha1.NotificationRule) {
		r.Status.ErrorsTotal = 3
		r.Status.LastError = &v1alpha1.RuleError{Time: metav1.Now(), EventID: "e1",
			EventType: v1alpha1.EventSystemAlertFiring, Message: "no such key: minutes"}
	})
	w.Eventually(func() (out []string) {
		var got struct {
			Items []struct {
				Name, LastError string
				ErrorsTotal     int64
			}
		}
		w.admin().ask("GET", "/api/v1/rules", "").into(w, &got)
		for _, r := range got.Items {
			out = append(out, fmt.Sprintf("%s: %d, %s", r.Name, r.ErrorsTotal, r.LastError))
		}
		return out
	}).Should(gomega.Equal([]string{"alerts: 3, no such key: minutes"}))
}

func ptrTo[T any](v T) *T { return &v }

func TestLogHasActivities(t *testing.T) {
	w := newWorld(t)
	jira := w.jira()
	w.create(jira)
	setStatus(w, jira, func(o *v1alpha1.JiraIntegration) {
		o.Status.Activities = []v1alpha1.Activity{{Time: metav1.Now(), Action: "CreateIssue", Object: "Defect/x/d",
			Outcome: v1alpha1.OutcomeSucceeded, Detail: "VOICE-1"}}
	})
	c := w.callerWith("list jiraintegrations")
	w.Eventually(func() string {
		return c.ask("GET", "/api/v1/integrations/logs?integration=jira&object=d",
			"").body
	}).Should(gomega.ContainSubstring("VOICE-1"))
	w.Expect(c.ask("GET", "/api/v1/integrations/logs?integration=other", "").body).NotTo(gomega.ContainSubstring("VOICE-1"))
	w.Expect(w.callerWith("list slackintegrations").ask("GET", "/api/v1/integrations/logs",
		"").body).NotTo(gomega.ContainSubstring("VOICE-1"))
}

// watch opens a stream of changes and reads its lines.
func (c *caller) watch(path string) (kind string, lines <-chan string) {
	c.w.t.Helper()
	r, err := http.NewRequestWithContext(c.w.t.Context(), "GET", c.base+path, nil)
	c.w.Expect(err).NotTo(gomega.HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(r) //nolint:bodyclose // the goroutine below closes it
	c.w.Expect(err).NotTo(gomega.HaveOccurred())
	c.w.Expect(response.StatusCode).To(gomega.Equal(http.StatusOK))
	read := make(chan string, 100)
	go func() {
		defer close(read)
		defer response.Body.Close()
		for scan := bufio.NewScanner(response.Body); scan.Scan(); {
			read <- scan.Text()
		}
	}()
	return response.Header.Get("Content-Type"), read
}

func TestWatch(t *testing.T) {
	w := newWorld(t)
	s, end := startServer(t, func(*apiserver.Options) {})
	c := w.callerWith("watch defects", "watch notificationrules")
	c.base = "http://" + s.Addr().String()
	kind, lines := c.watch("/api/v1/watch?namespace=" + w.namespace)
	w.Expect(kind).To(gomega.Equal("text/event-stream"))
	w.Eventually(lines).Should(gomega.Receive(gomega.Equal("retry: 2000")))
	w.create(w.slack(), w.defect("d")) // the first may not be watched
	w.Eventually(lines).Should(gomega.Receive(gomega.HavePrefix("event: change")))
	w.Eventually(lines).Should(gomega.Receive(gomega.Equal(`data: {"kind":"Defect"}`)))
	w.create(w.rule())
	w.Eventually(lines).Should(gomega.Receive(gomega.Equal(`data: {"kind":"NotificationRule"}`)))
	w.Expect(end()).To(gomega.Succeed(), "a stream does not delay the stop")
	w.Eventually(lines).Should(gomega.BeClosed())

	c.base = base
	a := c.ask("GET", "/api/v1/watch?kinds=Job", "")
	w.Expect(a.status).To(gomega.Equal(http.StatusForbidden))
	a = c.ask("GET", "/api/v1/watch?kinds=Secret", "")
	w.Expect(a.status).To(gomega.Equal(http.StatusUnprocessableEntity))
	for range 16 {
		_, lines := c.watch("/api/v1/watch?namespace=" + w.namespace)
		w.Eventually(lines).Should(gomega.Receive())
	}
	w.Expect(c.ask("GET", "/api/v1/watch", "").status).To(gomega.Equal(http.StatusTooManyRequests))
}

// TestWatchSincePosition changes an object after an answer was read and before its changes are watched.
func TestWatchSincePosition(t *testing.T) {
	w := newWorld(t)
	c := w.callerWith("list defects", "watch defects", "watch notificationrules")
	here := "?namespace=" + w.namespace
	w.create(w.defect("before"))
	var position string
	w.Eventually(func(g gomega.Gomega) {
		a := c.ask("GET", "/api/v1/defects"+here, "")
		position = a.header.Get("Last-Event-ID")
		g.Expect(a.body).To(gomega.ContainSubstring(`"before"`))
	}).Should(gomega.Succeed())
	w.create(w.defect("between"))
	w.Eventually(func() string { return c.ask("GET", "/api/v1/defects"+here, "").body }).Should(gomega.ContainSubstring(`"between"`))

	for name, since := range map[string]string{"the first stream of a page": "&since=" + position,
		"of another process": "&since=ELSEWHERE3", "malformed": "&since=x"} {
		_, lines := c.watch("/api/v1/watch" + here + since)
		w.Eventually(lines).Should(gomega.Receive(gomega.Equal(`data: {"kind":"Defect"}`)), name)
	}
	after := c.ask("GET", "/api/v1/defects"+here, "").header.Get("Last-Event-ID")
	_, lines := c.watch("/api/v1/watch" + here + "&since=" + after)
	w.Eventually(lines).Should(gomega.Receive(gomega.Equal("retry: 2000")))
	w.create(w.rule())
	var first string
	w.Eventually(lines).Should(gomega.Receive(&first, gomega.HavePrefix("data:")))
	w.Expect(first).To(gomega.Equal(`data: {"kind":"NotificationRule"}`), "what was read already is not sent again")

	none := w.callerWith()
	w.Expect(none.ask("GET", "/api/v1/access"+here, "").header).NotTo(gomega.HaveKey("Last-Event-Id"),
		"callers without permissions do not learn that anything changes")
	w.Expect(none.ask("GET", "/api/v1/defects"+here, "").header).NotTo(gomega.HaveKey("Last-Event-Id"))
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t)
	s, end := startServer(t, func(o *apiserver.Options) { o.RequestsPerSecond = 0.001 })
	defer func() { w.Expect(end()).To(gomega.Succeed()) }()
	one, two := w.admin(), w.admin()
	one.base = "http://" + s.Addr().String()
	two.base = one.base
	w.Expect(one.ask("GET", "/api/v1/rules", "").status).To(gomega.Equal(http.StatusOK))
	a := one.ask("GET", "/api/v1/rules", "")
	w.Expect(a.status).To(gomega.Equal(http.StatusTooManyRequests))
	w.Expect(a.header.Get("Retry-After")).To(gomega.MatchRegexp(`^(9\d\d|1000)$`))
	w.Expect(two.ask("GET", "/api/v1/rules", "").status).To(gomega.Equal(http.StatusOK), "each caller has its own rate")
}

func TestDocumentation(t *testing.T) {
	w := newWorld(t)
	for path, kind := range map[string]string{
		"/openapi":                      "text/html; charset=utf-8",
		"/openapi/swagger-ui.css":       "text/css; charset=utf-8",
		"/openapi/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
		"/openapi/start.js":             "text/javascript; charset=utf-8",
		"/openapi/favicon-32x32.png":    "image/png",
		"/openapi.json":                 "application/json",
	} {
		response, err := http.Get(base + path)
		w.Expect(err).NotTo(gomega.HaveOccurred())
		body, err := io.ReadAll(response.Body)
		w.Expect(err).NotTo(gomega.HaveOccurred())
		w.Expect(response.Body.Close()).To(gomega.Succeed())
		w.Expect(response.StatusCode).To(gomega.Equal(http.StatusOK), path)
		w.Expect(response.Header.Get("Content-Type")).To(gomega.Equal(kind), path)
		w.Expect(response.Header.Get("Content-Security-Policy")).To(gomega.HavePrefix("default-src 'none'"))
		if path == "/openapi" {
			w.Expect(string(body)).NotTo(gomega.MatchRegexp(`(src|href)="(https?:)?//`))
		}
		if strings.HasPrefix(path, "/openapi/swagger") {
			w.Expect(len(body)).To(gomega.BeNumerically(">", 50_000), "decompressed")
		}
	}
}
