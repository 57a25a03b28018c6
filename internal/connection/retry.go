// SPDX-License-Identifier: Apache-2.0

package connection

import "github.com/voiceai-dev/integrations-operator/internal/fault"

// RetryRefused makes the calls due that were refused until a person changes something, and enqueues their objects.
// Call it when something has changed in Slack or Jira. What is still wrong is refused again.
func (c *Connection[C, R]) RetryRefused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lanes {
		for key, e := range l.entries {
			if f := fault.From(e.answer.Err); e.state == done && f != nil && f.Kind.Permanent() {
				e.answer.RetryAt = c.clock.Now()
				c.enqueue(key)
			}
		}
	}
}
