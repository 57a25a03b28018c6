package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch

// What the activities of an integration's status are called. The totals count posts and creates.
const (
	ActionPost    = "PostMessage"
	ActionCreate  = "CreateIssue"
	actionFind    = "FindMessage"
	actionLookup  = "FindIssue"
	actionMove    = "MoveIssue"
	actionComment = "CommentIssue"
	actionLink    = "LinkIssue"
	actionPoll    = "PollIssues"
	actionTest    = "TestMessage"
)

const (
	// defaultProbeInterval is spec.probeIntervalSeconds when empty.
	defaultProbeInterval = 300 * time.Second
	// stalledProbeInterval is how often something is probed that somebody has to mend on the other side.
	stalledProbeInterval = time.Minute
	// probeTimeout bounds all calls of one probe.
	probeTimeout = 45 * time.Second
)

// prober keeps the connections of one kind of integration: client from spec and Secret, probe, pause and resume.
type prober[C, R any] struct {
	cache client.Reader
	// live reads Secrets past the cache: their values are not kept in memory.
	live  client.Reader
	clock clock.PassiveClock
	pool  *connection.Pool[C, R]
}

// probed is an integration in the terms of a prober.
type probed[C any] struct {
	object      object
	kind        string
	suspend     bool
	secret      v1alpha1.SecretKeyReference
	secretField string
	interval    int32
	// trouble is what goes wrong though probes succeed, and is seen to elsewhere; nil when nothing does.
	trouble   *fault.Fault
	lastProbe **metav1.Time
	// limits are for a client that was probed.
	limits func(C) connection.Limits
	dial   func(secret string) (C, error)
	// probe asks the other side, writes what it found to the status, and returns the client with it. note says what is less than the spec asks
	// for; empty when nothing is. verified is false when the credentials cannot be checked without doing something.
	probe func(context.Context, C) (client C, note string, verified bool, err error)
}

// reconcile brings the connection of an integration and its conditions up to date, and returns when to look again.
func (p *prober[C, R]) reconcile(ctx context.Context, in probed[C]) (time.Duration, error) {
	o := in.object
	name := client.ObjectKeyFromObject(o)
	conn := p.pool.Get(name)
	if in.suspend {
		const message = "spec.suspend is true: nothing is called until it is false"
		conn.Pause(&fault.Fault{Kind: fault.Unavailable, Code: v1alpha1.ReasonSuspended, Message: message})
		condition.Unknown(o, v1alpha1.ConditionAuthenticated, v1alpha1.ReasonSuspended, message)
		condition.Unknown(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonSuspended, message)
		condition.NotReady(o, condition.Resting, v1alpha1.ReasonSuspended, message)
		return 0, nil
	}
	version, err := p.version(ctx, o, in.secret)
	if err != nil {
		return 0, err
	}
	now := p.clock.Now()
	interval := defaultProbeInterval
	if in.interval > 0 {
		interval = time.Duration(in.interval) * time.Second
	}
	paused := conn.PauseFault()
	changed := conn.Version() != version
	well := condition.Is(o, v1alpha1.ConditionReady, metav1.ConditionTrue, "")
	if !changed && paused == nil && !conn.IsProbeFailing() && (well || in.trouble != nil) && *in.lastProbe != nil && now.Sub((*in.lastProbe).Time) < interval {
		return until((*in.lastProbe).Add(interval), now), nil
	}
	if !changed && paused != nil && paused.Kind == fault.RateLimited && conn.IsResuming() {
		p.unhealthy(o, paused)
		return time.Second, nil // the connection resumes by itself
	}

	c, _ := conn.Client()
	if changed {
		secret, err := connection.ReadSecret(ctx, p.live, o.GetNamespace(), in.secretField, in.secret)
		var refusal *connection.Refusal
		if errors.As(err, &refusal) {
			conn.Pause(&fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Code: refusal.Reason, Message: refusal.Message})
			p.unauthenticated(o, outcomeOf(refusal))
			return 0, nil // the watch on Secrets tells when it is there
		}
		if err != nil {
			return 0, err
		}
		if c, err = in.dial(secret); err != nil {
			f := fault.From(err)
			conn.Pause(f)
			p.unauthenticated(o, outcomeOf(f))
			return 0, nil
		}
	}
	probeCtx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c, note, verified, err := in.probe(probeCtx, c)
	at := metav1.NewTime(p.clock.Now())
	*in.lastProbe = &at
	if err == nil && !verified && !changed && paused != nil && paused.Kind.Permanent() {
		if f := conn.PauseFault(); p.clock.Since(conn.PausedAt()) < defaultProbeInterval {
			p.fail(o, f)
			return stalledProbeInterval, nil
		}
	}
	if verified || err != nil {
		conn.Record.RecordProbe(err)
	}
	if err != nil {
		f := fault.From(err)
		if changed || paused != nil || conn.ProbeFailed(f) {
			conn.Pause(f)
			p.fail(o, f)
		}
		switch {
		case f.Kind.Permanent():
			return stalledProbeInterval, nil
		case f.Kind == fault.RateLimited:
			return cmp.Or(f.RetryAfter, defaultPollInterval/2), nil
		}
		return 0, fmt.Errorf("probing: %w", err)
	}
	conn.Connect(c, version, in.limits(c))
	conn.Resume()
	if f := conn.UnresolvedFault(); f != nil { // who we are is accepted, and what we want is not; a call that succeeds has this looked at again
		p.unhealthy(o, f)
		return stalledProbeInterval, nil
	}
	p.well(o, note, verified)
	return interval, nil
}

// version says what the client is made from, without reading the Secret's value.
func (p *prober[C, R]) version(ctx context.Context, o object, ref v1alpha1.SecretKeyReference) (string, error) {
	s := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	err := p.cache.Get(ctx, types.NamespacedName{Namespace: o.GetNamespace(), Name: ref.Name}, s)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading the metadata of Secret %s: %w", ref.Name, err)
	}
	secret := "none"
	if !apierrors.IsNotFound(err) {
		secret = string(s.UID) + "@" + s.ResourceVersion
	}
	return fmt.Sprintf("%s/%d/%s", o.GetUID(), o.GetGeneration(), secret), nil
}

func (p *prober[C, R]) well(o object, note string, verified bool) {
	authenticated, healthy := v1alpha1.ReasonAccepted, v1alpha1.ReasonHealthy
	message := "Credentials and target were accepted"
	if !verified {
		authenticated, healthy = v1alpha1.ReasonUnverified, v1alpha1.ReasonUnverified
		message = "An incoming webhook cannot be checked without posting; the first message will tell"
	}
	condition.True(o, v1alpha1.ConditionAuthenticated, authenticated, message)
	if note != "" {
		healthy, message = v1alpha1.ReasonDegraded, note
	}
	condition.True(o, v1alpha1.ConditionHealthy, healthy, message)
	condition.Ready(o, v1alpha1.ReasonReady, message)
}

// fail says what a probe, or the traffic, came to.
func (p *prober[C, R]) fail(o object, f *fault.Fault) {
	if f.Kind == fault.Unauthorized {
		p.unauthenticated(o, outcomeOf(f))
		return
	}
	p.unhealthy(o, f)
}

func (p *prober[C, R]) unauthenticated(o object, because *outcome) {
	condition.False(o, v1alpha1.ConditionAuthenticated, because.reason, because.message)
	condition.Unknown(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonNotAuthenticated, "Cannot be known before the credentials are accepted")
	condition.NotReady(o, because.progress, because.reason, because.message)
}

func (p *prober[C, R]) unhealthy(o object, f *fault.Fault) {
	because := outcomeOf(f)
	if c := condition.Get(o, v1alpha1.ConditionAuthenticated); c == nil || c.Status != metav1.ConditionTrue {
		if f.Kind.Permanent() { // what was refused was refused to somebody: the credentials are good
			condition.True(o, v1alpha1.ConditionAuthenticated, v1alpha1.ReasonAccepted, "The credentials were accepted")
		} else {
			condition.Unknown(o, v1alpha1.ConditionAuthenticated, v1alpha1.ReasonUnavailable, "Cannot be known before there is an answer")
		}
	}
	condition.False(o, v1alpha1.ConditionHealthy, because.reason, because.message)
	condition.NotReady(o, because.progress, because.reason, because.message)
}

// integrationsForSecret are the integrations of a list that name a Secret.
func integrationsForSecret(c client.Reader, list func() (client.ObjectList, func() []client.Object)) func(context.Context, client.Object) []reconcile.Request {
	return func(ctx context.Context, secret client.Object) []reconcile.Request {
		into, items := list()
		if err := c.List(ctx, into, client.InNamespace(secret.GetNamespace()), client.MatchingFields{SecretIndex: secret.GetName()}); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Listing the integrations that name a Secret", "Secret", client.ObjectKeyFromObject(secret))
			return nil
		}
		return requests(items())
	}
}

func requests[O client.Object](objects []O) []reconcile.Request {
	var out []reconcile.Request
	for _, o := range objects {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
	}
	return out
}
