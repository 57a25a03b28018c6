// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

var update = flag.Bool("update", false, "write the golden files")

// show returns what a mapping reads as text.
func show(m *Mapping, in string) (string, error) {
	var out strings.Builder
	report, err := m.Read(strings.NewReader(in), func(c *testresult.Case) error {
		fmt.Fprintf(&out, "%s | %s | %s | %s %s\n", c.ID, c.Suite, c.Name, c.Outcome, c.Duration)
		for _, f := range c.Failures {
			fmt.Fprintf(&out, "  failure: %q\n  details: %q\n", f.Message, f.Text)
		}
		for _, p := range c.Properties {
			fmt.Fprintf(&out, "  %s: %q\n", p.Name, p.Value)
		}
		for _, a := range c.Attachments {
			fmt.Fprintf(&out, "  attachment: %s\n", a)
		}
		return nil
	})
	for _, p := range report.Problems {
		fmt.Fprintf(&out, "problem: %s\n", p.Message)
	}
	if report.Commit != "" {
		fmt.Fprintf(&out, "commit: %s\n", report.Commit)
	}
	return out.String(), err
}

// TestPlatforms reads a sample of each platform by the mapping that the program has.
func TestPlatforms(t *testing.T) {
	if len(Platforms()) < 3 {
		t.Fatalf("there are mappings for %q", Platforms())
	}
	for _, platform := range Platforms() {
		m, err := Load(platform)
		if err != nil {
			t.Fatal(err)
		}
		sample, err := os.ReadFile(filepath.Join("testdata", platform+".json"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := show(m, string(sample))
		if err != nil {
			t.Errorf("%s: %v", platform, err)
		}
		golden := filepath.Join("testdata", platform+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", platform, got, want)
		}
	}
}

// own is a mapping of a team's own results, one a line.
const own = `
tests: $
name: "{$.scenario} in {$.locale}"
result: {value: $.verdict, passed: [pass], failed: [fail, maybe], notRun: [""]}
message: [$.reason, $.note]
duration: {milliseconds: $.took}
attachments: $.files[*]
properties:
- {name: voice.offset_ms, value: $.at, factor: 1000}
- {name: voice.turn, value: $.index, add: 1}
latencies:
- {stage: model, milliseconds: "$.turns[*].ttft", factor: 1000}
`

func TestOwnMapping(t *testing.T) {
	m, err := Parse([]byte(own))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ in, want string }{
		"one a line": {
			`{"scenario": "a", "locale": "de", "verdict": "Pass", "took": 1500}` + "\n" + `{"scenario": "b", "locale": "de"}`,
			" |  | a in de | Passed 1.5s\n |  | b in de | NotRun 0s\n",
		},
		"maybe": {
			`{"scenario": "a", "locale": "de", "verdict": "maybe", "note": "unclear", "at": 1.25, "index": 0, "files": ["a.wav", 7, null]}`,
			" |  | a in de | Failed 0s\n  failure: \"unclear\"\n  details: \"\"\n  voice.offset_ms: \"1250\"\n  voice.turn: \"1\"\n" +
				"  attachment: a.wav\n  attachment: 7\n",
		},
		"latencies": {
			`{"scenario": "a", "locale": "de", "verdict": "pass", "turns": [{"ttft": 0.3}, {"ttft": 0.1}, {}, {"ttft": "x"}, {"ttft": 0.2}]}`,
			" |  | a in de | Passed 0s\n  voice.latency.model.p50: \"200\"\n  voice.latency.model.p95: \"300\"\n",
		},
		"an unknown verdict": {
			`{"scenario": "a", "locale": "de", "verdict": "odd"}`,
			" |  | a in de | Failed 0s\n  failure: \"a in de has the result \\\"odd\\\", which the mapping does not have. It counts as failed\"\n" +
				"  details: \"\"\nproblem: a in de has the result \"odd\", which the mapping does not have. It counts as failed\n",
		},
		"odd times": {
			`{"scenario": "a", "locale": "de", "verdict": "pass", "took": "NaN"} {"scenario": "b", "locale": "de", "verdict": "pass", "took": -1}` +
				`{"scenario": "c", "locale": "de", "verdict": "pass", "took": 1e300}`,
			" |  | a in de | Passed 0s\n |  | b in de | Passed 0s\n |  | c in de | Passed 2777h46m40s\n",
		},
	} {
		if got, err := show(m, test.in); err != nil || got != test.want {
			t.Errorf("%s: got %v\n%s\nwant\n%s", name, err, got, test.want)
		}
	}
}

// TestDocs reads the report in the comment of the documented mapping by that mapping.
func TestDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/runs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(docs), "```yaml\n# {")
	example, _, found := strings.Cut(rest, "```")
	report, source, _ := strings.Cut(example, "\n")
	m, err := Parse([]byte(source))
	if !found || err != nil {
		t.Fatalf("the example is not in docs/runs.md, or is wrong: %v\n%s", err, source)
	}
	got, err := show(m, "{"+report)
	want := " |  | books | Failed 0s\n  failure: \"unclear\"\n  details: \"\"\n" +
		"  voice.latency.model.p50: \"310\"\n  voice.latency.model.p95: \"310\"\n"
	if err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

// TestBadReports reads what the mapping does not fit. What comes before is read.
func TestBadReports(t *testing.T) {
	m, err := Parse([]byte(own))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"":                               "line 1: the report is empty",
		"{":                              "line 1: the report ends here: it was cut off",
		"\n[1,\n x]":                     "line 3: invalid character 'x' looking for beginning of value",
		`{"scenario": "a"}`:              "test 1 has no name where the mapping has it. Compare its members name and id with the report",
		"null":                           "test 1 has no name where the mapping has it. Compare its members name and id with the report",
		strings.Repeat(" ", maxReport+1): "a report that is read by a mapping may have 64 MiB",
	} {
		if _, err := show(m, in); err == nil || err.Error() != want {
			t.Errorf("%.20q: got %v, want %s", in, err, want)
		}
	}
	livekit, err := Load("livekit")
	if err != nil {
		t.Fatal(err)
	}
	want := "there is no test where the mapping has them. Compare its member tests with the report"
	if _, err := show(livekit, `{"jobs": []}`); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	stop := errors.New("stop")
	line := `{"scenario": "a", "locale": "de", "verdict": "pass"}`
	if _, err := m.Read(strings.NewReader(line), func(*testresult.Case) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// TestLongTexts bounds what is kept of a test.
func TestLongTexts(t *testing.T) {
	m, err := Parse([]byte(own))
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("ö", 10_000)
	in := fmt.Sprintf(`{"scenario": %q, "locale": "de", "verdict": "fail", "reason": %q}`, long, long)
	_, err = m.Read(strings.NewReader(in), func(c *testresult.Case) error {
		if len(c.Name) > testresult.MaxName || len(c.Name) < testresult.MaxName-2 || len(c.Failures[0].Message) != testresult.MaxMessage {
			t.Errorf("got %d and %d bytes", len(c.Name), len(c.Failures[0].Message))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestBadMappings parses mappings with something wrong. The error names it.
func TestBadMappings(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "tests is missing",
		"tests: $":                "name is missing",
		"tests: $\nname: $.a":     "result is missing",
		"tests: a.b":              `the path "a.b"`,
		"tests: [$, 3]":           "3 is no path",
		"tests: $\nname: {a: b}":  "is no text",
		"tests: $\nname: '{$.a'":  "{$.a has no closing brace",
		"tests: $\nname: '{$.[}'": `the path "$.["`,
		"tests: $\nnames: $.a":    `unknown field "names"`,
		"tests: $\nname: $.a\nresult: {value: $.b}\nproperties: [{name: a}]":                       `the property "a" needs a name, and either`,
		"tests: $\nname: $.a\nresult: {value: $.b}\nproperties: [{name: a, value: $.a, sum: $.b}]": `the property "a" needs a name, and either`,
		"tests: $\nname: $.a\nresult: {value: $.b}\nlatencies: [{stage: a}]":                       `the latency "a" needs`,
	} {
		if _, err := Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
	if _, err := Load("nowhere.yaml"); err == nil ||
		err.Error() != `there is no mapping "nowhere.yaml": name a file, or one of coval, livekit, vapi` {
		t.Errorf("got %v", err)
	}
	file := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := Load(file); err != nil || m == nil {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, []byte("tests: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.HasPrefix(err.Error(), file+": ") {
		t.Errorf("got %v", err)
	}
}

func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		in         []float64
		half, most float64
	}{{[]float64{3}, 3, 3}, {[]float64{1, 2}, 1, 2}, {[]float64{1, 2, 3}, 2, 3}, {[]float64{1, 2, 3, 4}, 2, 4}} {
		if half, most := quantile(test.in, 0.5), quantile(test.in, 0.95); half != test.half || most != test.most {
			t.Errorf("%v: got %v and %v", test.in, half, most)
		}
	}
}

// FuzzRead checks that no report makes a mapping panic, and that what it reads is bounded.
func FuzzRead(f *testing.F) {
	mappings := map[string]*Mapping{}
	for _, platform := range Platforms() {
		m, err := Load(platform)
		if err != nil {
			f.Fatal(err)
		}
		mappings[platform] = m
		sample, err := os.ReadFile(filepath.Join("testdata", platform+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(sample))
	}
	f.Fuzz(func(t *testing.T, in string) {
		for platform, m := range mappings {
			_, _ = m.Read(strings.NewReader(in), func(c *testresult.Case) error {
				if c.Outcome == "" || len(c.Name) > testresult.MaxName || len(c.Properties) > testresult.MaxProperties || c.Duration < 0 ||
					c.Duration > 1e7*time.Second && len(m.Duration.From) == 0 {
					t.Errorf("%s: got %+v", platform, c)
				}
				return nil
			})
		}
	})
}
