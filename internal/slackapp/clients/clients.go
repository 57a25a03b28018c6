// SPDX-License-Identifier: Apache-2.0

// Package clients keeps a client of Slack for each integration, to answer people with.
package clients

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// maxClients bounds the clients that are kept.
const maxClients = 1024

// Options are the dependencies of Clients.
type Options struct {
	// Client reads from the cache, Live from the API server.
	Client client.Reader
	Live   client.Reader
	// Dial makes a client without calling Slack.
	Dial func(chat.Config) (chat.App, error)
}

// Clients keeps a client for each integration. A client is made again when the integration or, by its metadata in the
// cache, its Secret has changed.
type Clients struct {
	Options
	mu sync.Mutex
	// byName holds an entry for the name of each integration.
	byName *lru.Cache
}

// entry is a client, and the integration and Secret that it was made from.
type entry struct {
	version string
	app     chat.App
}

// New returns Clients without any.
func New(o Options) *Clients { return &Clients{Options: o, byName: lru.New(maxClients)} }

// Get returns the client of an integration. Without a usable token it answers by response URL only, which needs none.
func (c *Clients) Get(ctx context.Context, i *v1alpha1.SlackIntegration) chat.App {
	name := client.ObjectKeyFromObject(i)
	version := c.version(ctx, i)
	c.mu.Lock()
	v, ok := c.byName.Get(name)
	c.mu.Unlock()
	if e, _ := v.(entry); ok && e.version == version {
		return e.app
	}
	app, err := c.dial(ctx, i)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("Slack is answered without a token", "SlackIntegration", name, "Reason", err.Error())
		return app // not kept, so that the next request reads the Secret again
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byName.Add(name, entry{version, app})
	return app
}

// version identifies an integration and its Secret.
func (c *Clients) version(ctx context.Context, i *v1alpha1.SlackIntegration) string {
	ref, _ := i.CredentialRef()
	m := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	_ = c.Client.Get(ctx, types.NamespacedName{Namespace: i.Namespace, Name: ref.Name}, m) // dial reports what is wrong
	return fmt.Sprintf("%s/%d/%s@%s", i.UID, i.Generation, m.UID, m.ResourceVersion)
}

// dial makes a client with the integration's token. With an error it returns one without a token.
func (c *Clients) dial(ctx context.Context, i *v1alpha1.SlackIntegration) (chat.App, error) {
	config := chat.Config{APIURL: string(i.Spec.APIURL), Namespace: i.Namespace}
	ref, field := i.CredentialRef()
	value, err := secrets.Read(ctx, c.Live, i.Namespace, field, ref)
	switch {
	case err != nil:
	case i.Spec.Webhook != nil:
		config = chat.Config{WebhookURL: value, Namespace: i.Namespace}
	default:
		config.Token = value
	}
	app, dialErr := c.Dial(config)
	if dialErr != nil {
		app, _ = c.Dial(chat.Config{Namespace: i.Namespace})
		err = dialErr
	}
	return app, err
}
