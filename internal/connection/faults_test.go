// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

func accept() error { return nil }

// inDoubt is the fault of a create that was answered 500 or not at all.
func inDoubt() *fault.Fault { return fault.New(fault.Ambiguous, "Jira answered with an error (500)") }

// TestPoisonedItems makes sure that items that the other side cannot take hold up no others, and are given up for long in
// the end, each with its text.
func TestPoisonedItems(t *testing.T) {
	for name, f := range map[string]*fault.Fault{"in doubt": inDoubt(), "unavailable": down()} {
		for _, poisoned := range []int{1, 4, 6, 12} {
			for _, limits := range []connection.Limits{{}, {Concurrency: 32}, {LanePerSecond: 1, LaneBurst: 3}} {
				t.Run(fmt.Sprintf("%s, %d, %+v", name, poisoned, limits), func(t *testing.T) {
					s := side{probe: accept, answer: func(object string, _ int) error {
						if strings.HasPrefix(object, "bad") {
							return f
						}
						return nil
					}}
					drive(t, limits, s, func(t *testing.T, d *driver) {
						bad := names("bad", poisoned)
						for _, n := range bad {
							d.create("create", n)
						}
						pass(5 * time.Second)
						begin := time.Now()
						good := names("good", 3)
						for _, n := range good {
							d.create("create", n)
						}
						pass(time.Minute)
						if took := d.doneAfter(begin, good...); took > time.Duration(poisoned)*time.Second+3*time.Second {
							t.Errorf("the good ones took %s", took)
						}
						pass(30 * time.Minute)
						for _, n := range bad {
							if k := d.attemptsOf(n); k < 5 || k > 25 {
								t.Errorf("%s was tried %d times", n, k)
							}
							a := d.answerOf(n)
							if f := fault.From(a.Err); f == nil || !f.Persistent || !strings.Contains(f.Error(), f.Message) || a.RetryAt.IsZero() {
								t.Errorf("the answer of %s is %+v, want a persistent fault", n, a)
							}
						}
						before := d.attemptsOf("bad0")
						begin = time.Now()
						for i := range 1000 { // more good ones do not make them due
							d.create("create", fmt.Sprint("more", i))
							pass(time.Second)
						}
						pass(10 * time.Second)
						if took := d.doneAfter(begin, names("more", 1000)...); took > 1005*time.Second {
							t.Errorf("the others took %s", took)
						}
						if k := d.attemptsOf("bad0") - before; k > 1 {
							t.Errorf("a stalled item was tried %d times in 17 minutes", k)
						}
						if d.conn.UnresolvedFault() != nil || d.conn.PauseFault() != nil {
							t.Error("the connection is in trouble")
						}
					})
				})
			}
		}
	}
}

// TestDroppedAnswers makes sure that many calls without an answer do not stop the others for long while probes succeed.
func TestDroppedAnswers(t *testing.T) {
	for _, dropped := range []int{5, 20, 50} {
		for name, arrive := range map[string]time.Duration{"one in a second": time.Second, "at once": 0} {
			t.Run(fmt.Sprintf("%d, %s", dropped, name), func(t *testing.T) {
				s := side{probe: accept, answer: func(_ string, n int) error {
					if n < dropped {
						return inDoubt()
					}
					return nil
				}}
				drive(t, connection.Limits{Concurrency: 4}, s, func(t *testing.T, d *driver) {
					begin := time.Now()
					all := names("x", 100)
					for _, n := range all {
						d.create("create", n)
						pass(arrive)
					}
					pass(max(0, time.Duration(dropped)*2*time.Second-100*arrive) + time.Second)
					if n := d.countDone(); n < 100-dropped {
						t.Errorf("%d succeeded within %s", n, time.Since(begin))
					}
					pass(5 * time.Minute)
					if took := d.doneAfter(begin, all...); took > 4*time.Minute {
						t.Errorf("all took %s", took)
					}
				})
			})
		}
	}
}

// TestResumesSoon makes sure that work goes on within 30 s of the other side working again, however long it was away, and
// that it is not called much meanwhile.
func TestResumesSoon(t *testing.T) {
	for name, c := range map[string]struct {
		fault  *fault.Fault
		probes bool // whether they fail too
	}{
		"down":                       {down(), true},
		"calls in doubt":             {inDoubt(), true},
		"calls fail":                 {down(), false},
		"calls refused":              {refused(), false},
		"calls of one endpoint fail": {down(), false},
	} {
		for _, objects := range []int{1, 3, 200} {
			for _, away := range []time.Duration{time.Minute, 10 * time.Minute, 20 * time.Hour} {
				if c.fault.Kind == fault.Unauthorized && objects < 100 {
					continue // a person has to allow it, which is noticed after minutes
				}
				t.Run(fmt.Sprintf("%s, %d, %s", name, objects, away), func(t *testing.T) {
					begin := time.Time{}
					isAway := func() bool { return time.Since(begin) < away }
					s := side{
						probe: func() error {
							if c.probes && isAway() {
								return down()
							}
							return nil
						},
						answer: func(object string, _ int) error {
							if isAway() && object != "other" {
								return c.fault
							}
							return nil
						},
					}
					drive(t, connection.Limits{Concurrency: 4}, s, func(t *testing.T, d *driver) {
						begin = time.Now()
						all := names("x", objects)
						for _, n := range all {
							d.create("create", n)
						}
						if strings.Contains(name, "one endpoint") {
							d.create("other", "other")
						}
						pass(away + 2*time.Minute)
						within := 30 * time.Second
						if c.fault.Kind == fault.Ambiguous && objects < 100 {
							within += settle // the last one tried is in doubt
						}
						if took := d.doneAfter(begin, all...) - away; took > within {
							t.Errorf("went on %s after the other side", took)
						}
						total := 0
						for _, n := range all {
							total += d.attemptsOf(n)
						}
						if most := objects + 150 + int(away/(5*time.Second)); total > most {
							t.Errorf("%d calls, want %d at most", total, most)
						}
						if n := d.probeCount(); n > 20+int(away/(5*time.Second)) {
							t.Errorf("%d probes", n)
						}
					})
				})
			}
		}
	}
}

// TestRefusalOfOneEndpoint makes sure that a refusal of one endpoint's calls, or of one object's, that counts as one of the
// credentials does not keep other calls from being made.
func TestRefusalOfOneEndpoint(t *testing.T) {
	for name, endpoint := range map[string]string{"another endpoint": "comment", "one object": "read"} {
		for _, bad := range []int{1, 20} {
			t.Run(fmt.Sprintf("%s, %d", name, bad), func(t *testing.T) {
				s := side{probe: accept, answer: func(object string, _ int) error {
					if strings.HasPrefix(object, "bad") {
						return refused()
					}
					return nil
				}}
				drive(t, connection.Limits{Concurrency: 4}, s, func(t *testing.T, d *driver) {
					begin := time.Now()
					for _, n := range names("bad", bad) {
						d.create(endpoint, n)
					}
					for i := range 2000 {
						d.create("read", fmt.Sprint("good", i))
						pass(10 * time.Millisecond)
					}
					pass(5 * time.Second)
					if took := d.doneAfter(begin, names("good", 2000)...); took > 23*time.Second {
						t.Errorf("the good ones took %s", took)
					}
					for _, n := range names("bad", bad) {
						if k := d.attemptsOf(n); k > 4 {
							t.Errorf("%s was tried %d times", n, k)
						}
					}
				})
			})
		}
	}
}
