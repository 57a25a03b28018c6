// SPDX-License-Identifier: Apache-2.0

// Package view is the read model of the REST API: what callers see of the resources, counted, searched and in pages.
// It knows neither callers nor HTTP. What a caller may see is a parameter.
package view

import (
	"context"
	"errors"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/rows"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/snapshot"
)

// The kinds of suites and runs.
const (
	KindCronJob = "CronJob"
	KindJob     = "Job"
)

// Model is the read model. It is safe for use by several goroutines.
type Model struct {
	Slack         *snapshot.Objects[*v1alpha1.SlackIntegration]
	Jira          *snapshot.Objects[*v1alpha1.JiraIntegration]
	Rules         *snapshot.Objects[*v1alpha1.NotificationRule]
	Defects       *snapshot.Collection[*v1alpha1.Defect, *rows.Defect]
	Notifications *snapshot.Collection[*v1alpha1.Notification, *rows.Notification]
	Suites        *snapshot.Objects[*batchv1.CronJob]
	Runs          *snapshot.Objects[*batchv1.Job]

	cached       client.Reader
	live         client.Reader
	dashboardURL string
	reports      *reports
}

// New returns an empty Model. Defects and Notifications are read from the cache, and what is not there live from the API
// server. dashboardURL is for the links of messages; none when empty.
func New(cached, live client.Reader, dashboardURL string) *Model {
	return &Model{
		Slack:         snapshot.NewObjects[*v1alpha1.SlackIntegration](nil),
		Jira:          snapshot.NewObjects[*v1alpha1.JiraIntegration](nil),
		Rules:         snapshot.NewObjects[*v1alpha1.NotificationRule](nil),
		Defects:       snapshot.NewRows(rows.OfDefect),
		Notifications: snapshot.NewRows(rows.OfNotification),
		Suites:        snapshot.NewObjects(hasSuite[*batchv1.CronJob]),
		Runs:          snapshot.NewObjects(hasSuite[*batchv1.Job]),
		cached:        cached,
		live:          live,
		dashboardURL:  dashboardURL,
		reports:       newReports(),
	}
}

// Follow fills the Model from a cache, and calls changed after each change of an object.
func (m *Model) Follow(ctx context.Context, from cache.Cache, changed func(kind, namespace string)) error {
	return errors.Join(
		follow(ctx, m.Slack, from, &v1alpha1.SlackIntegration{}, v1alpha1.KindSlackIntegration, changed),
		follow(ctx, m.Jira, from, &v1alpha1.JiraIntegration{}, v1alpha1.KindJiraIntegration, changed),
		follow(ctx, m.Rules, from, &v1alpha1.NotificationRule{}, v1alpha1.KindNotificationRule, changed),
		follow(ctx, m.Defects, from, &v1alpha1.Defect{}, v1alpha1.KindDefect, changed),
		follow(ctx, m.Notifications, from, &v1alpha1.Notification{}, v1alpha1.KindNotification, changed),
		follow(ctx, m.Suites, from, &batchv1.CronJob{}, KindCronJob, changed),
		follow(ctx, m.Runs, from, &batchv1.Job{}, KindJob, changed),
	)
}

func follow[T client.Object, R snapshot.Row](
	ctx context.Context, to *snapshot.Collection[T, R], from cache.Cache, example T, kind string,
	changed func(kind, namespace string),
) error {
	return to.Follow(ctx, from, example, func(o T) { changed(kind, o.GetNamespace()) })
}

// Visibility is which kinds a caller may list.
type Visibility struct{ Slack, Jira, Rules, Defects, Notifications, Runs, Suites bool }

// maxNamespaces bounds how many namespaces are named.
const maxNamespaces = 500

// NamespacesInUse returns the namespaces that have resources of this operator, by name.
func (m *Model) NamespacesInUse() []string {
	found := map[string]struct{}{}
	m.Slack.AddNamespaces(found)
	m.Jira.AddNamespaces(found)
	m.Rules.AddNamespaces(found)
	m.Defects.AddNamespaces(found)
	m.Notifications.AddNamespaces(found)
	out := make([]string, 0, len(found))
	for n := range found {
		out = append(out, n)
	}
	slices.Sort(out)
	return out[:min(len(out), maxNamespaces)]
}

// Defect returns a Defect.
func (m *Model) Defect(ctx context.Context, key types.NamespacedName) (*v1alpha1.Defect, error) {
	d := &v1alpha1.Defect{}
	return d, m.get(ctx, key, d)
}

// Notification returns a Notification.
func (m *Model) Notification(ctx context.Context, key types.NamespacedName) (*v1alpha1.Notification, error) {
	n := &v1alpha1.Notification{}
	return n, m.get(ctx, key, n)
}

// get reads an object from the cache, or from the API server if it is not there: it may be newer.
func (m *Model) get(ctx context.Context, key types.NamespacedName, into client.Object) error {
	err := m.cached.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		return m.live.Get(ctx, key, into)
	}
	return err
}

func timeOf(t *metav1.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
