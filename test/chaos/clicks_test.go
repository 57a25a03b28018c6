// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

const createTicket = "voiceai_create_ticket"

// replicas are two replicas of the operator that receive what people do in Slack.
type replicas struct {
	*world
	// leader leads until it is killed, and then the follower.
	leader, follower *stage.Process

	addresses [2]string
	// requests counts the requests to the address of both, which go to one after the other until the leader was killed.
	requests atomic.Int64
	killed   atomic.Bool
}

// newReplicas starts two replicas, of which the first leads, and connects Slack with them.
func newReplicas(t *testing.T, bySocket bool) *replicas {
	t.Helper()
	r := &replicas{world: newSlackWorld(t, noLimit)}
	r.addJira()
	i := &v1alpha1.JiraIntegration{ObjectMeta: r.meta("jira")}
	r.patch(i, func() { i.Spec.AutoCreate = nil })
	r.createSecret("signing", slack.SigningSecret)
	r.createSecret("app", slack.AppToken)
	s := &v1alpha1.SlackIntegration{ObjectMeta: r.meta("slack")}
	r.patch(s, func() {
		if bySocket {
			s.Spec.AppTokenSecretRef = &v1alpha1.SecretKeyReference{Name: "app", Key: "token"}
			return
		}
		s.Spec.SigningSecretRef = &v1alpha1.SecretKeyReference{Name: "signing", Key: "token"}
	})
	r.create(&rbacv1.Role{ObjectMeta: r.meta("slack"), Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"defects"}, Verbs: []string{"get", "list", "update"},
	}, {
		APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create"},
	}}})
	r.create(&rbacv1.RoleBinding{
		ObjectMeta: r.meta("slack"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "slack"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "slack:" + slack.TeamID}},
	})
	if err := r.slack.SetApp(slack.App{SocketMode: bySocket, URL: r.address()}); err != nil {
		t.Fatal(err)
	}
	for n := range r.addresses {
		flags := []string{
			"--leader-elect", "--leader-election-namespace=" + r.namespace, "--lease-duration=" + leaseDuration.String(),
			"--edge-bind-address=" + r.addresses[n],
		}
		p := r.startOperator(flags...)
		if n == 0 {
			r.leader = p
			r.reach(bySocket, n)
		} else {
			r.follower = p
		}
	}
	r.reach(bySocket, 1)
	return r
}

// address returns the address of both replicas.
func (r *replicas) address() string {
	for n := range r.addresses {
		port, err := stage.FreePort(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		r.addresses[n] = "127.0.0.1:" + strconv.Itoa(port)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			n := 1
			if !r.killed.Load() {
				n = int(r.requests.Add(1) % 2)
			}
			p.SetURL(&url.URL{Scheme: "http", Host: r.addresses[n]})
		},
		ErrorLog: log.New(io.Discard, "", 0), // a replica that was killed is an error
	}
	server := httptest.NewServer(proxy)
	r.t.Cleanup(server.Close)
	return server.URL + "/api/v1/webhooks/slack"
}

// reach waits until Slack reaches a replica: by connections of the leader, or by its address.
func (r *replicas) reach(bySocket bool, n int) {
	r.t.Helper()
	r.poll("Slack to reach the operator", func() bool {
		if bySocket {
			return r.slack.Sockets().Open() >= 2
		}
		res, err := http.Post("http://"+r.addresses[n]+"/api/v1/webhooks/slack/commands", "", nil)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusUnauthorized
	})
}

// ann returns the person who clicks.
func (r *replicas) ann() slack.Person {
	return slack.Person{User: slack.Ann, Channel: slack.AlertsChannel, Base: r.server.URL}
}

// message waits for the message about a Defect with its button.
func (r *replicas) message(defect string) (ts string) {
	r.t.Helper()
	r.poll("a message with a button about "+defect, func() bool {
		for _, m := range r.slack.Messages(slack.AlertsChannel) {
			content := m.Text + string(m.Blocks) + string(m.Attachments)
			if strings.Contains(content, defect) && strings.Contains(content, createTicket) {
				ts = m.TS
			}
		}
		return ts != ""
	})
	return ts
}

// click clicks until the app acknowledges it in time, which a machine that stands still keeps it from. It returns how many
// clicks failed, each of which the person sees.
func (r *replicas) click(ts string) (failed int) {
	r.t.Helper()
	r.poll("the click to be acknowledged", func() bool {
		err := r.slack.Click(r.t.Context(), r.ann(), ts, createTicket)
		if err != nil {
			failed++
			r.t.Log(err)
		}
		return err == nil
	})
	return failed
}

func TestLeaderIsKilledInMidClick(t *testing.T)         { killedInMidClick(t, false) }
func TestLeaderIsKilledInMidClickBySocket(t *testing.T) { killedInMidClick(t, true) }

// killedInMidClick kills the leader after it has done what a click asked for, and before it answered. The person sees that,
// clicks again, and gets an answer. There is one ticket.
func killedInMidClick(t *testing.T, bySocket bool) {
	t.Helper()
	r := newReplicas(t, bySocket)
	r.createDefects(1)
	ts := r.message("Defect 1")
	r.requests.Store(1) // the leader receives the next one
	killed := make(chan struct{})
	r.onAnswer.Store(new(sync.OnceFunc(func() {
		r.leader.Kill()
		close(killed)
	})))
	err := r.slack.Click(t.Context(), r.ann(), ts, createTicket)
	<-killed
	r.onAnswer.Store(nil)
	before := r.slack.Privates(slack.AlertsChannel)
	// On a slow machine, the click was acknowledged by then. The person sees nothing, and clicks again.
	if err != nil && (len(before) != 1 || !strings.Contains(before[0].Text, ":warning:")) {
		t.Errorf("the click at the leader that was killed: %v, the person sees %v", err, before)
	}
	r.killed.Store(true)
	if bySocket {
		r.poll("the connections of the leader that was killed to be closed", func() bool { return r.slack.Sockets().Open() == 0 })
	}
	r.reach(bySocket, 1)
	refused := r.click(ts)
	r.poll("an answer to the second click", func() bool {
		return len(r.slack.Privates(slack.AlertsChannel)) > len(before)+refused
	})
	r.expectOneTicketEach()
}

func TestClickStorm(t *testing.T)         { clickStorm(t, false) }
func TestClickStormBySocket(t *testing.T) { clickStorm(t, true) }

// clickStorm clicks 200 times at once on one button, at two replicas. There is one ticket, and the person sees an answer to
// each click.
func clickStorm(t *testing.T, bySocket bool) {
	t.Helper()
	const storm = 200
	r := newReplicas(t, bySocket)
	r.createDefects(1)
	ts := r.message("Defect 1")
	var clicks sync.WaitGroup
	for range storm {
		clicks.Go(func() {
			_ = r.slack.Click(t.Context(), r.ann(), ts, createTicket) // the person sees why it failed
		})
	}
	clicks.Wait()
	r.poll("an answer to each click", func() bool { return len(r.slack.Privates(slack.AlertsChannel)) >= storm })
	r.expectOneTicketEach()
}
