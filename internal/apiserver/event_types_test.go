// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/onsi/gomega"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// TestDocumentListsEventTypes compares each enum of event types in the OpenAPI document with the table in package
// event.
func TestDocumentListsEventTypes(t *testing.T) {
	w := gomega.NewWithT(t)
	response, err := http.Get(base + "/openapi.json")
	w.Expect(err).NotTo(gomega.HaveOccurred())
	defer response.Body.Close()
	var whole any
	w.Expect(json.NewDecoder(response.Body).Decode(&whole)).To(gomega.Succeed())

	var want []any
	for _, row := range event.Types {
		want = append(want, string(row.Name))
	}
	found := 0
	each(whole, func(object map[string]any) {
		enum, _ := object["enum"].([]any)
		if slices.ContainsFunc(want, func(name any) bool { return slices.Contains(enum, name) }) {
			found++
			w.Expect(enum).To(gomega.Equal(want))
		}
	})
	w.Expect(found).To(gomega.BeNumerically(">=", 2), "the event of a dry run, and a rule's eventTypes")
}
