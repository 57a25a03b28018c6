// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// TestEvent writes CloudEvents about runs, and reads them as the operator does.
func TestEvent(t *testing.T) {
	c := newCluster(t)
	for i, test := range []struct {
		report, command string
		want            string
	}{
		{suite(passed("a"), failing("books", "late")), "exit 1", "Failed: smoke: 1 of 2 failed, 1 new, 0 known, 0 fixed, High"},
		{suite(passed("a"), failing("books", "late")), "exit 1", "Failed: smoke: 1 of 2 failed, 0 new, 1 known, 0 fixed, High"},
		{suite(passed("a"), passed("books")), "exit 0", "Passed: smoke: 2 passed, 0 new, 0 known, 1 fixed, "},
		{suite(passed("a"), passed("books")), "exit 3", "Failed: smoke: 0 of 2 failed, 1 new, 0 known, 0 fixed, High"},
	} {
		r := newRun(t, c)
		r.RunName = fmt.Sprint("ci-", i)
		r.Event = filepath.Join(r.dir, "event.json")
		at := noon.Add(time.Duration(i) * time.Hour)
		r.Now = func() time.Time { return at }
		r.Command = []string{"sh", "-c", test.command}
		r.write(t, "a.xml", test.report)
		r.Run(t.Context())
		raw, err := os.ReadFile(r.Event)
		if err != nil {
			t.Fatalf("%v\n%s", err, r.stderr.String())
		}
		batch, err := event.DecodeCloudEvents("application/cloudevents+json", nil, bytes.NewReader(raw), at)
		if err != nil {
			t.Fatal(err)
		}
		e := batch.Events[0]
		run, ok := event.OutsideRunOf(&e)
		got := fmt.Sprintf("%s: %s, %v new, %v known, %v fixed, %s", e.Text("result"), e.Text("title"), e.Data["newDefects"],
			e.Data["knownDefects"], e.Data["fixedDefects"], e.Severity)
		if !ok || run.Suite != "smoke" || run.Name != r.RunName || run.Failed != (e.Severity != "") || !e.Time.Equal(at) || got != test.want {
			t.Errorf("run %d is %+v, %s; want %s", i, run, got, test.want)
		}
	}
}

// TestEventThatCannotBeWritten changes nothing but a message.
func TestEventThatCannotBeWritten(t *testing.T) {
	r := newRun(t, newCluster(t))
	r.Event = "/proc/none/event"
	r.Command = []string{"true"}
	r.write(t, "a.xml", suite(passed("a")))
	if code := r.Run(t.Context()); code != 0 || !bytes.Contains(r.stderr.Bytes(), []byte("writing the event about the run")) {
		t.Errorf("exit code %d:\n%s", code, r.stderr.String())
	}
}
