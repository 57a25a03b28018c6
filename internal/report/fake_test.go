// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/report/kube"
)

// cluster is an API server with Defects.
type cluster struct {
	server *httptest.Server

	mu      sync.Mutex
	defects map[string]*v1alpha1.Defect
	// failing returns the status of an answer; 0 when a request succeeds.
	failing func(method string) int
	// listed is called after each list.
	listed func()
	// writes counts the patches.
	writes int
	// parts are the objects with the content of evidence; refusePart returns the status of the answer to one, 0 to store it.
	parts      map[string]*v1alpha1.Evidence
	refusePart func() int
	// refuseEvidence is the status of the answer to the patch that lists evidence; 0 to apply it.
	refuseEvidence int
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{defects: map[string]*v1alpha1.Defect{}, failing: func(string) int { return 0 },
		parts: map[string]*v1alpha1.Evidence{}, refusePart: func() int { return 0 }}
	c.server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.server.Close)
	return c
}

func (c *cluster) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if code := c.failing(r.Method); code != 0 {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{Message: "not now"})
		return
	}
	path := "/apis/integrations.voiceai.dev/v1alpha1/namespaces/qa/defects"
	switch {
	case r.Method == http.MethodGet && r.URL.Path == path:
		list := &v1alpha1.DefectList{}
		for _, d := range c.defects {
			q := r.URL.Query()
			if q.Get("labelSelector") == v1alpha1.SuiteLabel+"="+d.Labels[v1alpha1.SuiteLabel] || q.Get("fieldSelector") == "metadata.name="+d.Name {
				list.Items = append(list.Items, *d)
			}
		}
		_ = json.NewEncoder(w).Encode(list)
		if c.listed != nil {
			c.listed()
		}
	case r.Method == http.MethodPatch && r.URL.Query().Get("fieldManager") == kube.FieldManager:
		c.writes++
		name := strings.TrimPrefix(r.URL.Path, path+"/")
		d := &v1alpha1.Defect{}
		raw, _ := io.ReadAll(r.Body)
		if json.Unmarshal(raw, d) != nil || d.Name != name || r.Header.Get("Content-Type") != "application/apply-patch+yaml" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		before := c.defects[name]
		if d.ResourceVersion != "" && (before == nil || before.ResourceVersion != d.ResourceVersion) {
			w.WriteHeader(http.StatusConflict)
			return
		}
		d.ResourceVersion = strconv.Itoa(c.writes)
		if before != nil {
			d.Status = before.Status
			d.Spec.Quarantine = before.Spec.Quarantine
			d.Spec.Evidence = before.Spec.Evidence
		}
		d.UID = types.UID("uid-of-" + name)
		c.defects[name] = d
		_ = json.NewEncoder(w).Encode(d)
	case r.Method == http.MethodPatch && r.URL.Query().Get("fieldManager") == evidenceManager:
		if c.refuseEvidence != 0 {
			w.WriteHeader(c.refuseEvidence)
			return
		}
		before := c.defects[strings.TrimPrefix(r.URL.Path, path+"/")]
		patch := &v1alpha1.Defect{}
		if json.NewDecoder(r.Body).Decode(patch) != nil || before == nil || patch.UID != before.UID || patch.Spec.Evidence == nil {
			w.WriteHeader(http.StatusConflict)
			return
		}
		before.Spec.Evidence = patch.Spec.Evidence
		_ = json.NewEncoder(w).Encode(before)
	case r.Method == http.MethodPost && r.URL.Path == strings.TrimSuffix(path, "defects")+"evidence":
		part := &v1alpha1.Evidence{}
		switch code := c.refusePart(); {
		case code != 0:
			w.WriteHeader(code)
		case json.NewDecoder(r.Body).Decode(part) != nil:
			w.WriteHeader(http.StatusBadRequest)
		case c.parts[part.Name] != nil:
			w.WriteHeader(http.StatusConflict)
		default:
			c.parts[part.Name] = part
			w.WriteHeader(http.StatusCreated)
		}
	default:
		w.WriteHeader(http.StatusForbidden)
	}
}

// run is a call of the program in a directory of its own.
type run struct {
	*Options
	dir            string
	stdout, stderr bytes.Buffer
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// newRun returns a call that reports to a cluster; to none when it is nil.
func newRun(t *testing.T, c *cluster) *run {
	t.Helper()
	r := &run{dir: t.TempDir()}
	r.Options = &Options{
		Suite: "smoke", RunName: "smoke-1", Results: []string{filepath.Join(r.dir, "*.xml")}, Stdout: &r.stdout, Stderr: &r.stderr,
		TerminationLog: filepath.Join(r.dir, "termination"), Spool: filepath.Join(r.dir, "spool"), Now: time.Now,
		Connect: func() (kube.Connection, error) {
			if c == nil {
				return kube.Connection{}, errors.New("there is none")
			}
			return kube.Connection{Client: c.server.Client(), Server: c.server.URL, Namespace: "qa"}, nil
		},
	}
	return r
}

// write writes a report.
func (r *run) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// result returns the run's result.
func (r *run) result(t *testing.T) Result {
	t.Helper()
	raw, err := os.ReadFile(r.TerminationLog)
	if err != nil {
		t.Fatal(err)
	}
	var out Result
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// suite returns a report of some cases.
func suite(cases ...string) string {
	return `<testsuite name="calls">` + strings.Join(cases, "") + `</testsuite>`
}

func passed(name string) string { return `<testcase classname="Booking" name="` + name + `"/>` }

func failing(name, message string) string {
	return `<testcase classname="Booking" name="` + name + `"><failure message="` + message + `"/></testcase>`
}
