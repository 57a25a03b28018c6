// SPDX-License-Identifier: Apache-2.0

package upgrade_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// version is the tag or commit that TestRecord records.
var version = flag.String("record", "", "The tag or commit of an earlier version, for TestRecord.")

// TestRecord writes testdata for an earlier version. Without the flag it does nothing.
func TestRecord(t *testing.T) {
	if *version == "" {
		t.Skip("-record is not set")
	}
	source := t.TempDir()
	archive := run(t, root, "", "git", "archive", *version)
	run(t, source, archive, "tar", "-x")
	run(t, source, "", "go", "build", "-o", "bin/operator", "./cmd/operator")
	writeCRDs(t, filepath.Join(source, "config/crd/bases"))
	s := newService(t)
	w := newWorld(t, "testdata/crds", filepath.Join(source, "bin"))
	objects, err := os.ReadFile("testdata/objects.yaml")
	must(t, err)
	s.lost = "Assistant hangs up"
	operator := w.startOperator() // what exists before it starts may have a ticket, and waits for a lookup
	w.kubectl(strings.ReplaceAll(string(objects), placeholder, s.server.URL), "apply", "-f", "-")
	w.kubectl("", "wait", "--for=jsonpath={.status.jira.key}", "--timeout=1m", "defect/open", "defect/resolved")
	w.kubectl("", "patch", "defect/resolved", "--type=merge", "-p", `{"spec":{"state":"Resolved"}}`)
	w.kubectl("", "wait", "--for=jsonpath={.status.jira.status}=Done", "--timeout=1m", "defect/resolved")
	again := fmt.Sprintf(`{"spec":{"occurrence":{"time":%q,"run":"r2"}}}`, time.Now().UTC().Format(time.RFC3339))
	w.kubectl("", "patch", "defect/open", "--type=merge", "-p", again)
	w.kubectl("", "wait", "--for=jsonpath={.status.occurrences}=2", "--timeout=1m", "defect/open")
	w.kubectl("", "wait", "--for=jsonpath={.status.jira.uncertainSince}", "--timeout=1m", "defect/held")
	w.kubectl("", "wait", "--for=condition=Delivered", "--timeout=1m", "notifications",
		"-l", "integrations.voiceai.dev/rule in (findings,critical,muted)")
	operator.Stop()
	raw, err := json.MarshalIndent(recording{*version, time.Now().UTC(), s.calls, w.stored()}, "", " ")
	must(t, err)
	raw = bytes.ReplaceAll(raw, []byte(s.server.URL), []byte(placeholder))
	must(t, os.WriteFile(recordingFile, append(raw, '\n'), 0o644))
}

// writeCRDs writes the CRDs of a directory to testdata, without descriptions.
func writeCRDs(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	must(t, err)
	must(t, os.RemoveAll("testdata/crds"))
	must(t, os.MkdirAll("testdata/crds", 0o755))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(t, err)
		var crd map[string]any
		must(t, yaml.Unmarshal(raw, &crd))
		removeDescriptions(crd)
		raw, err = yaml.Marshal(crd)
		must(t, err)
		must(t, os.WriteFile(filepath.Join("testdata/crds", filepath.Base(file)), raw, 0o644))
	}
}

// removeDescriptions removes the descriptions from a part of a CRD. A property may have that name.
func removeDescriptions(part any) {
	switch part := part.(type) {
	case map[string]any:
		if _, ok := part["description"].(string); ok {
			delete(part, "description")
		}
		for _, value := range part {
			removeDescriptions(value)
		}
	case []any:
		for _, value := range part {
			removeDescriptions(value)
		}
	}
}
