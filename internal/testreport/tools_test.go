// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

// reportsOfTools are reports that tools wrote of tests that end in each way they know, shortened, with the counts that follow from
// what the tools print: as passed/failed/flaky/not run. Errors outside of tests count as failed tests.
var reportsOfTools = map[string]string{
	"bats.xml":                "2/3/0/1",  // with setup_file and teardown_file that fail
	"behave-TESTS-a.xml":      "3/3/0/1",  // an undefined step fails
	"boost.xml":               "4/5/0/4",  // it writes nothing of expected failures
	"catch2.xml":              "3/3/0/2",  // two tests may fail
	"ctest.xml":               "2/7/0/3",  // it prints that 7 failed: a program that is not there fails, too
	"go-junit-report.xml":     "6/9/0/2",  // a package that does not build, one that panics in init, one whose TestMain fails
	"gotest.json":             "6/9/0/2",  // the same
	"gotestsum.xml":           "6/9/0/2",  // the same
	"gotestsum-rerun.xml":     "4/4/1/2",  // --rerun-fails
	"gtest.xml":               "6/3/0/4",  // disabled, and skipped by SetUpTestSuite
	"gtest-env.xml":           "0/1/0/13", // a global environment that fails
	"jest-ctrf.json":          "6/6/1/2",  // a test that is retried, one to do
	"jest-errors.xml":         "8/10/0/1", // three files that do not load, each written twice; what is to do looks passed
	"mocha-xunit.xml":         "4/5/0/3",  // hooks that fail
	"nose2.xml":               "2/7/0/2",  // an unexpected success fails
	"phpunit.xml":             "5/9/0/4",  // a class without a test fails, a test with a warning does not
	"prove.xml":               "4/6/0/0",  // a program that dies
	"pw.json":                 "3/7/1/4",  // test.fail() that fails and passes
	"pw-ctrf.json":            "3/7/1/4",  // the same
	"pw.xml":                  "4/7/0/4",  // the same, without retries
	"pwb.json":                "0/1/0/0",  // a file that does not load
	"pwt.json":                "1/1/0/0",  // a global teardown that fails
	"pytest-collect-cont.xml": "6/11/0/4", // a file that does not load
	"pytest-internal.xml":     "0/1/0/0",  // an internal error
	"pytest-interrupt.xml":    "1/0/0/0",  // stopped by pytest.exit within a test
	"pytest-xdist-crash.xml":  "2/1/0/0",  // a worker that dies
	"pytest-xunit2.xml":       "6/12/0/4", // xfail, xpass, strict, setup and teardown that fail
	"testng.xml":              "2/3/1/1",  // a provider of data, a test that is repeated
	"rspec.xml":               "2/4/0/4",  // pending that passes fails
	"vitest.xml":              "5/9/0/6",  // hooks that fail, a file that does not load
}

// TestReportsOfTools reads them.
func TestReportsOfTools(t *testing.T) {
	files, err := filepath.Glob("testdata/tools/*")
	if err != nil || len(files) != len(reportsOfTools) {
		t.Errorf("there are %d files for %d counts, %v", len(files), len(reportsOfTools), err)
	}
	for name, want := range reportsOfTools {
		f, err := os.Open(filepath.Join("testdata/tools", name))
		if err != nil {
			t.Error(err)
			continue
		}
		var c testresult.Collector
		_, err = Read(f, nil, func(one *testresult.Case) error { c.Add(one); return nil })
		n := c.Counts()
		if got := fmt.Sprintf("%d/%d/%d/%d", n.Passed, n.Failed, n.Flaky, n.NotRun); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
		_ = f.Close()
	}
}
