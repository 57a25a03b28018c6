// SPDX-License-Identifier: Apache-2.0

// Package view is the read model of the REST API: what callers see of the resources, counted, searched and in pages.
// It knows neither callers nor HTTP. What a caller may see is a parameter.
package view

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/snapshot"
)

// The kinds of suites and runs.
const (
	KindCronJob = "CronJob"
	KindJob     = "Job"
)

// Model is the read model. It is safe for use by several goroutines.
type Model struct {
	Slack         *snapshot.Collection[*v1alpha1.SlackIntegration]
	Jira          *snapshot.Collection[*v1alpha1.JiraIntegration]
	Rules         *snapshot.Collection[*v1alpha1.NotificationRule]
	Defects       *snapshot.Collection[*v1alpha1.Defect]
	Notifications *snapshot.Collection[*v1alpha1.Notification]
	Suites        *snapshot.Collection[*batchv1.CronJob]
	Runs          *snapshot.Collection[*batchv1.Job]

	live         client.Reader
	dashboardURL string
	reports      *reports
}

// New returns an empty Model. live reads from the API server what the Model does not hold. dashboardURL is for the
// links of messages; none when empty.
func New(live client.Reader, dashboardURL string) *Model {
	return &Model{
		Slack:         snapshot.New[*v1alpha1.SlackIntegration](nil),
		Jira:          snapshot.New[*v1alpha1.JiraIntegration](nil),
		Rules:         snapshot.New[*v1alpha1.NotificationRule](nil),
		Defects:       snapshot.New[*v1alpha1.Defect](nil),
		Notifications: snapshot.New[*v1alpha1.Notification](nil),
		Suites:        snapshot.New(hasSuite[*batchv1.CronJob]),
		Runs:          snapshot.New(hasSuite[*batchv1.Job]),
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

func follow[T client.Object](
	ctx context.Context, to *snapshot.Collection[T], from cache.Cache, example T, kind string,
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
	if d, ok := m.Defects.Get(key); ok {
		return d, nil
	}
	d := &v1alpha1.Defect{} // it may be newer than the cache
	return d, m.live.Get(ctx, key, d)
}

// ParseKey parses namespace/name.
func ParseKey(text string) types.NamespacedName {
	namespace, name, _ := strings.Cut(text, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func timeOf(t *metav1.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
