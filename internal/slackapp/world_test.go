// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

const (
	team = "T1"
	ann  = "U1"
)

// reviewer answers SubjectAccessReviews: it allows what it lists, as "<user or group> <verb> <resource> <namespace>", and
// " <name>" after that for one object alone.
type reviewer struct {
	mu      sync.Mutex
	allowed map[string]bool
	err     error
}

func allow(rights ...string) *reviewer {
	r := &reviewer{allowed: map[string]bool{}}
	for _, x := range rights {
		r.allowed[x] = true
	}
	return r
}

func (r *reviewer) Allowed(_ context.Context, caller identity.Caller, a identity.Access) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, who := range append([]string{caller.GetName()}, caller.GetGroups()...) {
		right := who + " " + a.Verb + " " + a.Resource + " " + a.Namespace
		if r.allowed[right] || r.allowed[right+" "+a.Name] {
			return true, r.err
		}
	}
	return false, r.err
}

// everything is what the user needs for each act, in namespace qa.
func everything() []string {
	var out []string
	for _, right := range []string{"list slackintegrations", "list jiraintegrations", "list defects", "get defects",
		"update defects", "create defects", "list jobs", "create jobs"} {
		out = append(out, user+" "+right+" qa")
	}
	return out
}

// world is a cluster and a workspace.
type world struct {
	t      *testing.T
	client client.Client
	slack  *chattest.App
	clock  *testingclock.FakeClock
	review *reviewer
	// dispatchers are replicas.
	dispatchers []*slackapp.Dispatcher
	// patches counts the patches of objects, each of which takes patchTakes.
	patches    atomic.Int64
	patchTakes time.Duration
}

func newWorld(t *testing.T, review *reviewer, objects ...client.Object) *world {
	t.Helper()
	return newWorldWith(t, review, interceptor.Funcs{}, objects...)
}

func newWorldWith(t *testing.T, review *reviewer, funcs interceptor.Funcs, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, slack: &chattest.App{}, clock: testingclock.NewFakeClock(noon), review: review}
	if funcs.Patch == nil {
		funcs.Patch = w.patch
	}
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs)
	for _, f := range index.Fields() {
		b = b.WithIndex(f.Object, f.Name, f.Values)
	}
	w.client = b.Build()
	for range 2 {
		w.dispatchers = append(w.dispatchers, slackapp.New(slackapp.Options{
			Client: w.client, Live: w.client, Authorizer: review, Clock: w.clock, Dial: w.slack.DialApp,
			Codec: slackapp.Codec{
				Response: func(r chat.Response) (json.RawMessage, error) { return json.Marshal(r) },
				FormAnswer: func(next *chat.Form, problems map[string]string) (json.RawMessage, error) {
					return json.Marshal(map[string]any{"next": next, "problems": problems})
				},
			},
		}))
	}
	return w
}

// patch patches an object.
func (w *world) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
	w.patches.Add(1)
	select {
	case <-time.After(w.patchTakes):
		return c.Patch(ctx, o, p, options...)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "qa", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(noon)}
}

func slackIntegration() *v1alpha1.SlackIntegration {
	i := &v1alpha1.SlackIntegration{ObjectMeta: meta("slack"), Spec: v1alpha1.SlackIntegrationSpec{
		Bot:              &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "bot-token"}},
		SigningSecretRef: &v1alpha1.SecretKeyReference{Name: "slack", Key: "signing-secret"},
	}}
	i.Status.TeamID = team
	return i
}

func secret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: meta("slack"), Data: map[string][]byte{"bot-token": []byte("xoxb-1")}}
}

func defect(name string, modify ...func(*v1alpha1.Defect)) *v1alpha1.Defect {
	d := &v1alpha1.Defect{ObjectMeta: meta(name), Spec: v1alpha1.DefectSpec{
		Title: "Agent hangs up: " + name, Severity: v1alpha1.SeverityHigh, Suite: "booking",
	}}
	d.Status.State = v1alpha1.StateOpen
	for _, m := range modify {
		m(d)
	}
	return d
}

func inState(s v1alpha1.State) func(*v1alpha1.Defect) {
	return func(d *v1alpha1.Defect) { d.Status.State = s }
}

func booking() *batchv1.CronJob {
	c := &batchv1.CronJob{ObjectMeta: meta("booking")}
	c.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	return c
}

func command(text string) inbound.Request {
	return inbound.Request{Origin: inbound.Origin{TeamID: team, AppID: "A1"}, Command: &inbound.Command{
		User: inbound.User{ID: ann, TeamID: team}, ChannelID: "C1", Name: "/voiceai", Text: text,
		ResponseURL: "https://hooks.slack.com/commands/secret", TriggerID: "trigger-" + text,
	}}
}

// click returns a click on a button of the message about an object.
func click(id string, about button.Object) inbound.Request {
	return clickOn(id, about.Encode(), "1")
}

func clickOn(id, value, at string) inbound.Request {
	return inbound.Request{Origin: inbound.Origin{TeamID: team, AppID: "A1"}, Interaction: &inbound.Interaction{
		User: inbound.User{ID: ann, TeamID: team}, Type: inbound.BlockActions, TriggerID: "trigger-" + at,
		ResponseURL: "https://hooks.slack.com/actions/secret",
		Message:     inbound.Message{ChannelID: "C1", TS: "1700000000.000001", Text: "Defect found: it"},
		Actions:     []inbound.Action{{ID: id, Value: value, TS: at}},
	}}
}

func about(name string) button.Object {
	return button.Object{Integration: "uid-slack", Namespace: "qa", Name: name, UID: "uid-" + name, Suite: name}
}

// send sends a request to a replica and returns the text of the answer, in the body or by response URL.
func (w *world) send(replica int, r inbound.Request) string {
	w.t.Helper()
	before := len(w.slack.Responses())
	i := &v1alpha1.SlackIntegration{}
	if err := w.client.Get(w.t.Context(), types.NamespacedName{Namespace: "qa", Name: "slack"}, i); err != nil {
		w.t.Fatal(err)
	}
	body, err := w.dispatchers[replica].Receive(w.t.Context(), slackapp.Delivery{
		Request: r, Integrations: []*v1alpha1.SlackIntegration{i},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		var answer chat.Response
		if err := json.Unmarshal(body, &answer); err != nil {
			w.t.Fatal(err)
		}
		return textOf(answer.Message)
	}
	all := w.slack.Responses()
	if len(all) == before {
		return ""
	}
	return textOf(all[len(all)-1].Message)
}

// textOf returns all texts of a message, without the marks that keep text from being markup.
func textOf(m chat.Message) string {
	var parts []string
	for _, b := range m.Blocks {
		parts = append(parts, b.Section)
		parts = append(parts, b.Fields...)
		parts = append(parts, b.Context...)
		for _, button := range b.Buttons {
			parts = append(parts, "["+button.Label+"]")
		}
	}
	return strings.ReplaceAll(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n"), "\u2060", "")
}

// defect returns the Defect a as it is stored.
func (w *world) defect() *v1alpha1.Defect {
	w.t.Helper()
	d := &v1alpha1.Defect{}
	if err := w.client.Get(w.t.Context(), types.NamespacedName{Namespace: "qa", Name: "a"}, d); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) jobs() []string {
	w.t.Helper()
	list := &batchv1.JobList{}
	if err := w.client.List(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
	names := map[string]bool{}
	for _, j := range list.Items {
		names[j.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
