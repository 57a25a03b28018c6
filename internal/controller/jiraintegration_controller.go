package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=jiraintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=jiraintegrations/status,verbs=get;update

// defaultIssueType is spec.issueType when empty.
const defaultIssueType = "Bug"

// JiraIntegrationReconciler keeps the connection to a Jira project and says whether it works.
type JiraIntegrationReconciler struct {
	Client   client.Client
	Live     client.Reader
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Jira     *JiraPool
	// Outbox takes the news that it stopped working, or works again.
	Outbox *outbox.Outbox
	// Enqueuer is what the connections in Jira wake integrations with.
	Enqueuer *connection.Enqueuer
	// Dial makes a client. It does not call Jira.
	Dial func(ticket.Config) (ticket.Tracker, error)
	// PendingUpdates takes what polls find, WakeDefect has a Defect look at it.
	PendingUpdates *PendingUpdates
	EnqueueDefect  func(types.NamespacedName)
	// AuditEvery is which query looks for some of the open tickets, to notice those that were deleted; 5 when zero.
	AuditEvery int
	// LeaderSince is since when nobody else acts.
	LeaderSince func() time.Time

	// queries has a *queries for each integration.
	queries sync.Map
	writes  pacer
}

// Reconcile brings one JiraIntegration on.
func (r *JiraIntegrationReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i := &v1alpha1.JiraIntegration{}
	if err := r.Client.Get(ctx, req.NamespacedName, i); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.Jira.Close(req.NamespacedName)
			r.writes.last.Delete(req.NamespacedName)
			r.queries.Delete(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !i.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	if wait := untilNextSecond(r.LeaderSince(), r.Clock.Now()); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil // who creates a Defect once this is Ready need not wait for the ticket
	}
	before := i.DeepCopy()
	record := r.Jira.Get(req.NamespacedName).Record
	record.Load(i.Status.Health, i.Status.CreatedTotal, i.Status.FailedTotal)

	p := prober[JiraClient, ticket.Ticket]{cache: r.Client, live: r.Live, clock: r.Clock, pool: r.Jira}
	next, err := p.reconcile(ctx, r.probed(i))
	if err == nil {
		again, f := r.poll(ctx, i)
		if f != nil {
			p.fail(i, f)
		}
		next = sooner(next, again)
	}
	i.Status.LastTest = r.test(ctx, i)
	i.Status.Health, i.Status.CreatedTotal, i.Status.FailedTotal = record.Snapshot()
	i.Status.UnhealthySince = before.Status.UnhealthySince
	again, tellErr := announceHealth(ctx, r.Outbox, i, v1alpha1.KindJiraIntegration, &i.Status.UnhealthySince, r.Clock.Now())
	err = errors.Join(err, tellErr)
	result, writeErr := r.writes.write(ctx, r.Client, r.Recorder, r.Clock.Now(), before, i, sooner(next, again), func(o object) {
		s := &o.(*v1alpha1.JiraIntegration).Status
		if s.Health, s.CreatedTotal, s.FailedTotal = (v1alpha1.Health{}), 0, 0; err != nil {
			s.LastProbeTime = nil // one that fails is soon repeated
		}
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	return result, writeErr
}

func (r *JiraIntegrationReconciler) probed(i *v1alpha1.JiraIntegration) probed[JiraClient] {
	secret, field := jiraSecret(i)
	return probed[JiraClient]{
		object: i, kind: v1alpha1.KindJiraIntegration, suspend: i.Spec.Suspend, secret: secret, secretField: field,
		interval: i.Spec.ProbeIntervalSeconds, trouble: r.queriesOf(client.ObjectKeyFromObject(i)).failed, lastProbe: &i.Status.LastProbeTime, limits: func(c JiraClient) connection.Limits { return jiraLimits(i.Spec.RateLimit, c.Project.Deployment) },
		dial: func(secret string) (JiraClient, error) {
			config := ticket.Config{
				APIURL: string(i.Spec.APIURL), SiteURL: string(i.Spec.SiteURL), Deployment: ticket.Deployment(i.Spec.Deployment),
				Token: secret, Project: i.Spec.ProjectKey, IssueType: i.Spec.IssueType,
			}
			if config.IssueType == "" {
				config.IssueType = defaultIssueType
			}
			for _, f := range i.Spec.Fields {
				config.Fields = append(config.Fields, ticket.Field{Name: f.Name, Type: ticket.FieldType(f.Type)})
			}
			if i.Spec.Basic != nil {
				config.Username = i.Spec.Basic.Username
			}
			t, err := r.Dial(config)
			return JiraClient{Tracker: t}, err
		},
		probe: func(ctx context.Context, c JiraClient) (JiraClient, string, bool, error) {
			found, err := c.Probe(ctx)
			if err != nil {
				return c, "", true, err
			}
			c.Project = found
			s := &i.Status
			s.Deployment, s.Version = v1alpha1.JiraDeployment(found.Deployment), text.Truncate(found.Version, 64)
			s.Account, s.AccountID = text.Truncate(found.Account, 255), text.Truncate(found.AccountID, 255)
			var notes []string
			if note := fieldProblems(i, found.Problems); note != "" {
				notes = append(notes, note)
			}
			if ref := i.Spec.WebhookSecretRef; ref != nil {
				if _, err := connection.ReadPassphrase(ctx, r.Live, i.Namespace, "spec.webhookSecretRef", *ref); err != nil {
					notes = append(notes, "Webhooks are refused: "+err.Error())
				}
			}
			if note := unknownPriorities(i, found.Priorities); note != "" {
				notes = append(notes, note)
			}
			return c, strings.Join(notes, "; "), true, nil
		},
	}
}

// fieldProblems says what is wrong with the further fields; empty when nothing is.
func fieldProblems(i *v1alpha1.JiraIntegration, found []string) string {
	return strings.Join(append(render.CheckFields(i.Spec.Fields), found...), "; ")
}

// unknownPriorities says which priorities of the map the project does not take; empty when it takes all, or does not say.
func unknownPriorities(i *v1alpha1.JiraIntegration, known []string) string {
	if known == nil {
		return ""
	}
	if len(known) == 0 {
		return "Tickets are made without a priority: the issue type has no such field on its create screen"
	}
	var unknown []string
	for _, s := range []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow} {
		if p := i.Spec.Priorities.For(s); !slices.Contains(known, p) && !slices.Contains(unknown, p) {
			unknown = append(unknown, p)
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	return fmt.Sprintf("The project does not take the priority %s, so that such tickets are made without one: it takes %s; mend spec.priorities",
		strings.Join(unknown, ", "), strings.Join(known[:min(len(known), 20)], ", "))
}

func jiraSecret(i *v1alpha1.JiraIntegration) (v1alpha1.SecretKeyReference, string) {
	if i.Spec.Bearer != nil {
		return i.Spec.Bearer.TokenSecretRef, "spec.bearer.tokenSecretRef"
	}
	if i.Spec.Basic != nil {
		return i.Spec.Basic.TokenSecretRef, "spec.basic.tokenSecretRef"
	}
	return v1alpha1.SecretKeyReference{}, ""
}

// jiraLimits are those of each lane, that is of each endpoint that takes many calls. Cloud takes 100 a second at each
// (https://developer.atlassian.com/cloud/jira/platform/rate-limiting/); rate and burst together stay just below. Data Center has no limit unless
// its admins set one.
func jiraLimits(l *v1alpha1.JiraRateLimit, d ticket.Deployment) connection.Limits {
	out := connection.Limits{Concurrency: 32}
	if d == ticket.Cloud {
		out.LanePerSecond, out.LaneBurst = 97, 3
	}
	if l != nil && l.Concurrency > 0 {
		out.Concurrency = int(l.Concurrency)
	}
	if l != nil && l.RequestsPerSecond > 0 {
		out.LanePerSecond = float64(l.RequestsPerSecond)
		out.LaneBurst = max(1, int(l.RequestsPerSecond/30))
	}
	return out
}

// SetupWithManager has the reconciler run.
func (r *JiraIntegrationReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.JiraIntegration{}, orRequested()).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(integrationsForSecret(r.Client, func() (client.ObjectList, func() []client.Object) {
			l := &v1alpha1.JiraIntegrationList{}
			return l, func() []client.Object { return pointers(l.Items) }
		}))).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}
