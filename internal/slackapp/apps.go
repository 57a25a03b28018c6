// SPDX-License-Identifier: Apache-2.0

package slackapp

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

// maxApps bounds the clients that are kept.
const maxApps = 1024

// apps keeps a client for each integration. A client is made again when the integration or, by its metadata in the
// cache, its Secret has changed.
type apps struct {
	Options
	mu sync.Mutex
	// byName holds an appEntry for the name of each integration.
	byName *lru.Cache
}

// appEntry is a client, and the integration and Secret that it was made from.
type appEntry struct {
	version string
	app     chat.App
}

func newApps(o Options) *apps { return &apps{Options: o, byName: lru.New(maxApps)} }

// get returns the client of an integration. Without a usable token it answers by response URL only, which needs none.
func (a *apps) get(ctx context.Context, i *v1alpha1.SlackIntegration) chat.App {
	name := client.ObjectKeyFromObject(i)
	version := a.version(ctx, i)
	a.mu.Lock()
	v, ok := a.byName.Get(name)
	a.mu.Unlock()
	if e, _ := v.(appEntry); ok && e.version == version {
		return e.app
	}
	app, err := a.dial(ctx, i)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("Slack is answered without a token", "SlackIntegration", name, "Reason", err.Error())
		return app // not kept, so that the next request reads the Secret again
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byName.Add(name, appEntry{version, app})
	return app
}

// version identifies an integration and its Secret.
func (a *apps) version(ctx context.Context, i *v1alpha1.SlackIntegration) string {
	ref, _ := i.CredentialRef()
	m := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	_ = a.Client.Get(ctx, types.NamespacedName{Namespace: i.Namespace, Name: ref.Name}, m) // dial reports what is wrong
	return fmt.Sprintf("%s/%d/%s@%s", i.UID, i.Generation, m.UID, m.ResourceVersion)
}

// dial makes a client with the integration's token. With an error it returns one without a token.
func (a *apps) dial(ctx context.Context, i *v1alpha1.SlackIntegration) (chat.App, error) {
	config := chat.Config{APIURL: string(i.Spec.APIURL), Namespace: i.Namespace}
	ref, field := i.CredentialRef()
	value, err := secrets.Read(ctx, a.Live, i.Namespace, field, ref)
	switch {
	case err != nil:
	case i.Spec.Webhook != nil:
		config = chat.Config{WebhookURL: value, Namespace: i.Namespace}
	default:
		config.Token = value
	}
	app, dialErr := a.Dial(config)
	if dialErr != nil {
		app, _ = a.Dial(chat.Config{Namespace: i.Namespace})
		err = dialErr
	}
	return app, err
}
