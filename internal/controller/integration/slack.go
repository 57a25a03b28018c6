// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/hint"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/rotation"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit/gate"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=slackintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=slackintegrations/status,verbs=get;update

const (
	// maxScopes bounds how many scopes a status lists, and maxScope each of them, in bytes.
	maxScopes = 100
	maxScope  = 64
)

// SlackReconciler keeps the connection to a Slack workspace and reports whether it works.
type SlackReconciler struct {
	Client   client.Client
	Live     client.Reader
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Slack    *connection.SlackPool
	// Outbox announces that an integration stopped working, or works again.
	Outbox *outbox.Outbox
	// Enqueuer enqueues the integrations whose connections changed.
	Enqueuer *kit.Enqueuer
	// Dial makes a client. It does not call Slack.
	Dial func(chat.Config) (chat.Poster, error)
	// Sockets keeps the connections of Socket Mode. Optional.
	Sockets Sockets
	// Rotator refreshes bot tokens that expire. Optional.
	Rotator *rotation.Rotator

	pacer kit.Pacer
	tests requestedTests
	hints hint.Hints
	gate  gate.Gate
}

// Reconcile brings one SlackIntegration up to date.
func (r *SlackReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i := &v1alpha1.SlackIntegration{}
	if ok, err := fetch(ctx, r.Client, req.NamespacedName, i, func() { r.forget(req.NamespacedName) }); !ok || err != nil {
		return ctrl.Result{}, err
	}
	ctx, end := tracing.Reconcile(ctx, v1alpha1.KindSlackIntegration, req.NamespacedName)
	defer end()
	before := i.DeepCopy()
	conn := r.Slack.Get(req.NamespacedName)
	record := conn.Record
	record.Load(i.Status.Health, i.Status.SentTotal, i.Status.FailedTotal)
	record.LoadChannels(i.Status.Channels)

	if r.hints.IsNew(i) {
		conn.RequestProbe()
	}
	listenErr := r.listen(ctx, i)
	refreshed, refreshErr := r.refreshToken(ctx, i)
	next, err := r.connect(ctx, i)
	next = kit.Sooner(next, refreshed)
	err = errors.Join(listenErr, refreshErr, err)
	if i.Status.TeamID != before.Status.TeamID && before.Status.TeamID != "" {
		record.ForgetChannels()
	}
	warnOfRenamed(i, record)
	warnOfChannels(i, record.KnownChannels())
	r.limitDelivery(i)
	warnOfSockets(i)
	r.warnOfToken(i)
	i.Status.Channels = record.KnownChannels()
	return r.finisher().finish(ctx, finishing{
		before: before, after: i, record: record, next: next, isProbeFailing: conn.IsProbeFailing(), err: err,
	})
}

// forget drops what is kept of an integration that was deleted.
func (r *SlackReconciler) forget(i types.NamespacedName) {
	r.Slack.Close(i)
	if r.Sockets != nil {
		r.Sockets.Drop(i)
	}
	if r.Rotator != nil {
		r.Rotator.Forget(i)
	}
	r.pacer.Forget(i)
	r.tests.forget(i)
	r.hints.Forget(i)
	r.gate.Forget(i)
}

func (r *SlackReconciler) finisher() *finisher {
	return &finisher{
		client: r.Client, recorder: r.Recorder, clock: r.Clock, outbox: r.Outbox, pacer: &r.pacer,
		kind: v1alpha1.KindSlackIntegration, list: slackIntegrations,
		fieldsOf: func(o kit.Object) fields {
			s := &o.(*v1alpha1.SlackIntegration).Status
			return fields{&s.Health, &s.SentTotal, &s.FailedTotal, &s.UnhealthySince, &s.LastProbeTime}
		},
	}
}

// connect brings the connection up to date, makes the test that a client requested, and returns when to reconcile
// again; 0 for never.
func (r *SlackReconciler) connect(ctx context.Context, i *v1alpha1.SlackIntegration) (time.Duration, error) {
	test, last := r.tests.next(i, i.Status.LastTest, r.Clock.Now())
	in := r.target(i)
	if test != nil {
		in.test = &testProbe[connection.SlackClient]{}
	}
	p := &prober[connection.SlackClient, chat.Posted]{
		cache: r.Client, live: r.Live, clock: r.Clock, pool: r.Slack, gate: &r.gate, enqueue: r.Enqueuer.Enqueue,
	}
	defer p.close()
	next, err := p.reconcile(ctx, in)
	i.Status.LastTest = last
	if test == nil || in.test.waits || err != nil && !in.test.made {
		return next, err
	}
	i.Status.LastTest = r.test(ctx, i, test, in.test)
	r.tests.made(i, i.Status.LastTest)
	return afterTest(i, next), err
}

// orInstall is what to do about a token of an app that can be installed, instead of writing its Secret.
const orInstall = " Or install the app: choose Install in Slack on the page of the integration in the dashboard."

func (r *SlackReconciler) target(i *v1alpha1.SlackIntegration) target[connection.SlackClient] {
	secret, field := i.CredentialRef()
	otherwise := ""
	if i.Spec.OAuth != nil {
		otherwise = orInstall
	}
	return target[connection.SlackClient]{
		object: i, suspend: i.Spec.Suspend, secret: secret, secretField: field, otherwise: otherwise,
		intervalSeconds: i.Spec.ProbeIntervalSeconds, lastProbe: &i.Status.LastProbeTime,
		limits: func(connection.SlackClient) connection.Limits { return slackLimits(i.Spec.RateLimit) },
		dial: func(secret string) (connection.SlackClient, error) {
			config := chat.Config{Token: secret, APIURL: string(i.Spec.APIURL), Namespace: i.Namespace}
			if i.Spec.Webhook != nil {
				config = chat.Config{WebhookURL: secret, Namespace: i.Namespace}
			}
			p, err := r.Dial(config)
			return connection.SlackClient{Poster: p}, err
		},
		probe: func(ctx context.Context, c connection.SlackClient) (probeResult[connection.SlackClient], error) {
			found, err := probeSlack(ctx, i, c)
			if err == nil && found.note == "" {
				found.note = r.channelWarning(ctx, i, found.client)
			}
			if f := fault.From(err); f != nil && f.Kind == fault.Unauthorized && i.Spec.OAuth != nil {
				rejected := *f
				rejected.Message += orInstall
				err = &rejected
			}
			return found, err
		},
	}
}

// probeSlack probes a workspace and writes what it found to the status.
func probeSlack(
	ctx context.Context,
	i *v1alpha1.SlackIntegration,
	c connection.SlackClient,
) (probeResult[connection.SlackClient], error) {
	w, err := c.Probe(ctx)
	if err != nil {
		return probeResult[connection.SlackClient]{client: c, verified: true}, err
	}
	c.Workspace = w
	i.Status.Team = text.Truncate(text.OneLine(w.Team), 255)
	i.Status.TeamID = text.Truncate(w.TeamID, 64)
	i.Status.BotUserID = text.Truncate(w.BotUserID, 64)
	i.Status.GrantedScopes = grantedScopes(w.Scopes)
	i.Status.Delivery = v1alpha1.DeliveryAtLeastOnce
	if w.CanFind {
		i.Status.Delivery = v1alpha1.DeliveryExactlyOnce
	}
	return probeResult[connection.SlackClient]{client: c, note: scopeWarning(w), verified: w.Verified}, nil
}

// grantedScopes returns the scopes of a token for a status, in alphabetical order.
func grantedScopes(scopes []string) []v1alpha1.SlackScope {
	var out []v1alpha1.SlackScope
	for _, s := range scopes {
		if s != "" && len(s) <= maxScope {
			out = append(out, v1alpha1.SlackScope(s))
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxScopes)]
}

// slackLimits returns Slack's own limits unless the integration sets others: one message a second in a channel with
// short bursts, several hundred a minute in a workspace (https://docs.slack.dev/apis/web-api/rate-limits).
func slackLimits(l *v1alpha1.SlackRateLimit) connection.Limits {
	out := connection.Limits{Concurrency: 1, PerSecond: 5, Burst: 20, LanePerSecond: 1, LaneBurst: 3}
	if l != nil && l.WorkspaceMessagesPerMinute > 0 {
		out.PerSecond = float64(l.WorkspaceMessagesPerMinute) / 60
		out.Burst = max(20, int(l.WorkspaceMessagesPerMinute/60))
	}
	if l != nil && l.ChannelMessagesPerMinute > 0 {
		out.LanePerSecond = float64(l.ChannelMessagesPerMinute) / 60
		out.LaneBurst = max(3, int(l.ChannelMessagesPerMinute/60))
		out.Concurrency = min(1+int(l.ChannelMessagesPerMinute/120), 16)
	}
	return out
}

// SetupWithManager registers the reconciler.
func (r *SlackReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.SlackIntegration{}, orTestRequested()).
		Watches(&v1alpha1.SlackIntegration{},
			handler.EnqueueRequestsFromMapFunc(enqueueDefaults(r.Client, slackIntegrations)), onSpecChange()).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(integrationsForSecret(r.Client, slackIntegrations))).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

func slackIntegrations() (client.ObjectList, func() []client.Object) {
	l := &v1alpha1.SlackIntegrationList{}
	return l, func() []client.Object { return kit.Pointers(l.Items) }
}
