// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// next returns a call of another run in the directory of a first one, without evidence of its own.
func (r *run) next(t *testing.T, c *cluster, name string) *run {
	t.Helper()
	out := newRun(t, c)
	out.RunName = name
	out.Spool = r.Spool
	return out
}

// isKept reports whether files are kept for the next call.
func (r *run) isKept(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(r.Spool + keptSuffix)
	return err == nil
}

// TestEvidenceWhileAway keeps files while the API server is away from the beginning, or takes no content. The next call sends
// them, whatever its tests do.
func TestEvidenceWhileAway(t *testing.T) {
	away := func(string) int { return http.StatusServiceUnavailable }
	for name, begin := range map[string]func(*cluster){
		"all the time":  func(c *cluster) { c.failing = away },
		"for patches":   func(c *cluster) { c.failing = func(m string) int { return map[string]int{http.MethodPatch: 503}[m] } },
		"for content":   func(c *cluster) { c.refusePart = func() int { return 503 } },
		"for one patch": func(c *cluster) { c.refuseEvidence = 503 },
		"rejected":      func(c *cluster) { c.failing = func(string) int { return http.StatusUnauthorized } },
		"no rights":     func(c *cluster) { c.failing = func(string) int { return http.StatusForbidden } },
		"no patches":    func(c *cluster) { c.failing = func(m string) int { return map[string]int{http.MethodPatch: 403}[m] } },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			begin(c)
			r := newEvidenceRun(t, c, map[string]string{"books/out.log": "it broke", "books/list.json": "{}"})
			r.Command = []string{"sh", "-c", "exit 7"}
			r.write(t, "a.xml", suite(passed("a"), failing("books", "late")))
			if code := r.Run(t.Context()); code != 7 || !r.isKept(t) || strings.Count(r.stderr.String(), "were not sent:") > 1 {
				t.Errorf("exit code %d:\n%s", code, r.stderr.String())
			}
			// It is away still.
			second := r.next(t, c, "smoke-2")
			second.write(t, "a.xml", suite(passed("a"), passed("books")))
			if second.Run(t.Context()); !r.isKept(t) {
				t.Errorf("nothing is kept:\n%s", second.stderr.String())
			}
			c.failing = func(string) int { return 0 }
			c.refusePart = func() int { return 0 }
			c.refuseEvidence = 0
			third := r.next(t, c, "smoke-3")
			third.Strict = true
			third.write(t, "a.xml", suite(passed("a"), passed("books")))
			if code := third.Run(t.Context()); code != 0 || r.isKept(t) {
				t.Errorf("exit code %d:\n%s", code, third.stderr.String())
			}
			d := c.only(t)
			if d.Spec.Evidence == nil || len(d.Spec.Evidence.Files) != 2 {
				t.Fatalf("%+v\n%s", d.Spec.Evidence, third.stderr.String())
			}
			if got, err := c.content(d, d.Spec.Evidence.Files[1]); err != nil || got != "it broke" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestKeptEvidenceThatIsNotWanted removes what no Defect takes any more.
func TestKeptEvidenceThatIsNotWanted(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*cluster)
		says   string
	}{
		"the Defect was deleted": {func(c *cluster) { clear(c.defects) }, "there is no such Defect"},
		"another run sent some": {func(c *cluster) {
			for _, d := range c.defects {
				d.Spec.Evidence = &v1alpha1.DefectEvidence{More: 1}
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.refusePart = func() int { return 503 }
			r := newEvidenceRun(t, c, map[string]string{"books.log": "it broke"})
			r.write(t, "a.xml", suite(passed("a"), failing("books", "late")))
			if r.Run(t.Context()); !r.isKept(t) {
				t.Fatalf("nothing is kept:\n%s", r.stderr.String())
			}
			c.refusePart = func() int { return 0 }
			test.change(c)
			second := r.next(t, c, "smoke-2")
			second.write(t, "a.xml", suite(passed("a")))
			if second.Run(t.Context()); r.isKept(t) || len(c.parts) > 0 || !strings.Contains(second.stderr.String(), test.says) {
				t.Errorf("%d parts:\n%s", len(c.parts), second.stderr.String())
			}
		})
	}
}

// TestKeptEvidenceIsBounded keeps no more than a call sends, and links the rest.
func TestKeptEvidenceIsBounded(t *testing.T) {
	c := newCluster(t)
	c.refusePart = func() int { return 503 }
	r := newEvidenceRun(t, c, map[string]string{"large-of-books.wav": ""})
	r.EvidenceURL = "https://ci/1"
	var cases []string
	for i := range 4 {
		name := fmt.Sprintf("books %d", i)
		cases = append(cases, failing(name, strings.Repeat("late ", i+1)), passed("ok"+name))
		large := filepath.Join(r.Evidence, name+".log")
		if err := os.WriteFile(large, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(large, v1alpha1.MaxEvidenceBytes-1<<20); err != nil {
			t.Fatal(err)
		}
	}
	r.write(t, "a.xml", suite(cases...))
	r.Run(t.Context())
	kept, err := os.OpenRoot(r.Spool + keptSuffix)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.stderr.String())
	}
	defer kept.Close() //nolint:errcheck // it was only read
	if size := sizeOf(kept); size > maxRunBytes+4<<10 || size < 3*(v1alpha1.MaxEvidenceBytes-1<<20) {
		t.Errorf("%d bytes are kept", size)
	}
	c.refusePart = func() int { return 0 }
	second := r.next(t, c, "smoke-2")
	second.write(t, "a.xml", suite(passed("a")))
	second.Run(t.Context())
	files := 0
	links := 0
	for _, d := range c.defects {
		files += len(d.Spec.Evidence.Files)
		links += len(d.Spec.Evidence.Links)
	}
	if files != 3 || links != 1 || r.isKept(t) {
		t.Errorf("%d files, %d links:\n%s", files, links, second.stderr.String())
	}
}

// TestEvidenceThatCannotBeKept changes nothing but a message when the disk is full.
func TestEvidenceThatCannotBeKept(t *testing.T) {
	r := newEvidenceRun(t, nil, map[string]string{"books.log": "it broke"})
	r.Spool = "/dev/full/spool"
	r.Command = []string{"sh", "-c", "exit 7"}
	r.write(t, "a.xml", suite(passed("a"), failing("books", "late")))
	if code := r.Run(t.Context()); code != 7 || !strings.Contains(r.stderr.String(), "keeping files of --evidence") {
		t.Errorf("exit code %d:\n%s", code, r.stderr.String())
	}
}
