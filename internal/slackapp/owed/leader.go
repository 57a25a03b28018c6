// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/clients"
)

const (
	// giveUpAfter is how long the leader tries to give an answer that is due.
	giveUpAfter = time.Hour
	// maxRunTime is how long the end of a run is waited for.
	maxRunTime = 24 * time.Hour
	// missingFor is how long a Job may be missing that was only just created.
	missingFor = time.Minute
	// callTime bounds how long giving one answer takes.
	callTime = 20 * time.Second
	// retryAfter is how long after a failure an answer is tried again.
	retryAfter = 30 * time.Second
	// maxTried bounds how many answers are remembered that were tried.
	maxTried = 4096
	// workers is how many integrations are served at once, and turnTime after how long one that has more answers waits for its
	// next turn: one whose Slack is slow delays others no longer than that.
	workers  = 16
	turnTime = 20 * time.Second
)

// Options are the dependencies of a Leader.
type Options struct {
	// Client reads from the cache, Live from the API server.
	Client client.Client
	Live   client.Reader
	Clock  clock.PassiveClock
	// Dial makes a client without calling Slack.
	Dial         func(chat.Config) (chat.App, error)
	DashboardURL string
}

// Leader gives the answers that are due and that no replica has given. It reconciles SlackIntegrations: when a record is added,
// when the next answer is due, and when a run ends whose result is owed.
type Leader struct {
	Options
	book    *Book
	clients *clients.Clients
	// tried has an attempt for answers that were tried, by integration and annotation.
	tried *lru.Cache
}

// NewLeader returns a Leader.
func NewLeader(o Options) *Leader {
	return &Leader{Options: o, book: NewBook(o.Client), tried: lru.New(maxTried),
		clients: clients.New(clients.Options{Client: o.Client, Live: o.Live, Dial: o.Dial})}
}

// Reconcile gives the answers of an integration that are due, and returns when the next one is.
func (l *Leader) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	i := &v1alpha1.SlackIntegration{}
	if err := l.Client.Get(ctx, req.NamespacedName, i); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	next := l.give(ctx, i)
	if next.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: max(next.Sub(l.Clock.Now()), time.Millisecond)}, nil
}

// record is an answer, and the annotation that records it.
type record struct {
	annotation string
	Answer
}

// attempt is an attempt to answer.
type attempt struct {
	// isDone is set when no other follows. The cache may show the record a little longer.
	isDone  bool
	retryAt time.Time
}

// give gives the answers of an integration that are due, the oldest first. It returns when to look again; zero for when the
// integration or a run changes.
func (l *Leader) give(ctx context.Context, i *v1alpha1.SlackIntegration) (next time.Time) {
	end := l.Clock.Now().Add(turnTime)
	for _, r := range l.records(ctx, i) {
		at := l.Clock.Now()
		if at.Before(end) {
			at = l.try(ctx, i, r)
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// try gives an answer if it is due, and removes its record once that is of no use any more. It returns when to try again; zero
// for when the integration or the run changes.
func (l *Leader) try(ctx context.Context, i *v1alpha1.SlackIntegration, r record) (again time.Time) {
	key := string(i.UID) + "/" + r.annotation
	v, _ := l.tried.Get(key)
	last, _ := v.(attempt)
	if l.Clock.Now().Before(last.retryAt) {
		return last.retryAt
	}
	if !last.isDone {
		isDone, later, err := l.answer(ctx, i, r)
		if err == nil && !isDone {
			return later
		}
		last = attempt{isDone: isDone}
		if err != nil {
			last.retryAt = l.Clock.Now().Add(max(retryAfter, fault.From(err).RetryAfter))
			ctrl.LoggerFrom(ctx).Info("A person in Slack could not be answered", "Asked", r.Asked, "Reason", err.Error(), "GivenUp", isDone)
		}
		l.tried.Add(key, last)
	}
	switch {
	case !last.isDone:
		return last.retryAt
	case !l.remove(ctx, i, r.annotation):
		return l.Clock.Now().Add(retryAfter)
	}
	return time.Time{}
}

// records returns the records of an integration, the oldest first. It removes what is none.
func (l *Leader) records(ctx context.Context, i *v1alpha1.SlackIntegration) (all []record) {
	for k, raw := range i.Annotations {
		if !strings.HasPrefix(k, v1alpha1.SlackAnswerAnnotationPrefix) {
			continue
		}
		a, err := decode(raw)
		if err != nil {
			ctrl.LoggerFrom(ctx).Info("A record of an answer is removed", "Annotation", k, "Reason", err.Error())
			l.remove(ctx, i, k)
			continue
		}
		all = append(all, record{k, a})
	}
	slices.SortFunc(all, func(a, b record) int { return a.At.Compare(b.At) })
	return all
}

// remove removes a record, and reports whether that succeeded.
func (l *Leader) remove(ctx context.Context, i *v1alpha1.SlackIntegration, annotation string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	err := l.book.set(ctx, client.ObjectKeyFromObject(i), annotation, nil)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "The record of an answer could not be removed")
	}
	return err == nil
}

// answer gives an answer if it is due. isDone is set once its record is of no use any more. Before, later is when to look
// again; zero for when the run changes.
func (l *Leader) answer(ctx context.Context, i *v1alpha1.SlackIntegration, r record) (isDone bool, later time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if r.Run != "" {
		return l.answerRun(ctx, i, r)
	}
	if l.Clock.Now().Before(r.Due) {
		return false, r.Due, nil
	}
	m := paragraph(interrupted(r.Answer))
	m.Channel = r.Channel
	m.ThreadTS = r.ThreadTS
	err = ToPerson(ctx, l.clients.Get(ctx, i), r.User, *m)
	return err == nil || l.givesUp(err, r.Due), time.Time{}, err
}

// answerRun posts the result of a run that has ended.
func (l *Leader) answerRun(ctx context.Context, i *v1alpha1.SlackIntegration, r record) (isDone bool, later time.Time, err error) {
	m, at, err := l.resultOf(ctx, i, r.Answer)
	if m == nil || err != nil {
		return false, at, err
	}
	m.DeliveryID = r.annotation
	m.Channel = r.Channel
	m.ThreadTS = r.ThreadTS
	err = l.post(ctx, i, r.Answer, *m, at)
	return err == nil || l.givesUp(err, r.At.Add(maxRunTime)), time.Time{}, err
}

// givesUp reports whether an answer that failed is not tried again.
func (l *Leader) givesUp(err error, due time.Time) bool {
	return errors.Is(err, chat.ErrUnsupported) || fault.From(err).Kind.Permanent() || l.Clock.Since(due) > giveUpAfter
}

// interrupted returns the answer to an act that no replica has answered.
func interrupted(a Answer) string {
	return fmt.Sprintf(":warning: There is no answer to %s (%s): the operator was interrupted, or could not reach you. It is not known "+
		"whether it was done. Look, and try again if it was not.", render.Line(a.Asked, maxAsked), date(a.At))
}

// date returns a time as each person's Slack shows it.
func date(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{time_secs}|%s UTC>", t.Unix(), t.UTC().Format(time.TimeOnly))
}
