// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"fmt"
	"slices"
	"testing"
)

// TestPositionsHideOtherNamespaces watches one namespace, and all of them, while objects of another change.
func TestPositionsHideOtherNamespaces(t *testing.T) {
	h := NewHub()
	h.Notify("Defect", "qa")
	before := h.Position()
	if again := h.Position(); again == before {
		t.Error("equal positions show that nothing happened")
	}
	h.Notify("Defect", "prod")
	h.Notify("Job", "qa")
	for _, c := range []struct {
		name, namespace, position string
		want                      []string
	}{
		{"what changed here", "qa", before, []string{"Job"}},
		{"what changed there", "prod", before, []string{"Defect"}},
		{"what changed anywhere", "", before, []string{"Defect", "Job"}},
		{"nothing since", "", h.Position(), nil},
		{"of another process", "qa", NewHub().Position(), []string{"Defect", "Job"}},
		{"malformed", "qa", "x", []string{"Defect", "Job"}},
		{"too short", "qa", "", []string{"Defect", "Job"}},
	} {
		w, err := h.Join(c.name, c.namespace, "Defect", "Job")
		if err != nil {
			t.Fatal(err)
		}
		h.Resume(w, c.position)
		if got, _ := h.Pending(w); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWatchersAreBounded(t *testing.T) {
	h := NewHub()
	var first *Watcher
	for i := range maxWatchersPerCaller {
		w, err := h.Join("one", "qa", "Job")
		if err != nil {
			t.Fatalf("watcher %d: %v", i, err)
		}
		first = w
	}
	if _, err := h.Join("one", "qa", "Job"); err == nil {
		t.Error("one caller has too many watchers")
	}
	h.Leave(first)
	if _, err := h.Join("one", "qa", "Job"); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

func TestNotify(t *testing.T) {
	h := NewHub()
	w, err := h.Join("one", "qa", "Job", "Defect")
	if err != nil {
		t.Fatal(err)
	}
	h.Notify("Defect", "qa")
	h.Notify("Job", "qa")
	h.Notify("Defect", "qa")
	h.Notify("Defect", "prod")
	h.Notify("CronJob", "qa")
	<-w.Wake()
	if got, _ := h.Pending(w); !slices.Equal(got, []string{"Job", "Defect"}) {
		t.Errorf("got %q, want each kind once", got)
	}
	if got, _ := h.Pending(w); len(got) != 0 {
		t.Errorf("got %q again", got)
	}
}

// TestPlacesAreBounded has more namespaces than are remembered: an old position counts as one before all changes.
func TestPlacesAreBounded(t *testing.T) {
	h := NewHub()
	h.Notify("Defect", "qa")
	old := h.Position()
	for i := range 3 * maxPlaces {
		h.Notify("Job", fmt.Sprint("ns-", i))
		if len(h.last) > maxPlaces+1 {
			t.Fatalf("%d places are remembered", len(h.last))
		}
	}
	for position, want := range map[string][]string{old: {"Defect", "Job"}, h.Position(): nil} {
		w, err := h.Join("one", "qa", "Defect", "Job")
		if err != nil {
			t.Fatal(err)
		}
		h.Resume(w, position)
		if got, _ := h.Pending(w); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
