// SPDX-License-Identifier: Apache-2.0

package slackhook

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

const (
	signatureHeader = "X-Slack-Signature"
	timestampHeader = "X-Slack-Request-Timestamp"
	signaturePrefix = "v0="
	// maxAge is how old a signature may be, and how far in the future.
	maxAge = 5 * time.Minute
	// maxTried bounds how many integrations' secrets are tried.
	maxTried = 100
	// maxForeign bounds a body that is compared with the secrets of integrations of other workspaces, in bytes: any client
	// can cause these comparisons.
	maxForeign = 16 << 10
)

// verifier checks the signatures of requests, see https://docs.slack.dev/authentication/verifying-requests-from-slack.
type verifier struct {
	client  client.Reader
	secrets *edge.SigningSecrets
	clock   clock.PassiveClock
	decode  decoder
	// decoy is the secret against which a body is checked if there is no integration, so that the answer takes as long as
	// if there were one.
	decoy string
}

func newVerifier(o Options, secrets *edge.SigningSecrets, decode decoder) *verifier {
	return &verifier{client: o.Client, secrets: secrets, clock: o.Clock, decode: decode, decoy: rand.Text()}
}

// CheckHeader returns an error unless the header has a signature of the right form and a time that is not long ago.
func (v *verifier) CheckHeader(header http.Header) error {
	if _, ok := edge.ParseSignature(header.Get(signatureHeader), signaturePrefix); !ok {
		return &edge.Refusal{Reason: "the header X-Slack-Signature is missing or not v0= and 64 hexadecimal digits"}
	}
	seconds, err := strconv.ParseInt(header.Get(timestampHeader), 10, 64)
	if err != nil {
		return &edge.Refusal{Reason: "the header X-Slack-Request-Timestamp is missing or not a time"}
	}
	if age := v.clock.Now().Sub(time.Unix(seconds, 0)); age.Abs() > maxAge {
		return &edge.Refusal{Reason: "the header X-Slack-Request-Timestamp is more than five minutes off"}
	}
	return nil
}

// Verify returns the SlackIntegrations with whose secret the request is signed: those of its workspace or, if there are
// none, one of another workspace, so that the person can be answered.
func (v *verifier) Verify(ctx context.Context, request edge.Request) (edge.Origin, error) {
	c := check{verifier: v, header: request.Header, body: request.Body, results: map[string]bool{}}
	decoded, err := v.decode(request.Body)
	if err != nil {
		c.isSigned(v.decoy)
		return edge.Origin{}, &edge.Refusal{Reason: err.Error()}
	}
	own, foreign, err := v.candidates(ctx, decoded.Origin)
	if err != nil {
		return edge.Origin{}, err
	}
	proven := c.prove(ctx, own, len(own))
	if len(proven) == 0 && len(request.Body) <= maxForeign {
		proven = c.prove(ctx, foreign, 1)
	}
	switch {
	case len(proven) > 0:
		return edge.Origin{Integration: proven[0], Others: proven[1:]}, nil
	case c.err != nil:
		return edge.Origin{}, c.err
	case len(c.results) == 0:
		c.isSigned(v.decoy)
	}
	return edge.Origin{}, &edge.Refusal{
		Reason: "no SlackIntegration of this workspace and app has a spec.signingSecretRef that matches the signature"}
}

// candidates returns the integrations that accept requests of an app: those of the request's workspace, and others.
func (v *verifier) candidates(ctx context.Context, from inbound.Origin) (own, foreign []*v1alpha1.SlackIntegration, err error) {
	list := &v1alpha1.SlackIntegrationList{}
	if err := v.client.List(ctx, list); err != nil {
		return nil, nil, fmt.Errorf("listing the SlackIntegrations: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.SlackIntegration) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for i := range list.Items {
		item := &list.Items[i]
		app := string(item.Spec.AppID)
		switch {
		case item.Spec.SigningSecretRef == nil, app != "" && from.AppID != "" && app != from.AppID:
		case from.TeamID != "" && item.Status.TeamID == from.TeamID:
			own = append(own, item)
		default:
			foreign = append(foreign, item)
		}
	}
	return own[:min(len(own), maxTried)], foreign[:min(len(foreign), maxTried)], nil
}

// check is the check of one request.
type check struct {
	*verifier
	header http.Header
	body   []byte
	// results holds whether the request is signed with a secret.
	results map[string]bool
	// err is why a secret could not be read now.
	err error
}

// prove returns at most so many of the integrations with whose secret the request is signed.
func (c *check) prove(ctx context.Context, candidates []*v1alpha1.SlackIntegration, most int) (proven []client.Object) {
	for _, i := range candidates {
		secret, err := c.secrets.Read(ctx, i, *i.Spec.SigningSecretRef)
		var refusal *edge.Refusal
		switch {
		case errors.As(err, &refusal):
		case err != nil:
			c.err = err
		case len(proven) < most && c.isSigned(secret):
			proven = append(proven, i)
		}
	}
	return proven
}

// isSigned reports whether the request is signed with a secret.
func (c *check) isSigned(secret string) bool {
	result, ok := c.results[secret]
	if !ok {
		mac, _ := edge.ParseSignature(c.header.Get(signatureHeader), signaturePrefix)
		result = edge.IsSigned(secret, mac, []byte("v0:"+c.header.Get(timestampHeader)+":"), c.body)
		c.results[secret] = result
	}
	return result
}
