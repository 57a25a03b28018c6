// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
)

// TestUnwatchedNamespaceIsRefused checks that events for a namespace that the operator does not watch are not accepted:
// they would match no rule.
func TestUnwatchedNamespaceIsRefused(t *testing.T) {
	s, _ := receiving(t, nil)
	s.o.Watched = []string{"default", "a"}
	for namespace, want := range map[string]int{
		"": http.StatusOK, "default": http.StatusOK, "a": http.StatusOK, "other": http.StatusNotFound,
	} {
		w := post(s, paths.Events+"?namespace="+namespace, "application/cloudevents+json", alertEvent("id-"+namespace))
		if w.Code != want {
			t.Errorf("namespace %q: got %d, %s, want %d", namespace, w.Code, w.Body, want)
		}
		if want != http.StatusOK && !strings.Contains(w.Body.String(), "--watch-namespaces") {
			t.Errorf("namespace %q: the answer does not say why: %s", namespace, w.Body)
		}
	}
}
