// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"strings"
	"testing"
)

// TestErrorsOfAnInstallation checks that a page shows no text of an address but Slack's codes.
func TestErrorsOfAnInstallation(t *testing.T) {
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"?error=access_denied&state=x":      {http.StatusOK, "It was cancelled in Slack"},
		"?error=invalid_scope&state=x":      {http.StatusBadGateway, "invalid_scope"},
		"?error=Call+0800+1234+now":         {http.StatusNotFound, "no page"},
		"?error=" + strings.Repeat("a", 65): {http.StatusNotFound, "no page"},
		"?code=1":                           {http.StatusNotFound, "no page"},
		"":                                  {http.StatusNotFound, "no page"},
	} {
		d := newTester(t, nil)
		page := d.open("/oauth/slack"+query, want.status)
		d.has(page, want.text)
		d.hasNot(page, "Call 0800")
	}
}
