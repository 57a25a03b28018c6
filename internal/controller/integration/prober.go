// SPDX-License-Identifier: Apache-2.0

// Package integration keeps the connections to Slack and Jira: it makes their clients, probes them, polls Jira, and
// reports in the status of SlackIntegrations and JiraIntegrations whether they work.
package integration

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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit/gate"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch

const (
	// defaultProbeInterval is spec.probeIntervalSeconds when empty.
	defaultProbeInterval = 300 * time.Second
	// stalledProbeInterval is how often an integration is probed that a person has to fix on the other side.
	stalledProbeInterval = time.Minute
	// probeTimeout bounds all calls of one probe.
	probeTimeout = 45 * time.Second
	// rateLimitedProbeDelay is how soon a probe is repeated that the other side rate-limited without saying for how
	// long.
	rateLimitedProbeDelay = 30 * time.Second
	// minProbeDelay is how soon a probe is repeated that took long to fail.
	minProbeDelay = time.Second
	// partCredentials is the Field of a fault of the part of a probe that checks the credentials.
	partCredentials = "Credentials"
)

// prober keeps the connections of one kind of integration: it makes the client from spec and Secret, probes it,
// pauses and resumes.
type prober[C, R any] struct {
	cache client.Reader
	// live reads Secrets past the cache: their values are not kept in memory.
	live  client.Reader
	clock clock.PassiveClock
	pool  *connection.Pool[C, R]
	gate  *gate.Gate
	// enqueue enqueues an integration that waited for others, leave lets the next one enter.
	enqueue func(types.NamespacedName)
	leave   func()
}

// close lets the next integration of the namespace be probed.
func (p *prober[C, R]) close() {
	if p.leave != nil {
		p.leave()
	}
}

// target is an integration in the terms of a prober.
type target[C any] struct {
	object      kit.Object
	suspend     bool
	secret      v1alpha1.SecretKeyReference
	secretField string
	// otherwise is what to do instead of writing the Secret; empty when nothing else makes it.
	otherwise string
	// intervalSeconds is how often to probe; 0 for the default.
	intervalSeconds int32
	// pollFault is why polling fails though probes succeed; nil when it does not.
	pollFault *fault.Fault
	lastProbe **metav1.Time
	// blocked returns why the other side refuses all work with a client that was probed; nil when it does not. Then the
	// integration is not Ready. Its calls go on, because the other side decides about each.
	blocked func(C) *fault.Fault
	// limits returns the limits for a client that was probed.
	limits func(C) connection.Limits
	// test is set for a probe that a client requested. It is made at once.
	test  *testProbe[C]
	dial  func(secret string) (C, error)
	probe func(context.Context, C) (probeResult[C], error)
}

// probeResult is what a probe found.
type probeResult[C any] struct {
	client C
	// note says what falls short of the spec; empty when nothing does.
	note string
	// verified is false when the credentials cannot be checked without a side effect.
	verified bool
}

// testProbe is the result of a probe that a client requested.
type testProbe[C any] struct {
	// made is false when the other side was not called: the conditions say why.
	made bool
	// waits is set when it is to be called later.
	waits bool
	found probeResult[C]
	err   error
}

// reconcile brings the connection of an integration and its conditions up to date, and returns when to reconcile
// again; 0 for never.
func (p *prober[C, R]) reconcile(ctx context.Context, in target[C]) (time.Duration, error) {
	o := in.object
	conn := p.pool.Get(client.ObjectKeyFromObject(o))
	if in.suspend {
		suspend(o, conn)
		return 0, nil
	}
	version, err := credentialVersion(ctx, p.cache, o, in.secret)
	if err != nil {
		return 0, err
	}
	changed := conn.Version() != version
	paused := conn.PauseFault()
	if !changed && paused == nil && in.test == nil {
		if wait := p.untilProbe(in, conn); wait > 0 {
			return wait, nil
		}
	}
	if !changed && paused != nil && in.test == nil && paused.Kind == fault.RateLimited && conn.IsResuming() {
		unhealthy(o, paused, p.clock.Now())
		return time.Second, nil // the connection resumes by itself
	}
	leave, mayCall := p.gate.Enter(client.ObjectKeyFromObject(o), conn.IsProbeFailing(), p.enqueue)
	if !mayCall {
		if in.test != nil {
			in.test.waits = true
		}
		return gate.Delay, nil
	}
	p.leave = leave
	c, _ := conn.Client()
	if changed {
		dialled, refused, err := p.dial(ctx, in, conn)
		if err != nil {
			return 0, err
		}
		if refused != nil { // a watch enqueues the integration when its Secret or spec changes
			return unauthenticated(o, refused, p.clock.Now()), nil
		}
		c = dialled
	}
	return p.probe(ctx, in, attempt[C]{client: c, version: version, changed: changed, paused: paused})
}

// suspender is the part of a connection that suspend needs.
type suspender interface{ Pause(*fault.Fault) }

func suspend(o kit.Object, conn suspender) {
	const message = "spec.suspend is true: nothing is called until it is false"
	conn.Pause(&fault.Fault{Kind: fault.Unavailable, Code: v1alpha1.ReasonSuspended, Message: message})
	condition.Unknown(o, v1alpha1.ConditionAuthenticated, v1alpha1.ReasonSuspended, message)
	condition.Unknown(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonSuspended, message)
	condition.NotReady(o, condition.Suspended, v1alpha1.ReasonSuspended, message)
}

// untilProbe returns how long it is until the next probe of an integration whose calls go on; 0 when it is due.
func (p *prober[C, R]) untilProbe(in target[C], conn *connection.Connection[C, R]) time.Duration {
	ready := condition.Is(in.object, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	interval := in.interval()
	c, connected := conn.Client()
	blocked := connected && in.blockedBy(c) != nil && conn.UnresolvedFault() == nil
	if blocked {
		interval = min(interval, stalledProbeInterval)
	}
	if conn.IsProbeFailing() || conn.IsProbeRequested() || !ready && !blocked && in.pollFault == nil || *in.lastProbe == nil {
		return 0
	}
	now := p.clock.Now()
	next := (*in.lastProbe).Add(interval)
	if !now.Before(next) {
		return 0
	}
	return kit.Until(next, now)
}

func (in target[C]) interval() time.Duration {
	if in.intervalSeconds > 0 {
		return time.Duration(in.intervalSeconds) * time.Second
	}
	return defaultProbeInterval
}

// blockedBy returns why the other side refuses all work; nil when it does not.
func (in target[C]) blockedBy(c C) *fault.Fault {
	if in.blocked == nil {
		return nil
	}
	return in.blocked(c)
}

// dial makes a client from the Secret. refused is why Secret or spec cannot be used, nil when they can.
func (p *prober[C, R]) dial(
	ctx context.Context, in target[C], conn *connection.Connection[C, R],
) (c C, refused *kit.Outcome, err error) {
	secret, err := secrets.Read(ctx, p.live, in.object.GetNamespace(), in.secretField, in.secret)
	var refusal *connection.Refusal
	if errors.As(err, &refusal) {
		if refusal.Reason == v1alpha1.ReasonSecretNotFound || refusal.Reason == v1alpha1.ReasonSecretKeyNotFound {
			refusal.Message += in.otherwise
		}
		conn.Pause(&fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Code: refusal.Reason, Message: refusal.Message})
		return c, kit.OutcomeOf(refusal), nil
	}
	if err != nil {
		return c, nil, err
	}
	c, err = in.dial(secret)
	if err != nil {
		f := fault.From(err)
		conn.Pause(f)
		return c, kit.OutcomeOf(f), nil
	}
	return c, nil, nil
}

// attempt is one probe that is to be made.
type attempt[C any] struct {
	client C
	// version is what the client was made from, changed whether it is new.
	version string
	changed bool
	// paused is why calls are paused; nil when they are not.
	paused *fault.Fault
}

// probe probes an integration, sets its conditions and pauses or resumes its connection. It returns when to probe
// again.
func (p *prober[C, R]) probe(ctx context.Context, in target[C], a attempt[C]) (time.Duration, error) {
	o := in.object
	conn := p.pool.Get(client.ObjectKeyFromObject(o))
	timeout := probeTimeout
	if in.test != nil {
		timeout = testTimeout
	}
	probeCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := p.clock.Now()
	found, err := in.probe(probeCtx, a.client)
	*in.lastProbe = &metav1.Time{Time: p.clock.Now()}
	if in.test != nil {
		*in.test = testProbe[C]{made: true, found: found, err: err}
	}
	if err == nil && !found.verified && !a.changed && a.paused != nil && a.paused.Kind.Permanent() {
		// Only traffic shows whether an unverified client works. It is tried again after a while.
		if f := conn.PauseFault(); p.clock.Since(conn.PausedAt()) < defaultProbeInterval {
			fail(o, f, p.clock.Now())
			return stalledProbeInterval, nil
		}
	}
	if found.verified || err != nil {
		conn.Record.RecordProbe(err)
	}
	if err != nil {
		wait := p.probeFailed(o, conn, a, fault.From(err))
		if in.test != nil {
			fail(o, fault.From(err), p.clock.Now()) // calls may go on, but the status shows at once what the test found
		}
		return max(wait-p.clock.Since(began), minProbeDelay), nil
	}
	conn.Connect(found.client, a.version, in.limits(found.client))
	conn.Resume()
	if f := conn.PauseFault(); f != nil && f.Kind == fault.RateLimited && conn.IsResuming() {
		unhealthy(o, f, p.clock.Now())
		return time.Second, nil
	}
	if f := conn.UnresolvedFault(); f != nil {
		// The credentials are accepted and calls to an endpoint are not. One that succeeds enqueues the integration.
		unhealthy(o, f, p.clock.Now())
		return stalledProbeInterval, nil
	}
	if f := in.blockedBy(found.client); f != nil {
		unhealthy(o, f, p.clock.Now())
		return min(in.interval(), stalledProbeInterval), nil
	}
	healthy(o, found.note, found.verified || conn.HasAnswered())
	return in.interval(), nil
}

// probeFailed decides what a failed probe leads to, and returns how long after its beginning to probe again.
func (p *prober[C, R]) probeFailed(o kit.Object, conn *connection.Connection[C, R], a attempt[C], f *fault.Fault) time.Duration {
	if stops := conn.ProbeFailed(f); stops || a.changed || a.paused != nil {
		conn.Pause(f)
		fail(o, f, p.clock.Now())
	}
	switch {
	case f.Kind.Permanent():
		return stalledProbeInterval
	case f.Kind == fault.RateLimited:
		return cmp.Or(f.RetryAfter, rateLimitedProbeDelay)
	}
	return conn.ProbeDelay()
}

// credentialVersion returns what identifies an integration's spec and a Secret, without reading the Secret's value.
func credentialVersion(ctx context.Context, cache client.Reader, o kit.Object, ref v1alpha1.SecretKeyReference) (string, error) {
	s := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	err := cache.Get(ctx, types.NamespacedName{Namespace: o.GetNamespace(), Name: ref.Name}, s)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading the metadata of Secret %s: %w", ref.Name, err)
	}
	secret := "none"
	if !apierrors.IsNotFound(err) {
		secret = string(s.UID) + "@" + s.ResourceVersion
	}
	return fmt.Sprintf("%s/%d/%s", o.GetUID(), o.GetGeneration(), secret), nil
}

// healthy sets the conditions of an integration that works, with what falls short of its spec.
func healthy(o kit.Object, note string, verified bool) {
	authenticated := v1alpha1.ReasonAccepted
	reason := v1alpha1.ReasonHealthy
	message := "Credentials and target were accepted"
	if !verified {
		authenticated = v1alpha1.ReasonUnverified
		reason = v1alpha1.ReasonUnverified
		message = "An incoming webhook cannot be checked without posting: the first message shows whether it works"
	}
	condition.True(o, v1alpha1.ConditionAuthenticated, authenticated, message)
	if note != "" {
		reason = v1alpha1.ReasonDegraded
		message = note
	}
	condition.True(o, v1alpha1.ConditionHealthy, reason, message)
	condition.Ready(o, v1alpha1.ReasonReady, message)
}

// fail sets the conditions of an integration whose probe or calls failed.
func fail(o kit.Object, f *fault.Fault, now time.Time) {
	if f.Kind == fault.Unauthorized {
		unauthenticated(o, kit.OutcomeOf(f), now)
		return
	}
	unhealthy(o, f, now)
}

// unauthenticated sets the conditions of an integration whose credentials are missing or were refused. It returns how
// soon to do that again because the integration stalls then; 0 for never.
func unauthenticated(o kit.Object, because *kit.Outcome, now time.Time) time.Duration {
	condition.False(o, v1alpha1.ConditionAuthenticated, because.Reason, because.Message)
	condition.Unknown(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonNotAuthenticated, "Not known before the credentials are accepted")
	return because.Summarise(o, now)
}

// unhealthy sets the conditions of an integration that does not work for another reason than its credentials. Its
// probes go on, so that it stalls when the outage has lasted.
func unhealthy(o kit.Object, f *fault.Fault, now time.Time) {
	because := kit.OutcomeOf(f)
	because.Patience = kit.OutagePatience
	if !condition.Is(o, v1alpha1.ConditionAuthenticated, metav1.ConditionTrue, "") {
		wasCalled := f.Code != v1alpha1.ReasonAddressRefused
		if wasCalled && f.Kind.Permanent() && f.Field != partCredentials { // it refused something else, so it accepted them
			condition.True(o, v1alpha1.ConditionAuthenticated, v1alpha1.ReasonAccepted, "The credentials were accepted")
		} else {
			condition.Unknown(o, v1alpha1.ConditionAuthenticated, v1alpha1.ReasonUnavailable, "Not known before there is an answer")
		}
	}
	condition.False(o, v1alpha1.ConditionHealthy, because.Reason, because.Message)
	because.Summarise(o, now)
}
