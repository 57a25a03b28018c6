// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
)

// newEvidenceRun returns a call with a directory of files, by path.
func newEvidenceRun(t *testing.T, c *cluster, files map[string]string) *run {
	t.Helper()
	r := newRun(t, c)
	r.Evidence = filepath.Join(r.dir, "files")
	for name, content := range files {
		full := filepath.Join(r.Evidence, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// content returns a file of a Defect from its parts.
func (c *cluster) content(d *v1alpha1.Defect, f v1alpha1.EvidenceFile) (string, error) {
	raw, err := io.ReadAll(evidence.NewReader(f, func(n int) ([]byte, error) {
		part := c.parts[v1alpha1.EvidenceName(d.UID, f, n)]
		if part == nil {
			return nil, fmt.Errorf("there is no part %d", n)
		}
		return part.Data, nil
	}))
	return string(raw), err
}

// TestEvidence stores files in parts that the operator reads, removed with the Defect, and lists them once.
func TestEvidence(t *testing.T) {
	c := newCluster(t)
	large := strings.Repeat("0123456789abcdef", v1alpha1.EvidencePartBytes/10)
	files := map[string]string{"books/out.log": large, "books/a b.png": "p", "books/z.wav": "RIFF", "empty.log": ""}
	r := newEvidenceRun(t, c, files)
	r.write(t, "a.xml", suite(passed("a"), failing("books", "late")))
	if code := r.Run(t.Context()); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
	d := c.only(t)
	if e := d.Spec.Evidence; e == nil || len(e.Files) != 3 || e.Clip != "z.wav" || e.More != 0 || d.Spec.Title == "" {
		t.Fatalf("%+v\n%s", d.Spec, r.stderr.String())
	}
	for i, want := range []struct{ name, path string }{{"a-b.png", "books/a b.png"}, {"out.log", "books/out.log"}} {
		f := d.Spec.Evidence.Files[i]
		if got, err := c.content(d, f); f.Name != want.name || err != nil || got != files[want.path] {
			t.Errorf("%+v has %d bytes, %v; want %s", f, len(got), err, want.name)
		}
	}
	for _, part := range c.parts {
		if o := part.OwnerReferences; len(o) != 1 || o[0].UID != d.UID || part.Labels[v1alpha1.DefectLabel] != string(d.UID) {
			t.Errorf("%+v", part.ObjectMeta)
		}
	}
	// Further runs send nothing, until the Defect comes back after it was resolved.
	parts := len(c.parts)
	again := newEvidenceRun(t, c, map[string]string{"other.log": "other"})
	again.RunName = "smoke-2"
	again.write(t, "a.xml", suite(passed("a"), failing("books", "late")))
	again.Run(t.Context())
	if len(c.parts) != parts || len(c.only(t).Spec.Evidence.Files) != 3 {
		t.Errorf("%d parts, %+v", len(c.parts), c.only(t).Spec.Evidence)
	}
	c.only(t).Status.State = v1alpha1.StateResolved
	again.RunName = "smoke-3"
	again.Run(t.Context())
	if e := c.only(t).Spec.Evidence; len(e.Files) != 1 || e.Files[0].Name != "other.log" {
		t.Errorf("%+v", e)
	}
	// Or until content is missing, as of a file that a policy withheld.
	c.only(t).Status.State = v1alpha1.StateOpen
	for state, want := range map[v1alpha1.EvidenceState]string{
		v1alpha1.EvidenceWithheld: "other.log", v1alpha1.EvidenceMissing: "third.log",
	} {
		third := newEvidenceRun(t, c, map[string]string{"third.log": "third"})
		third.RunName = "smoke-" + string(state)
		third.write(t, "a.xml", suite(passed("a"), failing("books", "late")))
		c.only(t).Spec.Evidence.Files[0].Name = "other.log"
		c.only(t).Status.Evidence = &v1alpha1.DefectEvidenceStatus{Files: []v1alpha1.EvidenceFileStatus{{State: state}}}
		third.Run(t.Context())
		if got := c.only(t).Spec.Evidence.Files[0].Name; got != want {
			t.Errorf("%s: got %s, want %s", state, got, want)
		}
	}
}

// TestEvidenceIsBounded sends no more than a ticket takes, and links the rest.
func TestEvidenceIsBounded(t *testing.T) {
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprintf("%02d.log", i)] = fmt.Sprint(i)
	}
	for name, test := range map[string]struct {
		files              map[string]string
		url                string
		sent, links, left  int
		waiting            int64
		refuse             int
		code               int
		says, first, linkd string
	}{
		"many":          {many, "https://ci/1/", 20, 20, 10, 0, 0, ExitFailed, "", "00.log", "https://ci/1/20.log"},
		"no address":    {many, "", 20, 0, 30, 0, 0, ExitFailed, "", "00.log", ""},
		"large":         {map[string]string{"a b.wav": strings.Repeat("x", v1alpha1.MaxEvidenceBytes+1), "b.log": "b"}, "https://ci", 1, 1, 0, 0, 0, ExitFailed, "", "b.log", "https://ci/a%20b.wav"},
		"others wait":   {map[string]string{"b.log": "b"}, "https://ci", 0, 1, 0, maxWaitingBytes, 0, ExitFailed, "", "", "https://ci/b.log"},
		"no permission": {map[string]string{"b.log": "b"}, "https://ci", 0, 1, 0, 0, http.StatusForbidden, ExitFailed, "was not sent: HTTP 403", "", "https://ci/b.log"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.refusePart = func() int { return test.refuse }
			if test.waiting > 0 {
				c.defects["other"] = &v1alpha1.Defect{
					ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{v1alpha1.SuiteLabel: "smoke"}},
					Spec: v1alpha1.DefectSpec{
						Title: "other", Fingerprint: "other", Evidence: &v1alpha1.DefectEvidence{Files: []v1alpha1.EvidenceFile{{Bytes: test.waiting}}},
					},
				}
			}
			r := newEvidenceRun(t, c, test.files)
			r.EvidenceURL = test.url
			r.write(t, "a.xml", suite(passed("a"), failing("books", "late")))
			if code := r.Run(t.Context()); code != test.code || !strings.Contains(r.stderr.String(), test.says) {
				t.Errorf("exit code %d:\n%s", code, r.stderr.String())
			}
			delete(c.defects, "other")
			e := c.only(t).Spec.Evidence
			if e == nil || len(e.Files) != test.sent || len(e.Links) != test.links || int(e.More) != test.left {
				t.Fatalf("%+v\n%s", e, r.stderr.String())
			}
			if test.sent > 0 && e.Files[0].Name != test.first || test.links > 0 && string(e.Links[0].URL) != test.linkd {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestEvidenceThatIsNotSent checks that what is wrong with files changes nothing else.
func TestEvidenceThatIsNotSent(t *testing.T) {
	t.Run("the directory is absent", func(t *testing.T) {
		c := newCluster(t)
		r := newRun(t, c)
		r.Evidence = filepath.Join(r.dir, "none")
		r.write(t, "a.xml", suite(failing("books", "late")))
		r.Command = []string{"sh", "-c", "exit 7"}
		if code := r.Run(t.Context()); code != 7 || !strings.Contains(r.stderr.String(), "--evidence") || len(c.defects) != 1 {
			t.Errorf("exit code %d:\n%s", code, r.stderr.String())
		}
	})
	t.Run("nothing leaves the directory", func(t *testing.T) {
		c := newCluster(t)
		r := newEvidenceRun(t, c, map[string]string{"a.log": "a"})
		r.write(t, "secret", "the password")
		for name, target := range map[string]string{"link.log": "../secret", "directory": ".."} {
			if err := os.Symlink(target, filepath.Join(r.Evidence, name)); err != nil {
				t.Fatal(err)
			}
		}
		r.write(t, "a.xml", `<testsuite><testcase name="b"/><testcase name="books"><properties><property name="attachment" value="../secret"/>`+
			`</properties><failure message="late"/></testcase></testsuite>`)
		r.Run(t.Context())
		if f := c.only(t).Spec.Evidence.Files; len(f) != 1 || f[0].Name != "a.log" {
			t.Errorf("%+v", f)
		}
	})
	t.Run("files of an earlier run", func(t *testing.T) {
		c := newCluster(t)
		r := newEvidenceRun(t, c, map[string]string{"old.log": "a"})
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(filepath.Join(r.Evidence, "old.log"), old, old); err != nil {
			t.Fatal(err)
		}
		r.Command = []string{"sh", "-c", "echo '" + suite(failing("books", "late")) + "' >" + filepath.Join(r.dir, "a.xml") + "; exit 1"}
		r.Run(t.Context())
		if e := c.only(t).Spec.Evidence; e != nil {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a part fails once", func(t *testing.T) {
		c := newCluster(t)
		failed := false
		c.refusePart = func() int {
			if failed = !failed; failed {
				return http.StatusServiceUnavailable
			}
			return 0
		}
		r := newEvidenceRun(t, c, map[string]string{"a.log": strings.Repeat("x", v1alpha1.EvidencePartBytes+1)})
		r.write(t, "a.xml", suite(failing("books", "late")))
		r.Strict = true
		if code := r.Run(t.Context()); code != ExitFailed || len(c.only(t).Spec.Evidence.Files) != 1 || len(c.parts) != 2 {
			t.Errorf("exit code %d:\n%s", code, r.stderr.String())
		}
	})
}

// TestPartsAreBounded stores the largest file in parts that fit an object.
func TestPartsAreBounded(t *testing.T) {
	c := newCluster(t)
	r := newEvidenceRun(t, c, map[string]string{"a.wav": string(bytes.Repeat([]byte("x"), v1alpha1.MaxEvidenceBytes))})
	r.write(t, "a.xml", suite(failing("books", "late")))
	r.Run(t.Context())
	var largest []int
	for _, p := range c.parts {
		largest = append(largest, len(p.Data))
	}
	if len(largest) != 14 || slices.Max(largest) != v1alpha1.EvidencePartBytes {
		t.Errorf("parts of %v bytes", largest)
	}
}

// TestClip cuts a recording to the turn that failed where it can.
func TestClip(t *testing.T) {
	// A recording of a minute: one byte a frame, and 1,000 frames a second.
	header := "RIFF\x00\x00\x00\x00WAVEfmt " +
		"\x10\x00\x00\x00\x07\x00\x01\x00\xe8\x03\x00\x00\xe8\x03\x00\x00\x01\x00\x08\x00data\x00\x00\x00\x00"
	minute := header + strings.Repeat("x", 60_000)
	property := func(name, value string) string { return `<property name="` + name + `" value="` + value + `"/>` }
	turn := property("voice.turn", "3") + property("voice.offset_ms", "30000")
	for name, test := range map[string]struct {
		file, properties string
		content          string
		clip             string
		size             int64
		files            int
	}{
		"the turn":          {"call.wav", turn, minute, "call-turn-3.wav", 44 + 21_000, 2},
		"no number":         {"call.WAV", property("voice.offset_ms", "55000"), minute, "call-turn.wav", 44 + 6_000, 2},
		"no offset":         {"call.wav", property("voice.turn", "3"), minute, "call.wav", int64(len(minute)), 1},
		"a clip already":    {"call.wav", turn, minute[:20_000], "call.wav", 20_000, 1},
		"beyond its end":    {"call.wav", property("voice.offset_ms", "90000"), minute, "call.wav", int64(len(minute)), 1},
		"another format":    {"call.ogg", turn, "OggS", "call.ogg", 4, 1},
		"no WAV":            {"call.wav", turn, "ID3", "call.wav", 3, 1},
		"too large to send": {"call.wav", turn, header + strings.Repeat("x", v1alpha1.MaxEvidenceBytes), "call-turn-3.wav", 44 + 21_000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			r := newEvidenceRun(t, c, map[string]string{test.file: test.content, "out.log": "it broke"})
			r.write(t, "a.xml", suite(passed("a"), `<testcase classname="Booking" name="books"><properties>`+test.properties+
				`</properties><failure message="late"/></testcase>`))
			r.Run(t.Context())
			e := c.only(t).Spec.Evidence
			if e == nil || e.Clip != test.clip || len(e.Files) != test.files+1 {
				t.Fatalf("%+v\n%s", e, r.stderr.String())
			}
			at := slices.IndexFunc(e.Files, func(f v1alpha1.EvidenceFile) bool { return f.Name == e.Clip })
			if e.Files[at].Bytes != test.size {
				t.Errorf("the clip has %d bytes, want %d", e.Files[at].Bytes, test.size)
			}
			if got, err := c.content(c.only(t), e.Files[at]); err != nil || int64(len(got)) != test.size {
				t.Errorf("%d bytes are stored, %v", len(got), err)
			}
		})
	}
}
