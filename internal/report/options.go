// SPDX-License-Identifier: Apache-2.0

// Package report is what the program report does in a test Job: it runs the test command, reads the reports that it writes,
// and turns failures into Defects and the run's result.
package report

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/mapping"
	"github.com/voiceai-dev/integrations-operator/internal/report/kube"
)

// Exit codes of the program's own. A test command that fails ends it with the command's code instead.
const (
	// ExitFailed means that tests failed, where there is no command to say so.
	ExitFailed = 1
	// ExitUsage means that flags or arguments are wrong.
	ExitUsage = 120
	// ExitNoResults means that there is no report, or none with a test.
	ExitNoResults = 121
	// ExitUnreadable means that a report could not be read to its end, where there is no test command or with Strict.
	ExitUnreadable = 122
	// ExitNotSent means that the API server could not be reached, with Strict.
	ExitNotSent = 123
)

// Options are the flags of the program.
type Options struct {
	// Suite and RunName identify the run, Namespace is that of its Defects. Commit and Version are what was tested.
	Suite, RunName, Namespace, Commit, Version string
	// Results are patterns of the files to read.
	Results []string
	// Mapping is the name of a mapping, or of a file with one, by which JSON is read; empty for none.
	Mapping string
	mapping *mapping.Mapping
	// Command is the test command; none when empty.
	Command []string
	// Severity is that of new Defects without one of their own.
	Severity string
	// ReportURL is the address of the run's report.
	ReportURL string
	// TerminationLog is the file for the run's result, Spool the one for what could not be sent.
	TerminationLog, Spool string
	// Event is a file for the CloudEvent about the run; empty for none.
	Event string
	// Evidence is a directory with files that show what failed, EvidenceURL where people find its files; both may be empty.
	Evidence, EvidenceURL string
	// DryRun prints the Defects in place of sending them.
	DryRun bool
	// Strict makes it an error when a report cannot be read to its end, or the API server cannot be reached.
	Strict bool

	// Stdin, Stdout and Stderr are those of the command.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Client calls the API server at Server. They are found when they are needed; Client is nil where there is no cluster.
	Connect func() (kube.Connection, error)
	Now     func() time.Time
	// stopTime is that of tests; 0 for defaultStopTime.
	stopTime time.Duration
}

// podInfo is where a volume of the downward API puts the labels of the Pod.
const podInfo = "/etc/podinfo/labels"

// jobLabel is the label with the name of a Pod's Job.
const jobLabel = "batch.kubernetes.io/job-name"

// Complete fills in what was not given, from the downward API: a volume with the labels of the Pod, or the Pod's host name.
func (o *Options) Complete(suiteLabel string) {
	labels := readLabels(podInfo)
	o.Suite = cmp.Or(o.Suite, labels[suiteLabel])
	o.RunName = cmp.Or(o.RunName, labels[jobLabel])
	if o.RunName == "" && os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		host, _ := os.Hostname()
		o.RunName = jobOfPod(host)
	}
	o.Spool = cmp.Or(o.Spool, filepath.Join(os.TempDir(), "report-"+o.Suite+".spool"))
	if o.Now == nil {
		o.Now = time.Now
	}
}

var podSuffix = regexp.MustCompile(`(?:-\d{1,5})?-[a-z0-9]{5}$`)

// jobOfPod returns the name of the Job of a Pod: without the index and the suffix that Kubernetes adds. The Jobs of CronJobs
// end with a longer number.
func jobOfPod(pod string) string { return podSuffix.ReplaceAllString(pod, "") }

// readLabels reads a file of the downward API: one label a line, as name="value".
func readLabels(path string) map[string]string {
	out := map[string]string{}
	f, err := os.Open(path)
	if err != nil {
		return out
	}
	defer f.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, quoted, ok := strings.Cut(lines.Text(), "=")
		if value, err := strconv.Unquote(quoted); ok && err == nil {
			out[name] = value
		}
	}
	return out
}
