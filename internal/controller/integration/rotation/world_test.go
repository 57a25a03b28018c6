// SPDX-License-Identifier: Apache-2.0

package rotation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/rotation"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

var (
	noon     = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	tokenRef = v1alpha1.SecretKeyReference{Name: "app", Key: "token"}
	// due is when the first token is to be refreshed.
	due = noon.Add(10 * time.Hour)
)

// errCrash is the error of the call in which a process ends.
var errCrash = errors.New("the process was killed")

// world is a cluster with an integration that was installed at noon, its Slack, and the leader's rotator.
type world struct {
	t       *testing.T
	clock   *testingclock.FakeClock
	slack   *chattest.Rotating
	client  client.Client
	rotator *rotation.Rotator
	i       *v1alpha1.SlackIntegration
	// before and after are called around each request to the API server and return its error. The verbs are get, check
	// and update.
	before, after func(verb string) error
	// managed are the managedFields of the Secret, which the fake does not keep.
	managed []metav1.ManagedFieldsEntry
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := testingclock.NewFakeClock(noon)
	nothing := func(string) error { return nil }
	w := &world{t: t, clock: c, slack: &chattest.Rotating{Clock: c}, before: nothing, after: nothing}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(w.interceptors()).Build()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "app"},
		Data:       map[string][]byte{"client": []byte("client-secret"), "signing": []byte("kept")},
	}
	installed := w.slack.Install()
	secrets.Rotating{
		Token: installed.Token, RefreshToken: installed.RefreshToken, Expires: noon.Add(installed.ExpiresIn),
	}.Put(secret, tokenRef)
	if err := w.client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.i = &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "slack"},
		Spec: v1alpha1.SlackIntegrationSpec{
			Bot: &v1alpha1.SlackBot{TokenSecretRef: tokenRef},
			OAuth: &v1alpha1.SlackOAuth{
				ClientID: "1.2", ClientSecretRef: v1alpha1.SecretKeyReference{Name: "app", Key: "client"},
			},
		},
	}
	w.rotator = w.newRotator()
	return w
}

// newRotator returns the rotator of a process that starts now.
func (w *world) newRotator() *rotation.Rotator {
	return &rotation.Rotator{
		Client: w.client, Live: w.client, Clock: w.clock, Refresh: w.slack.Refresh, Revoke: w.slack.Revoke,
		Account: "system:serviceaccount:voice:operator",
	}
}

func (w *world) interceptors() interceptor.Funcs {
	around := func(verb string, call func() error) error {
		if err := w.before(verb); err != nil {
			return err
		}
		if err := call(); err != nil {
			return err
		}
		return w.after(verb)
	}
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return around("get", func() error {
				defer func() { o.SetManagedFields(w.managed) }()
				return c.Get(ctx, key, o, opts...)
			})
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			verb := "update"
			for _, opt := range opts {
				if opt == client.DryRunAll {
					verb = "check"
				}
			}
			return around(verb, func() error { return c.Update(ctx, o, opts...) })
		},
	}
}

// secret returns the Secret as it is stored.
func (w *world) secret() *corev1.Secret {
	w.t.Helper()
	before, after := w.before, w.after
	defer func() { w.before, w.after = before, after }()
	nothing := func(string) error { return nil }
	w.before, w.after = nothing, nothing
	s := &corev1.Secret{}
	if err := w.client.Get(context.Background(), client.ObjectKey{Namespace: "qa", Name: "app"}, s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// change changes the Secret as a person does.
func (w *world) change(change func(*corev1.Secret)) {
	w.t.Helper()
	s := w.secret()
	change(s)
	before, after := w.before, w.after
	defer func() { w.before, w.after = before, after }()
	nothing := func(string) error { return nil }
	w.before, w.after = nothing, nothing
	if err := w.client.Update(context.Background(), s); err != nil {
		w.t.Fatal(err)
	}
}

// keep reconciles the integration once.
func (w *world) keep() (time.Duration, error) { return w.keepBy(w.rotator) }

func (w *world) keepBy(r *rotation.Rotator) (time.Duration, error) {
	return r.Keep(w.t.Context(), w.i, w.secret().ResourceVersion, func(bool) (func(), bool) { return func() {}, true })
}

// mustKeep reconciles the integration as the queue does until nothing is left to do now.
func (w *world) mustKeep() time.Duration {
	w.t.Helper()
	for range 20 {
		version := w.secret().ResourceVersion
		next, err := w.keep()
		if err == nil && version == w.secret().ResourceVersion { // otherwise a watch enqueues it
			return next
		}
	}
	w.t.Fatal("it does not settle")
	return 0
}

// run lets time pass, and reconciles the integration when it asked for it.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	end := w.clock.Now().Add(d)
	for {
		next := w.mustKeep()
		if next == 0 || w.clock.Now().Add(next).After(end) {
			w.clock.SetTime(end)
			return
		}
		w.clock.Step(next)
	}
}

// refreshing returns the condition as status and reason.
func (w *world) refreshing() string {
	c := condition.Get(w.i, v1alpha1.ConditionRefreshing)
	if c == nil {
		return ""
	}
	return string(c.Status) + "/" + c.Reason
}

func (w *world) message() string { return condition.Get(w.i, v1alpha1.ConditionRefreshing).Message }

// token returns the token in the Secret.
func (w *world) token() secrets.Rotating { return secrets.RotatingIn(w.secret(), tokenRef) }

// wantWorking checks that Slack accepts the token in the Secret, and that its refresh token gives the next one.
func (w *world) wantWorking(what string) {
	w.t.Helper()
	if got := w.token(); !w.slack.Works(got.Token, got.RefreshToken) {
		w.t.Errorf("%s: Slack does not accept %+v", what, got)
	}
	if s := w.secret(); string(s.Data["client"]) != "client-secret" || string(s.Data["signing"]) != "kept" || len(s.Data) != 5 {
		w.t.Errorf("%s: the Secret has %v", what, s.Data)
	}
}

func forbidden(verb string) error {
	return apierrors.NewForbidden(corev1.Resource("secrets"), "app",
		errors.New(`User "system:serviceaccount:voice:operator" cannot `+verb+` resource "secrets" in API group "" in the namespace "qa"`))
}

// shorten makes the tokens of a Slack live for a second.
func shorten(refresh chat.Refresh) chat.Refresh {
	return func(ctx context.Context, n chat.Renewal) (chat.Installation, error) {
		out, err := refresh(ctx, n)
		out.ExpiresIn = time.Second
		return out, err
	}
}
