// SPDX-License-Identifier: Apache-2.0

// Package action holds what a caller can do: start a run, move a Defect, request a ticket, test an integration. The
// REST API and Slack share it. Each action first checks that Kubernetes RBAC allows the caller what it amounts to,
// and then writes the same resources as kubectl would. It never talks to Slack or Jira.
package action

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// FieldOwner is the manager of the operator's writes on behalf of callers in managedFields.
const FieldOwner = client.FieldOwner("voiceai-api")

// MaxAttempts bounds how often a write is attempted when another client, such as a controller that records a status,
// was faster.
const MaxAttempts = 5

// Actions performs the actions of callers.
type Actions struct {
	// Client reads from the cache and writes, Live reads from the API server.
	Client     client.Client
	Live       client.Reader
	Authorizer Authorizer
	Clock      clock.PassiveClock
}

// Target is an object, and the caller who acts on it.
type Target struct {
	Caller identity.Caller
	types.NamespacedName
}

func (a *Actions) updater() Updater { return Updater{Client: a.Client, Live: a.Live} }
