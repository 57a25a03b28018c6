// SPDX-License-Identifier: Apache-2.0

package callsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Version is the version of the simulated agent.
const Version = "1.4.0"

// attempts is how often a call is made before it counts as failed.
const attempts = 2

// call is an attempt of a scenario.
type call struct {
	scenario *scenario
	id       string
	// outage is what kept the call from being made; empty when it was made.
	outage string
	// failed is the number of the turn that failed, starting at 1; 0 when none did.
	failed         int
	heard, answer  string
	offset, length int
	// model and speech are the latencies of the turns so far, in milliseconds.
	model, speech []int
	// words and wrong count the words that the caller said, and those that were misheard.
	words, wrong int
}

// run makes all calls, and returns each attempt of each. The same seed has the same result. With an outage no call can be made.
func run(seed uint64, outage bool) []*call {
	var out []*call
	for i := range scenarios {
		for attempt := range attempts {
			random := rand.New(rand.NewPCG(seed, uint64(i*attempts+attempt))) //nolint:gosec // it decides nothing of importance
			c := &call{scenario: &scenarios[i], id: fmt.Sprintf("call-%x-%d-%d", seed, i+1, attempt+1)}
			if outage {
				c.outage = fmt.Sprintf("dialing the agent: 503 Service Unavailable (request %08x)", random.Uint32())
			} else {
				c.make(random)
			}
			out = append(out, c)
			if !c.hasFailed() {
				break
			}
		}
	}
	return out
}

func (c *call) hasFailed() bool { return c.failed > 0 || c.outage != "" }

// make makes the call until a turn fails.
func (c *call) make(random *rand.Rand) {
	agent := &agent{}
	for i, t := range c.scenario.turns {
		c.offset = c.length
		c.heard = hear(t.says, c.scenario.noise, random)
		c.answer = agent.answer(c.heard)
		c.count(t.says)
		c.model = append(c.model, 350+random.IntN(500))
		c.speech = append(c.speech, 120+random.IntN(80))
		c.length += 400*len(strings.Fields(t.says+" "+c.answer)) + c.model[i] + c.speech[i]
		if c.answer != t.expects {
			c.failed = i + 1
			return
		}
	}
}

func (c *call) count(said string) {
	heard := strings.Fields(c.heard)
	for i, w := range strings.Fields(said) {
		c.words++
		if heard[i] != w {
			c.wrong++
		}
	}
}

// quantile returns the smallest latency that a share of turns, in percent, does not exceed.
func quantile(turns []int, percent int) int {
	sorted := slices.Sorted(slices.Values(turns))
	return sorted[(percent*len(sorted)+99)/100-1]
}
