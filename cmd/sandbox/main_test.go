// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
)

func TestParse(t *testing.T) {
	c, err := parse([]string{"--jira-mode", "datacenter", "--latency", "5ms", "--url-file", "f"})
	if err != nil || c.options.JiraMode != jira.DataCenter || c.options.Latency != 5*time.Millisecond ||
		c.urlFile != "f" || c.listen != "127.0.0.1:0" {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, bad := range [][]string{{"--jira-mode", "server"}, {"--latency", "-1s"}, {"--slack-rate", "-1"},
		{"--slack-burst", "0"}, {"extra"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	file := filepath.Join(t.TempDir(), "url")
	done := make(chan error, 1)
	go func() { done <- run(ctx, config{listen: "127.0.0.1:0", urlFile: file}) }()
	var base string
	deadline, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for base == "" {
		select {
		case err := <-done:
			t.Fatalf("ended early: %v", err)
		case <-deadline.Done():
			t.Fatal("the URL file was not written")
		case <-tick.C:
			raw, _ := os.ReadFile(file)
			base = string(raw)
		}
	}
	res, err := http.Get(base + "/jira/rest/api/2/serverInfo")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(base, "http://127.0.0.1:") {
		t.Errorf("%s: got status %d", base, res.StatusCode)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("stopping: %v", err)
	}
	if err := run(t.Context(), config{listen: "nowhere:none"}); err == nil {
		t.Error("got no error for an invalid address")
	}
}
