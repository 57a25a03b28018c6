// SPDX-License-Identifier: Apache-2.0

// Package slackhook serves what Slack sends to an app on the edge: slash commands, clicks and forms, and events. It
// verifies that Slack signed a request with the secret of a SlackIntegration, and hands the decoded request over, which
// package slackapp answers. Every replica listens.
package slackhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=slackintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch

const (
	// maxBody bounds a body, in bytes. A click comes with its whole message, and a form with its whole view.
	maxBody = 512 << 10
	// maxInProgress bounds how many requests of a route wait for the dispatcher at the same time.
	maxInProgress = 256
	// handlingTime bounds how long a request takes. Slack waits 3 seconds for the answer.
	handlingTime = 2500 * time.Millisecond
)

// Receiver acts on verified requests. *slackapp.Dispatcher implements it.
type Receiver interface {
	Receive(ctx context.Context, d slackapp.Delivery) (json.RawMessage, error)
}

// Options are the dependencies of the routes.
type Options struct {
	// Client reads integrations and the metadata of Secrets from the cache.
	Client client.Client
	// Live reads Secrets from the API server.
	Live client.Reader
	// Clock judges the time that Slack signs.
	Clock    clock.PassiveClock
	Receiver Receiver
}

// Routes returns the routes to which Slack sends commands, interactions and events.
func Routes(o Options) []edge.Route {
	readers := edge.SecretReaders{Cache: o.Client, Live: o.Live}
	secrets := edge.NewSigningSecrets(readers, o.Clock, "spec.signingSecretRef")
	route := func(path, source string, decode decoder) edge.Route {
		return edge.Route{
			Method: http.MethodPost, Path: path, Kind: v1alpha1.KindSlackIntegration, Source: source,
			Limits:   edge.Limits{BodyBytes: maxBody, InProgress: maxInProgress, HandlingTime: handlingTime},
			Verifier: newVerifier(o, secrets, decode),
			Handler:  &handler{decode: decode, receiver: o.Receiver},
		}
	}
	return []edge.Route{
		route(inbound.CommandsPath, "slack-commands", decodeCommand),
		route(inbound.InteractionsPath, "slack-interactions", decodeInteraction),
		route(inbound.EventsPath, "slack-events", inbound.DecodeEvent),
	}
}

// decoder decodes a body. It returns an empty request for a probe of the endpoint.
type decoder = func(body []byte) (inbound.Request, error)

func decodeCommand(body []byte) (inbound.Request, error) {
	form, err := url.ParseQuery(string(body))
	switch {
	case err != nil:
		return inbound.Request{}, fmt.Errorf("decoding the form: %w", err)
	case form.Get("ssl_check") == "1":
		return inbound.Request{}, nil
	}
	return inbound.DecodeCommand(form)
}

func decodeInteraction(body []byte) (inbound.Request, error) {
	form, err := url.ParseQuery(string(body))
	switch {
	case err != nil:
		return inbound.Request{}, fmt.Errorf("decoding the form: %w", err)
	case form.Get("ssl_check") == "1":
		return inbound.Request{}, nil
	}
	return inbound.DecodeInteraction([]byte(form.Get("payload")))
}

// handler hands verified requests over.
type handler struct {
	decode   decoder
	receiver Receiver
}

// Handle returns the answer to a request, within the time that Slack waits.
func (h *handler) Handle(ctx context.Context, from edge.Origin, body []byte) (edge.Response, error) {
	request, err := h.decode(body)
	if err != nil {
		return edge.Response{}, &edge.Refusal{Reason: err.Error()}
	}
	if request == (inbound.Request{}) {
		return edge.Response{Result: edge.Ignored}, nil
	}
	d := slackapp.Delivery{Request: request}
	for _, o := range append([]client.Object{from.Integration}, from.Others...) {
		d.Integrations = append(d.Integrations, o.(*v1alpha1.SlackIntegration))
	}
	answer, err := h.receiver.Receive(ctx, d)
	if err != nil {
		return edge.Response{}, err
	}
	return edge.Response{Result: edge.Accepted, Body: answer}, nil
}
