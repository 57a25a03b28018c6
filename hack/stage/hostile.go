// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// A Hostile is a server that sends a part of an answer to every call, or much more than a client wants, and then holds
// the connection.
type Hostile struct {
	server  *httptest.Server
	holding atomic.Int64

	mu     sync.Mutex
	called map[string]bool
}

// NewHostile starts a server.
func NewHostile() *Hostile {
	h := &Hostile{called: map[string]bool{}}
	h.server = httptest.NewServer(h)
	return h
}

// Stop stops the server.
func (h *Hostile) Stop() {
	h.server.CloseClientConnections()
	h.server.Close()
}

// ServeHTTP sends 8 MiB, or to every other integration nearly as much as a probe reads.
func (h *Hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const block = 1024
	blocks := 8 << 20 / block
	h.mu.Lock()
	h.called[strings.Split(r.URL.Path, "/")[1]] = true
	if len(h.called)%2 == 0 {
		blocks = 250
	}
	h.mu.Unlock()
	h.holding.Add(1)
	defer h.holding.Add(-1)
	spaces := []byte(strings.Repeat(" ", block))
	for range blocks {
		if _, err := w.Write(spaces); err != nil {
			return
		}
	}
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// Holding returns how many connections are held at the moment.
func (h *Hostile) Holding() int { return int(h.holding.Load()) }

// Callers returns how many integrations have called.
func (h *Hostile) Callers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.called)
}

// CreateIntegrations creates n integrations with Jira and n with Slack that call the server.
func (h *Hostile) CreateIntegrations(ctx context.Context, c client.Client, namespace string, n int) error {
	err := c.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "token"},
		StringData: map[string]string{"slack": "xoxb-hostile", "jira": "hostile"},
	})
	jira := v1alpha1.SecretKeyReference{Name: "token", Key: "jira"}
	slack := v1alpha1.SecretKeyReference{Name: "token", Key: "slack"}
	for k := range n {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("hostile-%d", k)}
		err = errors.Join(err,
			c.Create(ctx, &v1alpha1.JiraIntegration{ObjectMeta: meta, Spec: v1alpha1.JiraIntegrationSpec{
				APIURL:     v1alpha1.HTTPURL(h.server.URL + "/jira-" + meta.Name),
				ProjectKey: "HOSTILE", Bearer: &v1alpha1.JiraBearerAuth{TokenSecretRef: jira},
			}}),
			c.Create(ctx, &v1alpha1.SlackIntegration{ObjectMeta: meta, Spec: v1alpha1.SlackIntegrationSpec{
				APIURL:         v1alpha1.HTTPURL(h.server.URL + "/slack-" + meta.Name + "/api"),
				DefaultChannel: "#x", Bot: &v1alpha1.SlackBot{TokenSecretRef: slack},
			}}))
	}
	return err
}
