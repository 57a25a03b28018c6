package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=slackintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=slackintegrations/status,verbs=get;update

// SlackPool holds the connections to Slack.
type SlackPool = connection.Pool[SlackClient, chat.Posted]

// SlackClient is a poster and what its probe found.
type SlackClient struct {
	chat.Poster
	Workspace chat.Workspace
}

// SlackIntegrationReconciler keeps the connection to a Slack workspace and says whether it works.
type SlackIntegrationReconciler struct {
	Client   client.Client
	Live     client.Reader
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Slack    *SlackPool
	// Outbox takes the news that it stopped working, or works again.
	Outbox *outbox.Outbox
	// Enqueuer is what the connections in Slack wake integrations with.
	Enqueuer *connection.Enqueuer
	// Dial makes a client. It does not call Slack.
	Dial func(chat.Config) (chat.Poster, error)

	writes pacer
}

// Reconcile brings one SlackIntegration on.
func (r *SlackIntegrationReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i := &v1alpha1.SlackIntegration{}
	if err := r.Client.Get(ctx, req.NamespacedName, i); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.Slack.Close(req.NamespacedName)
			r.writes.last.Delete(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !i.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := i.DeepCopy()
	record := r.Slack.Get(req.NamespacedName).Record
	record.Load(i.Status.Health, i.Status.SentTotal, i.Status.FailedTotal)
	for _, c := range i.Status.Channels {
		record.RecordChannel(c.Name, c.ID)
	}

	p := prober[SlackClient, chat.Posted]{cache: r.Client, live: r.Live, clock: r.Clock, pool: r.Slack}
	next, err := p.reconcile(ctx, r.probed(i))
	if why := r.historyWarning(i); why != "" && i.Status.Delivery == v1alpha1.DeliveryExactlyOnce {
		i.Status.Delivery = v1alpha1.DeliveryAtLeastOnce
		if condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, "") {
			condition.True(i, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, why)
			condition.Ready(i, v1alpha1.ReasonReady, why)
		}
	}
	i.Status.LastTest = r.test(ctx, i)
	i.Status.Health, i.Status.SentTotal, i.Status.FailedTotal = record.Snapshot()
	i.Status.Channels = record.KnownChannels()
	i.Status.UnhealthySince = before.Status.UnhealthySince
	again, tellErr := announceHealth(ctx, r.Outbox, i, v1alpha1.KindSlackIntegration, &i.Status.UnhealthySince, r.Clock.Now())
	err = errors.Join(err, tellErr)
	result, writeErr := r.writes.write(ctx, r.Client, r.Recorder, r.Clock.Now(), before, i, sooner(next, again), func(o object) {
		s := &o.(*v1alpha1.SlackIntegration).Status
		if s.Health, s.SentTotal, s.FailedTotal = (v1alpha1.Health{}), 0, 0; err != nil {
			s.LastProbeTime = nil // one that fails is soon repeated
		}
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	return result, writeErr
}

func (r *SlackIntegrationReconciler) probed(i *v1alpha1.SlackIntegration) probed[SlackClient] {
	secret, field := slackSecret(i)
	return probed[SlackClient]{
		object: i, kind: v1alpha1.KindSlackIntegration, suspend: i.Spec.Suspend, secret: secret, secretField: field,
		interval: i.Spec.ProbeIntervalSeconds, lastProbe: &i.Status.LastProbeTime, limits: func(SlackClient) connection.Limits { return slackLimits(i.Spec.RateLimit) },
		dial: func(secret string) (SlackClient, error) {
			config := chat.Config{Token: secret, APIURL: string(i.Spec.APIURL)}
			if i.Spec.Webhook != nil {
				config = chat.Config{WebhookURL: secret}
			}
			p, err := r.Dial(config)
			return SlackClient{Poster: p}, err
		},
		probe: func(ctx context.Context, c SlackClient) (SlackClient, string, bool, error) {
			w, err := c.Probe(ctx)
			if err != nil {
				return c, "", true, err
			}
			c.Workspace = w
			i.Status.Team, i.Status.TeamID, i.Status.BotUserID = text.Truncate(w.Team, 255), text.Truncate(w.TeamID, 64), text.Truncate(w.BotUserID, 64)
			i.Status.Delivery = v1alpha1.DeliveryAtLeastOnce
			if w.CanFind {
				i.Status.Delivery = v1alpha1.DeliveryExactlyOnce
			}
			note := ""
			if w.Verified && len(w.Scopes) > 0 && !slices.Contains(w.Scopes, "chat:write") {
				note = "The token lacks the scope chat:write, so that posting will fail; it has " + strings.Join(w.Scopes, ", ")
			} else if w.Verified && !w.CanFind {
				note = "The token lacks the scope channels:history, so that after a broken connection a message may be posted twice: add it to the app and install it again"
			}
			return c, note, w.Verified, nil
		},
	}
}

// historyWarning says which channel cannot be asked what is there already, though the token may read channels, and what that costs; empty when there is none.
func (r *SlackIntegrationReconciler) historyWarning(i *v1alpha1.SlackIntegration) string {
	conn := r.Slack.Get(client.ObjectKeyFromObject(i))
	const cost = "after a broken connection a message may be posted there twice"
	if name := conn.Record.UnreadableChannel(); name != "" {
		return fmt.Sprintf("Channel %s could not be asked what was posted to it, so that %s: give the app channels:history and channels:read (groups: for a private channel), and invite the bot", name, cost)
	}
	c, ok := conn.Client()
	byName := string(i.Spec.DefaultChannel)
	if !ok || !strings.HasPrefix(byName, "#") || conn.Record.ChannelID(byName) != "" || len(c.Workspace.Scopes) == 0 ||
		slices.Contains(c.Workspace.Scopes, "channels:read") || slices.Contains(c.Workspace.Scopes, "groups:read") {
		return ""
	}
	return fmt.Sprintf("The token lacks the scope channels:read, so that %s cannot be looked up before the first message there, and %s: add it, or name the channel by its ID", byName, cost)
}

func slackSecret(i *v1alpha1.SlackIntegration) (v1alpha1.SecretKeyReference, string) {
	if i.Spec.Webhook != nil {
		return i.Spec.Webhook.URLSecretRef, "spec.webhook.urlSecretRef"
	}
	if i.Spec.Bot != nil {
		return i.Spec.Bot.TokenSecretRef, "spec.bot.tokenSecretRef"
	}
	return v1alpha1.SecretKeyReference{}, ""
}

// slackLimits are Slack's own unless the integration says otherwise: one message a second in a channel with short bursts, several hundred a
// minute in a workspace (https://docs.slack.dev/apis/web-api/rate-limits).
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

// SetupWithManager has the reconciler run.
func (r *SlackIntegrationReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.SlackIntegration{}, orRequested()).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(integrationsForSecret(r.Client, func() (client.ObjectList, func() []client.Object) {
			l := &v1alpha1.SlackIntegrationList{}
			return l, func() []client.Object { return pointers(l.Items) }
		}))).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

// pointers are the items of a list as objects.
func pointers[T any, P interface {
	*T
	client.Object
}](items []T) []client.Object {
	out := make([]client.Object, len(items))
	for i := range items {
		out[i] = P(&items[i])
	}
	return out
}
