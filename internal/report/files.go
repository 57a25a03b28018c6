// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/voiceai-dev/integrations-operator/internal/findings"
	"github.com/voiceai-dev/integrations-operator/internal/mapping"
	"github.com/voiceai-dev/integrations-operator/internal/testreport"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// clockSlack is how much older than the command a report may be: file systems round times.
const clockSlack = 2 * time.Second

// maxNotes bounds how many problems of reports are printed that did not keep them from being read.
const maxNotes = 5

// results are what the reports of a run say.
type results struct {
	testresult.Collector
	mapping *mapping.Mapping
	// files counts the reports that were read.
	files int
	// commit is the commit that a report names.
	commit string
	// byTest has the outcomes of the tests that Defects stand for, by the ID of the test.
	byTest map[string]testresult.Outcome
	// outside is the failure of the test command alone; none when it did not fail, or tests failed.
	outside []*testresult.Case
	// problems are what could not be read.
	problems []error
	// notes are what else is wrong with reports, at most maxNotes, and unnoted counts more of them.
	notes   []string
	unnoted int
}

// find returns the files that match patterns, each once. Those that are older than since are left out: an earlier run wrote
// them.
func find(patterns []string, since time.Time) (files, stale []string, err error) {
	for _, pattern := range patterns {
		found, err := doublestar.FilepathGlob(pattern, doublestar.WithFilesOnly())
		if err != nil {
			return nil, nil, fmt.Errorf("the pattern %q of --results: %w", pattern, err)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	files = slices.Compact(files)
	fresh := files[:0:0]
	for _, f := range files {
		info, err := os.Stat(f)
		if err == nil && info.ModTime().Before(since.Add(-clockSlack)) {
			stale = append(stale, f)
			continue
		}
		fresh = append(fresh, f)
	}
	return fresh, stale, nil
}

// read reads reports, those in JSON by a mapping if there is one. What is wrong with one does not keep others from being read.
func read(files []string, m *mapping.Mapping, known map[string]bool) *results {
	r := &results{mapping: m, byTest: map[string]testresult.Outcome{}}
	for _, f := range files {
		if err := r.read(f, known); err != nil {
			r.problems = append(r.problems, fmt.Errorf("%s: %w", f, err))
		}
	}
	return r
}

func (r *results) read(path string, known map[string]bool) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("it is gone")
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	r.files++
	report, err := testreport.Read(f, r.mapping, func(c *testresult.Case) error {
		r.Add(c)
		if len(known) > 0 {
			r.note(c, known)
		}
		return nil
	})
	r.commit = cmp.Or(r.commit, report.Commit)
	for _, p := range report.Problems {
		if len(r.notes) == maxNotes {
			r.unnoted++
			continue
		}
		r.notes = append(r.notes, problemAt(path, p))
	}
	return err
}

// note records the outcome of a test that a Defect stands for. Of several cases of one test, as with parameters, the worst
// counts.
func (r *results) note(c *testresult.Case, known map[string]bool) {
	id := testID(findings.TestOf(c))
	if !known[id] {
		return
	}
	rank := []testresult.Outcome{testresult.NotRun, testresult.Passed, testresult.Flaky, testresult.Failed}
	if before, noted := r.byTest[id]; !noted || slices.Index(rank, c.Outcome) > slices.Index(rank, before) {
		r.byTest[id] = c.Outcome
	}
}
