// SPDX-License-Identifier: Apache-2.0

// Package mapping reads the results of voice platforms, which are JSON of any shape. A mapping says where a platform keeps what
// a test report has.
package mapping

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// Mapping says where the parts of a test report are in the JSON of a platform. All paths but Tests and Commit begin at a test.
type Mapping struct {
	// Tests selects the tests.
	Tests Paths `json:"tests"`
	// Commit is the commit that was tested.
	Commit Texts `json:"commit"`

	// ID identifies a test in each run. Suite and Name are for people, and identify a test without ID.
	ID    Texts `json:"id"`
	Suite Texts `json:"suite"`
	Name  Texts `json:"name"`
	// Result is how a test ended.
	Result Result `json:"result"`
	// Failures are checks that fail a test, whatever its result is.
	Failures []Check `json:"failures"`
	// Message says why a test failed, Details has more about it.
	Message Texts `json:"message"`
	Details Texts `json:"details"`
	// Duration is how long a test took.
	Duration Duration `json:"duration"`
	// Properties are facts, such as voice.persona.
	Properties []Property `json:"properties"`
	// Latencies are measured in each turn.
	Latencies []Latency `json:"latencies"`
	// Attachments are the paths of files.
	Attachments Paths `json:"attachments"`
}

// Result says which values mean that a test passed, failed, or did not run.
type Result struct {
	Value  Texts    `json:"value"`
	Passed []string `json:"passed"`
	Failed []string `json:"failed"`
	// NotRun may have the empty text, for tests without a value.
	NotRun []string `json:"notRun"`
}

// Check says which checks failed, and how to describe one. The paths of Message begin at the check.
type Check struct {
	Each    Path  `json:"each"`
	Message Texts `json:"message"`
}

// Duration has a number of seconds or milliseconds, or two times.
type Duration struct {
	Seconds      Texts `json:"seconds"`
	Milliseconds Texts `json:"milliseconds"`
	From         Texts `json:"from"`
	To           Texts `json:"to"`
}

// Property is a fact.
type Property struct {
	Name  string `json:"name"`
	Value Texts  `json:"value"`
	// Factor multiplies a number: 1000 makes milliseconds of seconds. Add is then added: 1 where a platform counts from 0.
	Factor float64 `json:"factor"`
	Add    float64 `json:"add"`
	// Sum adds all numbers that a path selects. It takes the place of Value.
	Sum Paths `json:"sum"`
}

// Latency is that of a stage. Its p50 and p95 become properties.
type Latency struct {
	Stage string `json:"stage"`
	// Milliseconds selects the latency of each turn.
	Milliseconds Paths `json:"milliseconds"`
	// Factor multiplies each: 1000 makes milliseconds of seconds.
	Factor float64 `json:"factor"`
}

//go:embed platforms/*.yaml
var platforms embed.FS

// Platforms returns the names of the mappings that the program has.
func Platforms() []string {
	entries, err := platforms.ReadDir("platforms")
	if err != nil {
		return nil // it is in the program
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return out
}

// Source returns the text of a mapping that the program has.
func Source(platform string) ([]byte, error) {
	raw, err := platforms.ReadFile("platforms/" + platform + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no mapping %q: there are %s", platform, strings.Join(Platforms(), ", "))
	}
	return raw, nil
}

// maxSource bounds the text of a mapping, in bytes.
const maxSource = 1 << 20

// Load returns a mapping by the name of a platform or of a file.
func Load(name string) (*Mapping, error) {
	if raw, err := Source(name); err == nil {
		return Parse(raw)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("there is no mapping %q: name a file, or one of %s", name, strings.Join(Platforms(), ", "))
	}
	defer f.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(io.LimitReader(f, maxSource))
	if err != nil {
		return nil, err
	}
	m, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// Parse parses a mapping in YAML.
func Parse(raw []byte) (*Mapping, error) {
	m := &Mapping{}
	if err := yaml.UnmarshalStrict(raw, m); err != nil {
		return nil, err
	}
	switch {
	case len(m.Tests) == 0:
		return nil, errors.New("tests is missing: add the path of the tests, such as $.jobs[*]")
	case len(m.Name) == 0 && len(m.ID) == 0:
		return nil, errors.New("name is missing: add the path of a test's name, such as $.scenario.name")
	case len(m.Result.Value) == 0 && len(m.Failures) == 0:
		return nil, errors.New("result is missing: add the path of a test's result, or failures")
	}
	for _, p := range m.Properties {
		if p.Name == "" || (len(p.Value) == 0) == (len(p.Sum) == 0) {
			return nil, fmt.Errorf("the property %q needs a name, and either value or sum", p.Name)
		}
	}
	for _, l := range m.Latencies {
		if l.Stage == "" || len(l.Milliseconds) == 0 {
			return nil, fmt.Errorf("the latency %q needs stage and milliseconds", l.Stage)
		}
	}
	return m, nil
}
