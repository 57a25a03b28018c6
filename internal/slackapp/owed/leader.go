// SPDX-License-Identifier: Apache-2.0

package owed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/clients"
)

const (
	// interval is how often the leader looks for answers that are due, in the cache.
	interval = 3 * time.Second
	// giveUpAfter is how long the leader tries to give an answer that is due.
	giveUpAfter = time.Hour
	// maxRunTime is how long the end of a run is waited for.
	maxRunTime = 24 * time.Hour
	// cacheLag is how long a Job may be missing that was only just created.
	cacheLag = time.Minute
	// callTime bounds how long giving one answer takes.
	callTime = 20 * time.Second
	// retryAfter is how long after a failure an answer is tried again.
	retryAfter = 30 * time.Second
	// maxTried bounds how many answers are remembered that were tried.
	maxTried = 4096
)

// Options are the dependencies of a Leader.
type Options struct {
	// Client reads from the cache, Live from the API server.
	Client client.Client
	Live   client.Reader
	Clock  clock.WithTicker
	// Dial makes a client without calling Slack.
	Dial         func(chat.Config) (chat.App, error)
	DashboardURL string
}

// Leader gives the answers that are due and that no replica has given.
type Leader struct {
	Options
	book    *Book
	clients *clients.Clients

	mu sync.Mutex
	// busy has the integrations whose answers are being given.
	busy    map[types.NamespacedName]bool
	running sync.WaitGroup
	// tried has an attempt for answers that were tried, by integration and annotation.
	tried *lru.Cache
}

// NewLeader returns a Leader.
func NewLeader(o Options) *Leader {
	return &Leader{Options: o, book: NewBook(o.Client), busy: map[types.NamespacedName]bool{}, tried: lru.New(maxTried),
		clients: clients.New(clients.Options{Client: o.Client, Live: o.Live, Dial: o.Dial})}
}

// NeedLeaderElection returns true: an answer is given once.
func (l *Leader) NeedLeaderElection() bool { return true }

// Start gives answers until ctx ends. It implements the manager's Runnable.
func (l *Leader) Start(ctx context.Context) error {
	ticker := l.Clock.NewTicker(interval)
	defer ticker.Stop()
	defer l.running.Wait()
	for {
		if err := l.sweep(ctx); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Looking for answers to people in Slack")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// sweep starts to give the answers that are due. An integration whose Slack is slow delays no other.
func (l *Leader) sweep(ctx context.Context) error {
	list := &v1alpha1.SlackIntegrationList{} // shared with the cache: it is only read
	if err := l.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the SlackIntegrations: %w", err)
	}
	for n := range list.Items {
		if count(&list.Items[n]) == 0 || !l.begin(client.ObjectKeyFromObject(&list.Items[n])) {
			continue
		}
		i := list.Items[n].DeepCopy()
		l.running.Go(func() {
			defer l.end(client.ObjectKeyFromObject(i))
			l.give(ctx, i)
		})
	}
	return nil
}

// begin reports whether no answers of an integration are being given, and says that they are.
func (l *Leader) begin(name types.NamespacedName) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[name] {
		return false
	}
	l.busy[name] = true
	return true
}

func (l *Leader) end(name types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, name)
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

// give gives the answers of an integration that are due, the oldest first.
func (l *Leader) give(ctx context.Context, i *v1alpha1.SlackIntegration) {
	log := ctrl.LoggerFrom(ctx).WithValues("SlackIntegration", client.ObjectKeyFromObject(i))
	for _, r := range l.records(ctrl.LoggerInto(ctx, log), i) {
		key := string(i.UID) + "/" + r.annotation
		v, _ := l.tried.Get(key)
		last, _ := v.(attempt)
		if l.Clock.Now().Before(last.retryAt) {
			continue
		}
		if !last.isDone {
			isDone, err := l.answer(ctx, i, r)
			last.isDone = isDone
			if err != nil {
				log.Info("A person in Slack could not be answered", "Asked", r.Asked, "Reason", err.Error(), "GivenUp", isDone)
			}
			if err != nil && !isDone {
				last.retryAt = l.Clock.Now().Add(max(retryAfter, fault.From(err).RetryAfter))
			}
			if err != nil || isDone {
				l.tried.Add(key, last)
			}
		}
		if last.isDone {
			l.remove(ctx, i, r.annotation)
		}
	}
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

// remove removes a record. If that fails, the next sweep does.
func (l *Leader) remove(ctx context.Context, i *v1alpha1.SlackIntegration, annotation string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	if err := l.book.set(ctx, client.ObjectKeyFromObject(i), annotation, nil); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "The record of an answer could not be removed")
	}
}

// answer gives an answer if it is due. isDone is set once its record is of no use any more.
func (l *Leader) answer(ctx context.Context, i *v1alpha1.SlackIntegration, r record) (isDone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if r.Run != "" {
		return l.answerRun(ctx, i, r)
	}
	if l.Clock.Now().Before(r.Due) {
		return false, nil
	}
	m := paragraph(interrupted(r.Answer))
	m.Channel = r.Channel
	m.ThreadTS = r.ThreadTS
	err = ToPerson(ctx, l.clients.Get(ctx, i), r.User, *m)
	return err == nil || l.givesUp(err, r.Due), err
}

// answerRun posts the result of a run that has ended.
func (l *Leader) answerRun(ctx context.Context, i *v1alpha1.SlackIntegration, r record) (isDone bool, err error) {
	m, end, err := l.resultOf(ctx, i, r.Answer)
	if m == nil || err != nil {
		return false, err
	}
	m.DeliveryID = r.annotation
	m.Channel = r.Channel
	m.ThreadTS = r.ThreadTS
	err = l.post(ctx, i, r.Answer, *m, end)
	return err == nil || l.givesUp(err, r.At.Add(maxRunTime)), err
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
