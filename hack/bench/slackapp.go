// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/apiserver"
	"github.com/voiceai-dev/integrations-operator/hack/bench/load"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
)

var slackAppScenarios = []scenario{
	{
		name: "slack-ack-http",
		what: "1,000 clicks at 50 a second by HTTP, each on another Defect: from the click to its acknowledgement",
		run:  clicks{acts: 1000, clickEvery: 1}.run,
	},
	{
		name: "slack-ack-socket",
		what: "1,000 clicks at 50 a second by Socket Mode, each on another Defect: from the click to its acknowledgement",
		run:  clicks{acts: 1000, clickEvery: 1, socket: true}.run,
	},
	{
		name: "slack-ack-slow",
		what: "500 clicks at 50 a second by HTTP, while the API server takes 500 ms for each request of the operator",
		run:  clicks{acts: 500, clickEvery: 1, apiDelay: 500 * time.Millisecond}.run,
	},
	{
		name: "slack-clicks",
		what: "10,000 clicks at 50 a second by HTTP, on 400 Defects: how many are answered",
		run:  clicks{acts: 10_000, clickEvery: 1, defects: 400}.run,
		slow: true,
	},
	{
		name: "slack-refresh",
		what: "6,000 acts at 50 a second by Socket Mode, every tenth a click, while connections are replaced every 5 s",
		run:  clicks{acts: 6000, clickEvery: 10, socket: true, refresh: 5 * time.Second}.run,
		slow: true,
	},
}

// turns are the buttons that are clicked on one message, in turn: each is there after the one before was clicked.
var turns = []string{button.StartWork, button.Resolve, button.Reopen}

// actsPerSecond is how often people do something.
const actsPerSecond = 50

// clicks are acts of people in Slack: clicks and commands.
type clicks struct {
	acts int
	// clickEvery is 10 where each tenth act is a click. Each click is on a Defect of its own, unless there are fewer defects.
	clickEvery int
	defects    int
	// apiDelay is how long the API server takes for each request of the operator.
	apiDelay time.Duration
	// socket sends by Socket Mode, whose connections are replaced after a time; 0 for never.
	socket  bool
	refresh time.Duration
}

// run measures how long it takes until each act is acknowledged. It compares that with the floor: the time that the API
// server takes to read a Defect and to change it, at the same rate.
func (c clicks) run(ctx context.Context, w *world) (f figures, err error) {
	w.startSandbox(sandbox.Options{})
	answered := c.acts / c.clickEvery
	defects := cmp.Or(c.defects, answered)
	floor := figures{}
	if c.clickEvery == 1 && c.apiDelay == 0 { // commands cost the API server less
		if floor, err = c.floor(ctx, w, min(defects, 500)); err != nil {
			return f, err
		}
	}
	disconnect, err := c.connect(ctx, w)
	if err != nil {
		return f, err
	}
	defer disconnect()
	if err := load.Parallel(defects, 8, func(k int) error {
		return w.client.Create(ctx, objects.Defect(fmt.Sprintf("message-%d", k)))
	}); err != nil {
		return f, err
	}
	messages, err := c.messages(ctx, w, defects)
	if err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	person := slack.Person{User: slack.Ann, Channel: slack.AlertsChannel, Base: w.server.URL}
	if err := w.sandbox.Slack().Run(ctx, person, "help"); err != nil { // the first act reads the Secret
		return f, err
	}
	took, failed := load.Paced(c.acts, actsPerSecond, func(k int) error {
		if k%c.clickEvery > 0 {
			return w.sandbox.Slack().Run(ctx, person, "help")
		}
		n := k / c.clickEvery
		return w.sandbox.Slack().Click(ctx, person, messages[n%defects], turns[n/defects%len(turns)])
	})
	if err := w.stage.Poll(ctx, "every click to be answered", func() (bool, error) {
		return c.answers(w) >= answered-len(failed), nil
	}); err != nil {
		return f, err
	}
	f.Percentiles(took)
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	moved, err := c.moved(ctx, w)
	sockets := w.sandbox.Slack().Sockets().Counts()
	f.Notes = fmt.Sprintf("%d failed %s; %d of %d Defects moved, %d of %d clicks answered",
		len(failed), load.FirstOf(failed), moved, defects, c.answers(w), answered)
	if floor.Objects > 0 {
		f.Notes += fmt.Sprintf("; floor p50 %.1f ms, p99 %.1f ms: %.1f and %.1f times that",
			floor.P50, floor.P99, f.P50/floor.P50, f.P99/floor.P99)
	}
	if c.socket {
		f.Notes += fmt.Sprintf("; %d connections were opened and %d replaced, %d envelopes sent, %d acknowledged, %d replies in vain",
			sockets.Opened, sockets.Replaced, sockets.Sent, sockets.Acknowledged, sockets.Dropped)
	}
	return f, err
}

// connect creates the integration and what people may do, and starts the operator. It returns what is to be called at the
// end.
func (c clicks) connect(ctx context.Context, w *world) (disconnect func(), err error) {
	disconnect = func() {}
	var env []string
	if c.apiDelay > 0 {
		slow, err := apiserver.NewSlow(ctx, w.config, c.apiDelay)
		if err != nil {
			return nil, err
		}
		disconnect = slow.Close
		file := filepath.Join(w.dir, "kubeconfig-slow")
		if err := slow.WriteKubeconfig(file); err != nil {
			return nil, err
		}
		env = []string{"KUBECONFIG=" + file}
	}
	return disconnect, c.start(ctx, w, env)
}

// start creates the integration and what people may do, and starts the operator with further environment variables.
func (c clicks) start(ctx context.Context, w *world, env []string) error {
	i, err := w.createDefaultSlack(ctx, unlimited)
	if err != nil {
		return err
	}
	i.Spec.SigningSecretRef = &v1alpha1.SecretKeyReference{Name: "signing", Key: "token"}
	app := slack.App{SocketMode: c.socket, RefreshMillis: int(c.refresh.Milliseconds())}
	var flags []string
	if c.socket {
		i.Spec.SigningSecretRef = nil
		i.Spec.AppTokenSecretRef = &v1alpha1.SecretKeyReference{Name: "app", Key: "token"}
	} else {
		port, err := stage.FreePort(ctx)
		if err != nil {
			return err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		flags = []string{"--edge-bind-address=" + address}
		app.URL = "http://" + address + "/api/v1/webhooks/slack"
	}
	if err := w.sandbox.Slack().SetApp(app); err != nil {
		return err
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "slack"}
	for _, o := range []client.Object{
		objects.Secret("signing", slack.SigningSecret), objects.Secret("app", slack.AppToken),
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list", "update"},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "slack:" + slack.TeamID}},
		},
	} {
		if err := w.client.Create(ctx, o); err != nil {
			return err
		}
	}
	if err := w.client.Update(ctx, i); err != nil {
		return err
	}
	if w.operator, err = w.stage.Operator(ctx, "operator", env, append(flags, extraFlags()...)...); err != nil {
		return err
	}
	if err := w.waitUntilReady(ctx, i); err != nil {
		return err
	}
	return w.stage.Poll(ctx, "Slack to reach the operator", func() (bool, error) {
		return !c.socket || w.sandbox.Slack().Sockets().Open() == 2, nil
	})
}

// messages waits for the messages about the Defects, and returns their timestamps.
func (c clicks) messages(ctx context.Context, w *world, defects int) (out []string, err error) {
	err = w.stage.Poll(ctx, "the messages with buttons", func() (bool, error) {
		out = nil
		for _, m := range w.sandbox.Slack().Messages(slack.AlertsChannel) {
			if strings.Contains(string(m.Blocks)+string(m.Attachments), button.StartWork) {
				out = append(out, m.TS)
			}
		}
		return len(out) >= defects, nil
	})
	return out, err
}

// answers returns how many answers came by response URL: one for each click.
func (c clicks) answers(w *world) (n int) {
	for r, count := range w.sandbox.Requests() {
		if strings.HasPrefix(r.Route, "POST "+slack.ResponsePath) && r.Status == 200 {
			n += count
		}
	}
	return n
}

// moved returns how many Defects were moved.
func (c clicks) moved(ctx context.Context, w *world) (n int, err error) {
	list := &v1alpha1.DefectList{}
	if err := w.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return 0, err
	}
	for i := range list.Items {
		if list.Items[i].Spec.State == v1alpha1.StateInProgress && strings.HasPrefix(list.Items[i].Name, "message-") {
			n++
		}
	}
	return n, nil
}

// floor measures how long the API server takes to read and change a Defect.
func (c clicks) floor(ctx context.Context, w *world, n int) (f figures, err error) {
	apart := "floor"
	if err := w.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: apart}}); err != nil {
		return f, err
	}
	if err := load.Parallel(n, 8, func(k int) error {
		d := objects.Defect(fmt.Sprintf("floor-%d", k))
		d.Namespace = apart
		return w.client.Create(ctx, d)
	}); err != nil {
		return f, err
	}
	took, failed := load.Paced(n, actsPerSecond, func(k int) error {
		d := &v1alpha1.Defect{}
		if err := w.client.Get(ctx, client.ObjectKey{Namespace: apart, Name: fmt.Sprintf("floor-%d", k)}, d); err != nil {
			return err
		}
		d.Spec.State = v1alpha1.StateInProgress
		return w.client.Update(ctx, d)
	})
	f.Percentiles(took)
	return f, errors.Join(failed...)
}
