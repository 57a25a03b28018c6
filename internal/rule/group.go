package rule

import (
	"net/url"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// GroupKey says which digest of the rule an event belongs to: those with the same key, for which events are collected for window. A key reads
// like severity=High&suite=smoke and does not depend on the order in spec.grouping.by. grouped is false when the rule sends one message an
// event.
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
