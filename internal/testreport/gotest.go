// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

const (
	// maxEvent bounds an event of go test -json, in bytes.
	maxEvent = 1 << 20
	// maxRunning bounds the tests that have begun and not ended.
	maxRunning = 10_000
)

// goEvent is an event of go test -json, see go doc test2json.
type goEvent struct {
	Action, Package, Test, Output string
	ImportPath, FailedBuild       string
	Elapsed                       float64
}

// goTests are the tests that have not ended.
type goTests struct {
	each Each
	// running has the output of each test that has begun, and of each package, by package and test.
	running map[[2]string]*output
	// failed counts the failed tests of each package.
	failed map[string]int
}

// output holds the last bytes of an output.
type output struct{ data []byte }

func (o *output) add(s string) {
	o.data = append(o.data, s...)
	if len(o.data) > 2*testresult.MaxText {
		o.data = append(o.data[:0], o.data[len(o.data)-testresult.MaxText:]...)
	}
}

// readGoTest reads events, one a line. Lines that are none, as of a build that failed, are skipped.
func readGoTest(r io.Reader, each Each) error {
	in := bufio.NewReaderSize(r, maxEvent)
	tests := &goTests{each: each, running: map[[2]string]*output{}, failed: map[string]int{}}
	for {
		line, err := in.ReadSlice('\n')
		var e goEvent
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] == '{' && json.Unmarshal(trimmed, &e) == nil {
			if err := tests.handle(&e); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return tests.end()
		case errors.Is(err, bufio.ErrBufferFull): // the rest of the line is no event
		case err != nil:
			return err
		}
	}
}

func (g *goTests) handle(e *goEvent) error {
	key := [2]string{e.Package, e.Test}
	if e.Action == "build-output" {
		key = [2]string{"build " + e.ImportPath, ""}
	}
	switch e.Action {
	case "run", "start", "output", "build-output":
		o := g.running[key]
		if o == nil && len(g.running) < maxRunning {
			o = &output{}
			g.running[key] = o
		}
		if o != nil {
			o.add(e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			return g.endPackage(e)
		}
		return g.endTest(key, outcomes[e.Action], e.Elapsed)
	}
	return nil
}

var outcomes = map[string]testresult.Outcome{
	"pass": testresult.Passed, "fail": testresult.Failed, "skip": testresult.NotRun,
}

// endTest reports a test that has ended.
func (g *goTests) endTest(key [2]string, how testresult.Outcome, elapsed float64) error {
	c := &testresult.Case{
		Suite: name(key[0]), Class: name(key[0]), Name: name(key[1]), Outcome: how,
		Duration: time.Duration(max(0, min(elapsed, 1e7)) * float64(time.Second)),
	}
	if how == testresult.Failed {
		g.failed[key[0]]++
		text := ""
		if o := g.running[key]; o != nil {
			text = goMessage(string(o.data))
		}
		c.Failures = []testresult.Failure{{Message: long(text, testresult.MaxMessage), Text: long(text, testresult.MaxText)}}
	}
	delete(g.running, key)
	return g.each(c)
}

// endPackage ends the tests of a package that did not end, as after a panic. A package that fails without a failed test,
// because it does not compile or in TestMain, counts as one.
func (g *goTests) endPackage(e *goEvent) error {
	own := g.running[[2]string{e.Package, ""}]
	delete(g.running, [2]string{e.Package, ""})
	for key := range sortedKeys(g.running) {
		if key[0] != e.Package {
			continue
		}
		if e.Action != "fail" {
			delete(g.running, key)
			continue
		}
		if err := g.endTest(key, testresult.Failed, 0); err != nil {
			return err
		}
	}
	if e.Action != "fail" || g.failed[e.Package] > 0 {
		return nil
	}
	text := ""
	if own != nil {
		text = string(own.data)
	}
	if build := g.running[[2]string{"build " + e.FailedBuild, ""}]; build != nil {
		text = string(build.data)
	}
	return g.each(&testresult.Case{
		Suite: name(e.Package), Class: name(e.Package), Name: name(e.Package), Outcome: testresult.Failed,
		Failures: []testresult.Failure{{Message: long(goMessage(text), testresult.MaxMessage), Text: long(text, testresult.MaxText)}},
	})
}

// end reports that tests have not ended: the output was cut off.
func (g *goTests) end() error {
	for key := range sortedKeys(g.running) {
		if key[1] != "" {
			return fmt.Errorf("the output ends while %s of %s runs: it was cut off", key[1], key[0])
		}
	}
	return nil
}

// goMessage returns an output without the lines that go test adds.
func goMessage(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "=== ") || strings.HasPrefix(trimmed, "--- ") || trimmed == "FAIL" ||
			strings.HasPrefix(line, "# ") {
			continue
		}
		out = append(out, trimmed)
	}
	return strings.Join(out, "\n")
}
