// SPDX-License-Identifier: Apache-2.0

// Package jirahook serves Jira's webhooks on the edge. A webhook is only a hint: its signed body names an issue that
// may have changed, and nothing else in it is used. The handler records the hint on the Defect, as the annotation
// integrations.voiceai.dev/jira-changed-at. Every replica listens, and the leader sees the annotation and reads the
// issue again. So a hint reaches the leader through any replica and survives a restart.
package jirahook

import (
	"context"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=jiraintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=defects,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch

const (
	// source is the label under which Jira's webhooks are counted.
	source = "jira"
	// maxBody bounds the body of a webhook, in bytes.
	maxBody = 1 << 20
	// maxInProgress bounds how many webhooks are served at the same time.
	maxInProgress = 64
	// handlingTime bounds how long a webhook takes. Jira waits 30 seconds for the answer.
	handlingTime = 5 * time.Second
)

// Options are the dependencies of the route.
type Options struct {
	// Client reads integrations and the metadata of Secrets from the cache, and records hints on Defects.
	Client client.Client
	// Live reads Secrets from the API server.
	Live client.Reader
	// Clock gives the time of a hint.
	Clock       clock.PassiveClock
	FindDefects DefectFinder
}

// DefectFinder returns the Defects whose ticket, created with an integration, is the issue with an ID or a key; empty
// ones match nothing. The labels of the issue, at most 100 of at most 255 bytes, identify a ticket whose key is not
// stored yet. ID, key and labels come from the client.
type DefectFinder func(
	ctx context.Context, integration types.NamespacedName, id, key string, labels []string,
) ([]types.NamespacedName, error)

// Route returns the route to which Jira sends the webhooks of a JiraIntegration. Jira repeats a webhook after a 5xx,
// 5 to 15 minutes later and up to five times, but not after a 400, 401 or 404
// (https://developer.atlassian.com/cloud/jira/platform/webhooks/#retry-policies).
func Route(o Options) edge.Route {
	return edge.Route{
		Method:   http.MethodPost,
		Path:     "/api/v1/webhooks/jira/{namespace}/{name}",
		Kind:     v1alpha1.KindJiraIntegration,
		Source:   source,
		Limits:   edge.Limits{BodyBytes: maxBody, InProgress: maxInProgress, HandlingTime: handlingTime},
		Verifier: newVerifier(o),
		Handler:  &handler{client: o.Client, clock: o.Clock, findDefects: o.FindDefects},
	}
}
