// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestDeliveriesAreBounded(t *testing.T) {
	release := make(chan struct{})
	entered := make(chan struct{}, maxWorkers)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-release
	}))
	defer receiver.Close()
	var h Hook
	h.Set(Settings{URL: receiver.URL})
	h.Add(&Delivery{IssueKey: "VOICE-1"})
	for range maxLogged + 6 {
		h.Add(&Delivery{IssueKey: "VOICE-2"})
	}
	<-entered
	if c := h.Counts(); c != (Counts{Pending: maxLogged, Dropped: 7}) {
		t.Errorf("got counts %+v", c)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Wait(ended); err == nil {
		t.Error("Wait returned while deliveries were pending")
	}
	close(release)
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Add(&Delivery{IssueKey: "VOICE-3"}) // replaces the oldest
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, log := h.Counts(), h.Deliveries(); c.Delivered != maxLogged+1 || len(log) != maxLogged || log[0].IssueKey != "VOICE-2" {
		t.Errorf("got counts %+v and %d deliveries, the first of %s", c, len(log), log[0].IssueKey)
	}
}
