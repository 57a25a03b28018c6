// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
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
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit/gate"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=jiraintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=jiraintegrations/status,verbs=get;update

// defaultIssueType is spec.issueType when empty.
const defaultIssueType = "Bug"

// JiraReconciler keeps the connection to a Jira project and reports whether it works.
type JiraReconciler struct {
	Client   client.Client
	Live     client.Reader
	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Jira     *connection.JiraPool
	// Outbox announces that an integration stopped working, or works again.
	Outbox *outbox.Outbox
	// Enqueuer enqueues the integrations whose connections changed.
	Enqueuer *kit.Enqueuer
	// Dial makes a client. It does not call Jira.
	Dial func(ticket.Config) (ticket.Tracker, error)
	// PendingUpdates takes what polls find, EnqueueDefect enqueues the Defect.
	PendingUpdates *kit.PendingUpdates
	EnqueueDefect  func(types.NamespacedName)
	// KnownTickets takes the open tickets that an integration reads when it is first used.
	KnownTickets *kit.KnownTickets
	// AuditEvery is which query of an integration looks for some of its tickets, see audit; 5 when zero.
	AuditEvery int
	// CallTimeout is how long a call may take.
	CallTimeout time.Duration

	// polls has the *pollState of each integration.
	polls sync.Map
	pacer kit.Pacer
	tests requestedTests
	gate  gate.Gate
}

// Reconcile brings one JiraIntegration up to date.
func (r *JiraReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	i := &v1alpha1.JiraIntegration{}
	if ok, err := fetch(ctx, r.Client, req.NamespacedName, i, func() { r.forget(req.NamespacedName) }); !ok || err != nil {
		return ctrl.Result{}, err
	}
	ctx, end := tracing.Reconcile(ctx, v1alpha1.KindJiraIntegration, req.NamespacedName)
	defer end()
	before := i.DeepCopy()
	conn := r.Jira.Get(req.NamespacedName)
	record := conn.Record
	record.Load(i.Status.Health, i.Status.CreatedTotal, i.Status.FailedTotal)

	next, err := r.connect(ctx, i)
	if err == nil {
		again, f := r.poll(ctx, i)
		if f != nil {
			unhealthy(i, f, r.Clock.Now()) // the probe decides about the credentials
		}
		next = kit.Sooner(next, again)
	}
	return r.finisher().finish(ctx, finishing{
		before: before, after: i, record: record, next: next, isProbeFailing: conn.IsProbeFailing(), err: err,
	})
}

// forget drops what is kept of an integration that was deleted.
func (r *JiraReconciler) forget(i types.NamespacedName) {
	r.Jira.Close(i)
	r.pacer.Forget(i)
	r.tests.forget(i)
	r.gate.Forget(i)
	r.polls.Delete(i)
	r.KnownTickets.Forget(i)
}

func (r *JiraReconciler) finisher() *finisher {
	return &finisher{
		client: r.Client, recorder: r.Recorder, clock: r.Clock, outbox: r.Outbox, pacer: &r.pacer,
		kind: v1alpha1.KindJiraIntegration, list: jiraIntegrations,
		fieldsOf: func(o kit.Object) fields {
			s := &o.(*v1alpha1.JiraIntegration).Status
			return fields{&s.Health, &s.CreatedTotal, &s.FailedTotal, &s.UnhealthySince, &s.LastProbeTime}
		},
	}
}

// connect brings the connection up to date, makes the test that a client requested, and returns when to reconcile
// again; 0 for never. What Jira refused is retried when the probe finds that the project asks for something else than
// before.
func (r *JiraReconciler) connect(ctx context.Context, i *v1alpha1.JiraIntegration) (time.Duration, error) {
	test, last := r.tests.next(i, i.Status.LastTest, r.Clock.Now())
	in := r.target(i)
	if test != nil {
		in.test = &testProbe[connection.JiraClient]{}
	}
	conn := r.Jira.Get(client.ObjectKeyFromObject(i))
	before, connected := conn.Client()
	p := &prober[connection.JiraClient, ticket.Ticket]{
		cache: r.Client, live: r.Live, clock: r.Clock, pool: r.Jira, gate: &r.gate, enqueue: r.Enqueuer.Enqueue,
	}
	defer p.close()
	next, err := p.reconcile(ctx, in)
	if after, _ := conn.Client(); connected && after.Project.Form != before.Project.Form {
		conn.RetryRefused()
	}
	i.Status.LastTest = last
	if test == nil || in.test.waits || err != nil && !in.test.made {
		return next, err
	}
	i.Status.LastTest = r.test(i, test, in.test)
	r.tests.made(i, i.Status.LastTest)
	return afterTest(i, next), err
}

func (r *JiraReconciler) target(i *v1alpha1.JiraIntegration) target[connection.JiraClient] {
	secret, field := i.CredentialRef()
	return target[connection.JiraClient]{
		object:          i,
		suspend:         i.Spec.Suspend,
		secret:          secret,
		secretField:     field,
		intervalSeconds: i.Spec.ProbeIntervalSeconds,
		pollFault:       r.pollStateOf(client.ObjectKeyFromObject(i)).fault,
		lastProbe:       &i.Status.LastProbeTime,
		blocked:         func(c connection.JiraClient) *fault.Fault { return blockedBy(i, c.Project) },
		limits: func(c connection.JiraClient) connection.Limits {
			return jiraLimits(i.Spec.RateLimit, c.Project.Deployment)
		},
		dial: func(secret string) (connection.JiraClient, error) {
			t, err := r.Dial(jiraConfig(i, secret))
			return connection.JiraClient{Tracker: t}, err
		},
		probe: func(ctx context.Context, c connection.JiraClient) (probeResult[connection.JiraClient], error) {
			return r.probe(ctx, i, c)
		},
	}
}

func jiraConfig(i *v1alpha1.JiraIntegration, token string) ticket.Config {
	config := ticket.Config{
		APIURL: string(i.Spec.APIURL), SiteURL: string(i.Spec.SiteURL), Deployment: ticket.Deployment(i.Spec.Deployment),
		Namespace: i.Namespace, Token: token, Project: i.Spec.ProjectKey, IssueType: i.Spec.IssueType,
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
	return config
}

// probe probes a project and writes what it found to the status.
func (r *JiraReconciler) probe(
	ctx context.Context,
	i *v1alpha1.JiraIntegration,
	c connection.JiraClient,
) (probeResult[connection.JiraClient], error) {
	found, err := c.Probe(ctx)
	if err != nil {
		return probeResult[connection.JiraClient]{client: c, verified: true}, err
	}
	c.Project = found
	s := &i.Status
	s.Deployment = v1alpha1.JiraDeployment(found.Deployment)
	s.Version = text.Truncate(text.OneLine(found.Version), 64)
	s.Account = text.Truncate(text.OneLine(found.Account), 255)
	s.AccountID = text.Truncate(found.AccountID, 255)
	if err := r.readFirst(ctx, i, c); err != nil {
		return probeResult[connection.JiraClient]{client: c, verified: true}, err
	}
	var notes []string
	if note := fieldProblems(i, found.Problems); note != "" {
		notes = append(notes, note)
	}
	if ref := i.Spec.WebhookSecretRef; ref != nil {
		if _, err := secrets.ReadPassphrase(ctx, r.Live, i.Namespace, "spec.webhookSecretRef", *ref); err != nil {
			notes = append(notes, "Webhooks are refused: "+err.Error())
		}
	}
	if note := unknownPriorities(i, found); note != "" {
		notes = append(notes, note)
	}
	return probeResult[connection.JiraClient]{client: c, note: strings.Join(notes, "; "), verified: true}, nil
}

// blockedBy returns why Jira refuses every ticket; nil when it does not.
func blockedBy(i *v1alpha1.JiraIntegration, found ticket.Project) *fault.Fault {
	why := slices.Clone(found.Blockers)
	if known, _ := priorities(i, found.Priorities); found.PriorityRequired && len(found.Priorities) > 0 && known == nil {
		why = append(why, unknownPriorities(i, found))
	}
	if why == nil {
		return nil
	}
	return fault.New(fault.Invalid, "Jira refuses all tickets: %s", fieldProblems(i, append(why, found.Problems...)))
}

// priorities returns the priorities of the map that the project has, and those that it does not have.
func priorities(i *v1alpha1.JiraIntegration, offered []string) (known, unknown []string) {
	for _, s := range []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow} {
		p := i.Spec.Priorities.For(s)
		switch {
		case render.Priority(offered, p) != "":
			known = append(known, p)
		case !slices.Contains(unknown, p):
			unknown = append(unknown, p)
		}
	}
	return known, unknown
}

// readDoneWithin is how long ago a ticket that is done may have changed and still be read by readTickets.
const readDoneWithin = 90 * 24 * time.Hour

// readFirst reads the tickets when an integration is first used with a site, before it is connected: the cluster may have
// been rebuilt, and Defects that are created again adopt them.
func (r *JiraReconciler) readFirst(ctx context.Context, i *v1alpha1.JiraIntegration, c connection.JiraClient) error {
	if i.Status.TicketsReadFrom == string(i.Spec.APIURL) {
		return nil
	}
	if err := r.readTickets(ctx, i, c); err != nil {
		return err // no ticket is filed before it is known which there are
	}
	i.Status.TicketsReadFrom = string(i.Spec.APIURL)
	return nil
}

// readTickets reads the open tickets and those done lately, and remembers those that no Defect has. It returns no error if
// Jira refuses the search for good.
func (r *JiraReconciler) readTickets(ctx context.Context, i *v1alpha1.JiraIntegration, c connection.JiraClient) error {
	name := client.ObjectKeyFromObject(i)
	site := string(i.Spec.APIURL)
	found, err := c.Open(ctx, readDoneWithin)
	if f := fault.From(err); f != nil && !f.Kind.Permanent() {
		return err
	}
	ofFinding := map[string][]ticket.Ticket{} // by identity
	for _, t := range found {
		if t.Identity != "" {
			ofFinding[t.Identity] = append(ofFinding[t.Identity], t)
		}
	}
	for identity, all := range ofFinding {
		t, err := r.latestUnowned(ctx, name, site, all)
		if err != nil {
			return err
		}
		key := kit.TicketKey{Integration: name, Site: site, Identity: identity}
		if known, ok := r.KnownTickets.Get(key); t.ID != "" && (!ok || known.GivesWayTo(t)) {
			r.KnownTickets.Put(key, kit.Known(t))
		}
	}
	r.KnownTickets.MarkRead(name, site)
	return nil
}

// latestUnowned returns the latest of a finding's tickets that no Defect has; the zero Ticket when there is none.
func (r *JiraReconciler) latestUnowned(
	ctx context.Context, integration types.NamespacedName, site string, all []ticket.Ticket,
) (ticket.Ticket, error) {
	var unowned []ticket.Ticket
	for _, t := range ticket.WithoutCopies(all) {
		owned, err := r.isOwned(ctx, integration, site, t.ID)
		if err != nil {
			return ticket.Ticket{}, err
		}
		if !owned {
			unowned = append(unowned, t)
		}
	}
	return ticket.Latest(unowned), nil
}

// isOwned reports whether a Defect has a ticket of an integration at a site.
func (r *JiraReconciler) isOwned(ctx context.Context, integration types.NamespacedName, site, id string) (bool, error) {
	owners, err := index.DefectsWithTicket(ctx, r.Client, integration, id)
	return slices.ContainsFunc(owners, func(d *v1alpha1.Defect) bool { return d.Status.Jira.Site == site }), err
}

// fieldProblems returns what is wrong with spec.fields; empty when nothing is. found is what the probe found.
func fieldProblems(i *v1alpha1.JiraIntegration, found []string) string {
	return strings.Join(append(render.CheckFields(i.Spec.Fields), found...), "; ")
}

// unknownPriorities returns which priorities of the map the project does not have; empty when it has all, or when Jira
// does not list them.
func unknownPriorities(i *v1alpha1.JiraIntegration, found ticket.Project) string {
	offered := found.Priorities
	switch {
	case offered == nil:
		return ""
	case len(offered) == 0:
		return "Tickets are created without a priority: the issue type has no such field on its create screen"
	}
	_, unknown := priorities(i, offered)
	if unknown == nil {
		return ""
	}
	consequence := "so such tickets are created without one"
	if found.PriorityRequired {
		consequence = "and requires one, so Jira refuses such tickets"
	}
	return fmt.Sprintf("The project does not have the priority %s, %s. It has %s. Fix spec.priorities.",
		strings.Join(unknown, ", "), consequence, strings.Join(offered[:min(len(offered), 20)], ", "))
}

// jiraLimits returns the limits of each lane, which is those of each endpoint that takes many calls. Cloud takes 100
// a second at each (https://developer.atlassian.com/cloud/jira/platform/rate-limiting/); rate and burst together stay
// just below. Data Center has no limit unless its admins set one.
func jiraLimits(l *v1alpha1.JiraRateLimit, d ticket.Deployment) connection.Limits {
	out := connection.Limits{Concurrency: 32}
	if d == ticket.Cloud {
		out.LanePerSecond = 97
		out.LaneBurst = 3
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

// SetupWithManager registers the reconciler.
func (r *JiraReconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.JiraIntegration{}, orTestRequested()).
		Watches(&v1alpha1.JiraIntegration{},
			handler.EnqueueRequestsFromMapFunc(enqueueDefaults(r.Client, jiraIntegrations)), onSpecChange()).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(integrationsForSecret(r.Client, jiraIntegrations))).
		WatchesRawSource(r.Enqueuer.Source()).
		WithOptions(options).
		Complete(r)
}

func jiraIntegrations() (client.ObjectList, func() []client.Object) {
	l := &v1alpha1.JiraIntegrationList{}
	return l, func() []client.Object { return kit.Pointers(l.Items) }
}
