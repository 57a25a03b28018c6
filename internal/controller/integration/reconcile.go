// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

// fetch reads an integration, and reports whether it is to be reconciled. It calls forget when there is none.
func fetch(ctx context.Context, c client.Reader, key types.NamespacedName, o client.Object, forget func()) (bool, error) {
	if err := c.Get(ctx, key, o); err != nil {
		if client.IgnoreNotFound(err) == nil {
			forget()
		}
		return false, client.IgnoreNotFound(err)
	}
	return o.GetDeletionTimestamp().IsZero(), nil
}

// fields are those of a status that the integrations of both kinds have.
type fields struct {
	health         *v1alpha1.Health
	succeeded      *int64
	failed         *int64
	unhealthySince **metav1.Time
	lastProbe      **metav1.Time
}

// finisher ends a reconcile of an integration of one kind.
type finisher struct {
	client   client.Client
	recorder events.EventRecorder
	clock    clock.PassiveClock
	outbox   *outbox.Outbox
	pacer    *kit.Pacer
	kind     string
	list     newList
	// fieldsOf returns the fields of an integration's status.
	fieldsOf func(kit.Object) fields
}

// finishing is an integration whose connection is up to date.
type finishing struct {
	before, after kit.Object
	record        *activity.Record
	// next is when to reconcile again; 0 for never.
	next           time.Duration
	isProbeFailing bool
	err            error
}

// finish writes the status of an integration, and announces whether it works.
func (f *finisher) finish(ctx context.Context, s finishing) (ctrl.Result, error) {
	err := errors.Join(s.err, warnOfDefaults(ctx, f.client, s.after, f.list))
	status := f.fieldsOf(s.after)
	*status.health, *status.succeeded, *status.failed = s.record.Snapshot()
	*status.unhealthySince = *f.fieldsOf(s.before).unhealthySince
	again, announceErr := announceHealth(ctx, f.outbox, s.after, f.kind, status.unhealthySince, f.clock.Now())
	err = errors.Join(err, announceErr)
	isRetriedSoon := err != nil || s.next > 0 && s.next < time.Minute
	result, writeErr := f.pacer.Write(ctx, kit.StatusWriter{Client: f.client, Recorder: f.recorder}, kit.PacedWrite{
		Before: s.before, After: s.after, Now: f.clock.Now(), RequeueAfter: kit.Sooner(s.next, again),
		IsRetried: s.isProbeFailing && isRetriedSoon,
		ClearCounts: func(o kit.Object) {
			counts := f.fieldsOf(o)
			*counts.health = v1alpha1.Health{}
			*counts.succeeded = 0
			*counts.failed = 0
			if err != nil || s.isProbeFailing {
				*counts.lastProbe = nil // a failed probe is soon repeated
			}
		},
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	return result, writeErr
}
