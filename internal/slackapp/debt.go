// SPDX-License-Identifier: Apache-2.0

package slackapp

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/form"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/owed"
)

const (
	// recordMargin is how long before the acknowledgement an answer is to be recorded, and minRecordAfter how long an act may
	// take in any case before its answer is.
	recordMargin   = 100 * time.Millisecond
	minRecordAfter = 50 * time.Millisecond
	// recordTimeout bounds a change of a record, and recordRetry is when a removal that failed is repeated.
	recordTimeout = 10 * time.Second
	recordRetry   = 2 * time.Second
	// dueAfter is how long after a request the leader answers it, if no replica has.
	dueAfter = actTimeout + 3*answerTimeout
)

// recordAfter returns how long an act may take before its answer is recorded as owed: just so long that the record is there
// when Slack is to be answered.
func (d *Dispatcher) recordAfter() time.Duration {
	return max(ackWithin-recordMargin-d.book.Takes(), minRecordAfter)
}

// debt is the answer that a session owes a person. It is recorded before Slack gets an acknowledgement without the answer.
type debt struct {
	// by is the integration that has the record, and asked what the person asked for; nil and empty if nothing is owed.
	by    *v1alpha1.SlackIntegration
	asked string
	at    time.Time
	// begun is set once the debt is being recorded, or will not be. recorded is closed when that was tried, and isRecorded
	// set before if it may have succeeded.
	begun      atomic.Bool
	recorded   chan struct{}
	isRecorded bool
	// isUnanswered is set when answering failed.
	isUnanswered bool
}

// incur sets what the session owes. Only a bot can answer without a response URL.
func (s *session) incur() {
	s.debt.recorded = make(chan struct{})
	s.debt.at = s.Clock.Now()
	if by := s.debtor(); by != nil && by.Spec.Bot != nil && s.caller.Info != nil && !s.isRepeated {
		s.debt.by = by
		s.debt.asked = s.asked()
	}
}

// debtor returns the integration that owes the answer: the one that posted the button or the form, if there is one.
func (s *session) debtor() *v1alpha1.SlackIntegration {
	uid := ""
	if in := s.Interaction; in != nil && in.Type == inbound.ViewSubmission {
		source, _ := form.Decode(in.View.Metadata)
		uid = source.Integration
	} else if in != nil && len(in.Actions) > 0 {
		about, _ := button.Decode[button.Object](in.Actions[0].Value)
		uid = about.Integration
	}
	for _, i := range s.Integrations {
		if string(i.UID) == uid {
			return i
		}
	}
	return s.integration
}

// timers are when the debt is recorded, and when Slack is answered.
type timers struct{ record, ack, latest clock.Timer }

func (d *Dispatcher) newTimers() timers {
	return timers{d.Clock.NewTimer(d.recordAfter()), d.Clock.NewTimer(ackWithin), d.Clock.NewTimer(ackAtLatest)}
}

func (t timers) stop() {
	for _, x := range []clock.Timer{t.record, t.ack, t.latest} {
		x.Stop()
	}
}

// wait returns when Slack is to be answered: once the act is done, or it takes long and the debt is recorded.
func (s *session) wait(ctx context.Context, t timers) {
	select {
	case <-s.done:
		return
	case <-ctx.Done():
		return
	case <-t.record.C():
	}
	if s.debt.begun.CompareAndSwap(false, true) {
		go s.record(ctx, s.debt.at.Add(dueAfter))
	}
	select {
	case <-s.done:
		return
	case <-ctx.Done():
		return
	case <-t.ack.C():
	}
	select {
	case <-s.done:
	case <-ctx.Done():
	case <-s.debt.recorded:
	case <-t.latest.C():
	}
}

// record records the debt.
func (s *session) record(ctx context.Context, due time.Time) {
	defer close(s.debt.recorded)
	if s.debt.asked == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	a := s.owedAnswer()
	a.Due = due
	err := s.book.Record(ctx, s.debt.by, s.debtID(), a)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("What is owed to a person in Slack could not be recorded", "Reason", err.Error())
	}
	s.debt.isRecorded = err == nil || isUnanswered(err)
}

// settle removes the record of an answer that was given. One that could not be given is left to the leader.
func (s *session) settle(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	isFirst := s.debt.begun.CompareAndSwap(false, true)
	switch {
	case !isFirst:
		<-s.debt.recorded
	case s.debt.isUnanswered:
		s.record(ctx, s.Clock.Now())
	}
	if s.debt.isUnanswered {
		return
	}
	for s.debt.isRecorded {
		err := s.removeRecord(ctx)
		mayPass := isUnanswered(err) || apierrors.IsConflict(err)
		if err == nil || !mayPass || s.Clock.Since(s.debt.at) > dueAfter {
			return
		}
		<-s.Clock.After(recordRetry)
	}
}

// removeRecord removes the record of the debt.
func (s *session) removeRecord(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return s.book.Remove(ctx, s.debt.by, s.debtID())
}

// debtID identifies the request among all of the integration.
func (s *session) debtID() string { return string(s.Kind()) + "/" + s.TeamID + "/" + s.ID() }

// owedAnswer returns the record of the session's answer.
func (s *session) owedAnswer() owed.Answer {
	a := owed.Answer{User: s.user().ID, Asked: s.debt.asked, At: s.debt.at}
	switch {
	case s.Command != nil:
		a.Channel = s.Command.ChannelID
	case s.Interaction != nil:
		a.Channel = s.Interaction.Message.ChannelID
		a.ThreadTS = s.Interaction.Message.ThreadTS
	default:
		a.Channel = s.Event.ChannelID
		a.ThreadTS = s.Event.ThreadTS
	}
	return a
}

// asked returns what the person asked for; empty if nothing is to be answered.
func (s *session) asked() string {
	switch in := s.Interaction; {
	case s.Command != nil:
		return askedBy(s.Command.Text)
	case s.Event != nil && s.Event.Type == inbound.AppMention && !s.Event.IsBot:
		return askedBy(withoutMention(s.Event.Text))
	case in == nil:
	case in.Type == inbound.BlockActions && len(in.Actions) > 0:
		return "the button " + cmp.Or(button.Label(in.Actions[0].ID), "that you pressed")
	case in.Type == inbound.MessageAction, in.Type == inbound.Shortcut:
		return "the shortcut"
	case in.Type == inbound.ViewSubmission && in.CallbackID == inbound.FileDefect:
		return "the form"
	}
	return ""
}

// askedBy returns what a command asks for, without its arguments.
func askedBy(text string) string {
	if v, ok := verbOf(wordsIn(text)); ok {
		return "the command " + v.name
	}
	return "your command"
}
