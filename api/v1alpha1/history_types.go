// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxOutcomes is the number of outcomes that a spec may have and a status keeps.
const MaxOutcomes = 50

// TestResult is the result of a defect's test in one run.
// +kubebuilder:validation:Enum=Passed;Failed;Flaky;NotRun
type TestResult string

const (
	// TestPassed means that the test passed at the first attempt.
	TestPassed TestResult = "Passed"
	// TestFailed means that the test failed in each attempt.
	TestFailed TestResult = "Failed"
	// TestFlaky means that the test failed and passed in one run.
	TestFlaky TestResult = "Flaky"
	// TestNotRun means that the test was skipped, or that the run ended before it.
	TestNotRun TestResult = "NotRun"
)

// DefectTest is a test that a defect was found in.
type DefectTest struct {
	// id identifies the test across runs.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	ID string `json:"id"`

	// name is the name of the test as people know it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name,omitempty"`
}

// TestOutcome is the outcome of a defect's test in one run. If the defect stands for several tests, it is the worst of
// theirs.
type TestOutcome struct {
	// run is the name of the Job.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Run string `json:"run"`

	// result is Passed, Failed, Flaky or NotRun.
	// +required
	Result TestResult `json:"result"`

	// time is when the test ended.
	// +required
	Time metav1.Time `json:"time"`

	// commit is the commit that was tested.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit,omitempty"`

	// version is the version that was tested, such as that of the voice agent.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Version string `json:"version,omitempty"`
}

// Quarantine keeps a test running whose failure does not fail the run, for a limited time.
// +kubebuilder:validation:XValidation:rule="self.expires > self.starts",message="expires must be after starts",fieldPath=".expires"
// +kubebuilder:validation:XValidation:rule="self.expires - self.starts <= duration('336h')",message="expires must be at most 14 days after starts; begin another quarantine if the test needs more time",fieldPath=".expires"
// +structType=atomic
type Quarantine struct {
	// owner is the person or team that repairs the test.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Owner string `json:"owner"`

	// reason is why the test is in quarantine.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`

	// starts is when the quarantine begins.
	// +required
	Starts metav1.Time `json:"starts"`

	// expires is when the quarantine ends: at most 14 days after starts.
	// +required
	Expires metav1.Time `json:"expires"`
}

// DefectHistory is what the outcomes of a defect's test show.
type DefectHistory struct {
	// outcomes are the last 50 outcomes of spec.outcomes, of the run that found the defect, and of its occurrences. The
	// oldest is first.
	// +optional
	// +listType=map
	// +listMapKey=run
	// +kubebuilder:validation:MaxItems=50
	Outcomes []TestOutcome `json:"outcomes,omitempty"`

	// strip shows the last 20 outcomes by one character each, the newest at the end: P passed, F failed, ~ flaky, - not
	// run.
	// +optional
	// +kubebuilder:validation:MaxLength=20
	Strip string `json:"strip,omitempty"`

	// lastGood is the last run that passed before firstBad; empty if none is known.
	// +optional
	LastGood *TestOutcome `json:"lastGood,omitempty"`

	// firstBad is the first run that failed after lastGood. It stays when the test passes again, until it fails anew.
	// +optional
	FirstBad *TestOutcome `json:"firstBad,omitempty"`

	// flakeRatePercent is how often the test flaked in its last 20 runs: in how many it was flaky, or failed after it had
	// passed. Runs in which the test was not run do not count.
	// +optional
	FlakeRatePercent int32 `json:"flakeRatePercent,omitempty"`

	// stability is Flaky from a rate of 30 % in at least 10 runs on, and Stable again once the rate is down to 10 %. Empty
	// until then.
	// +optional
	Stability Stability `json:"stability,omitempty"`
}

// Stability reports whether the result of a test can be relied on.
// +kubebuilder:validation:Enum=Stable;Flaky
type Stability string

const (
	// StabilityStable means that the test was flaky, and is not any more.
	StabilityStable Stability = "Stable"
	// StabilityFlaky means that the test passes and fails without a change.
	StabilityFlaky Stability = "Flaky"
)
