// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// bigJira returns a server of a project with many versions, whose create screen has fields with a list of values each,
// of a number of bytes.
func bigJira(t *testing.T, fields, listLength int) *httptest.Server {
	t.Helper()
	const long = 300 << 10
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.Atoi(r.URL.Query().Get("startAt"))
		count, _ := strconv.Atoi(r.URL.Query().Get("maxResults"))
		answer := map[string]any{"version": "1", "deploymentType": "Server", "name": "bot", "key": "VOICE"}
		switch {
		case strings.HasSuffix(r.URL.Path, "/project/VOICE"):
			answer["versions"] = []string{strings.Repeat("1.0", long/3)}
		case strings.HasSuffix(r.URL.Path, "/issuetypes"):
			answer = map[string]any{"issueTypes": []any{map[string]any{"id": "1", "name": "Bug"}}, "total": 1}
		case strings.HasSuffix(r.URL.Path, "/issuetypes/1"):
			page := []any{}
			for n := start; n < min(start+count, fields); n++ {
				name := fmt.Sprintf("Field %d", n)
				if n < 2 {
					name = []string{"description", "labels"}[n]
				}
				page = append(page, map[string]any{
					"fieldId": name, "name": name, "schema": map[string]any{"type": "option"},
					"allowedValues": []any{map[string]any{"id": "1", "value": strings.Repeat("x", listLength)}},
				})
			}
			answer = map[string]any{"fields": page, "total": fields}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Log(err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// TestBigProjects probes projects whose descriptions are longer than a probe reads at once.
func TestBigProjects(t *testing.T) {
	for name, c := range map[string]struct {
		fields, listLength int
		// problem is part of what the probe finds; empty if nothing.
		problem string
	}{
		"many fields":      {60, 10 << 10, ""},
		"a very long list": {3, 300 << 10, "longer than 256 KiB"},
	} {
		config := ticket.Config{
			APIURL: bigJira(t, c.fields, c.listLength).URL, Token: secret, Project: "VOICE", IssueType: "Bug",
			Fields: []ticket.Field{{Name: "Field 2", Type: ticket.Option}},
		}
		got, err := dial(t, config).Probe(t.Context())
		if err != nil || got.Blockers != nil {
			t.Errorf("%s: got the error %v and the blockers %v", name, err, got.Blockers)
			continue
		}
		problems := strings.Join(got.Problems, "; ")
		if c.problem == "" && problems != "" || !strings.Contains(problems, c.problem) {
			t.Errorf("%s: got the problems %q, want %q", name, problems, c.problem)
		}
	}
}
