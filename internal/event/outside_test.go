// SPDX-License-Identifier: Apache-2.0

package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// TestOutsideRunOf finds the run in a CloudEvent, as report writes it and as others do.
func TestOutsideRunOf(t *testing.T) {
	for data, want := range map[string]event.OutsideRun{
		`{"suite":"smoke","run":"ci-1","result":"Passed","failed":0}`:                            {Suite: "smoke", Name: "ci-1"},
		`{"suite":"smoke","run":"ci-1","result":"failed"}`:                                       {Suite: "smoke", Name: "ci-1", Failed: true},
		`{"suite":"smoke","run":"ci-1","result":"Passed","failed":2}`:                            {Suite: "smoke", Name: "ci-1", Failed: true},
		`{"suite":"smoke","run":"ci-1","severity":"High"}`:                                       {Suite: "smoke", Name: "ci-1", Failed: true},
		`{"suite":"smoke","run":"ci-1","result":"Passed","severity":"Low"}`:                      {Suite: "smoke", Name: "ci-1"},
		`{"labels":{"integrations.voiceai.dev/suite":"smoke"},"run":"ci_1.a","result":"Passed"}`: {Suite: "smoke", Name: "ci_1.a"},
		`{"suite":"smoke"}`:                                          {},
		`{"run":"ci-1"}`:                                             {},
		`{"suite":"smoke","run":"../../secret"}`:                     {},
		`{"suite":"smoke","run":"-"}`:                                {},
		`{"suite":"smoke","run":"` + strings.Repeat("a", 254) + `"}`: {},
	} {
		body := `{"specversion":"1.0","id":"1","source":"ci","type":"dev.voiceai.testrun.completed","data":` + data + `}`
		batch, err := event.DecodeCloudEvents("application/cloudevents+json", nil, strings.NewReader(body), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := event.OutsideRunOf(&batch.Events[0]); got != want || ok != (want.Name != "") {
			t.Errorf("%s: got %+v, %t", data, got, ok)
		}
	}
	e := event.RunCompleted(job("Complete", ""), event.Result{}, nil)
	if got, ok := event.OutsideRunOf(&e); ok {
		t.Errorf("a Job is %+v", got)
	}
}
