// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"net/url"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// GroupKey returns the key of the digest that an event belongs to, and how long events are collected for it. A key
// looks like severity=High&suite=smoke and does not depend on the order in spec.grouping.by. grouped is false when
// the rule sends a message for each event.
func (c *Compiled) GroupKey(e *event.Event) (key string, window time.Duration, grouped bool) {
	if c.grouping == nil {
		return "", 0, false
	}
	values := url.Values{}
	for _, by := range c.grouping.By {
		values.Set(string(by), groupValue(e, by))
	}
	return values.Encode(), time.Duration(c.grouping.WindowSeconds) * time.Second, true
}

// groupValue returns the value of an event that events of one digest share.
func groupValue(e *event.Event, by v1alpha1.GroupKey) string {
	switch by {
	case "type":
		return string(e.Type)
	case "severity":
		return string(e.Severity)
	case "suite":
		if suite := e.Text("suite"); suite != "" {
			return suite
		}
		return e.Labels[v1alpha1.SuiteLabel]
	default:
		return e.Labels[string(by)]
	}
}
