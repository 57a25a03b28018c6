// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"cmp"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/view"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// maxNeeds bounds how many needs are listed.
const maxNeeds = 20

// Need is what stays as it is until a person acts.
type Need struct {
	Object    string    `json:"object" doc:"The object, as Kind/namespace/name; the newest when there are several."`
	Title     string    `json:"title,omitempty" doc:"The title of what the object is about."`
	EventType string    `json:"eventType,omitempty" doc:"The type of a Notification's event."`
	Condition string    `json:"condition" doc:"The condition that is not met, such as Ticketed or Delivered."`
	Reason    string    `json:"reason" doc:"The condition's reason."`
	Message   string    `json:"message" doc:"Why, and what to do."`
	Time      time.Time `json:"time" doc:"Since when; of the newest."`
	Count     int       `json:"count" doc:"How many objects have this need."`
}

// needKey is what alike needs have in common. name is that of a rule or an integration: these are few, and listed one
// by one, because no list has a filter for their needs.
type needKey struct{ kind, namespace, name, condition, reason, message string }

// needs collects alike needs together.
type needs map[needKey]*Need

// neededBy is an object with a need.
type neededBy struct {
	name, title string
	eventType   v1alpha1.EventType
	since       time.Time
}

func (n needs) add(key needKey, by neededBy) {
	need := n[key]
	if need == nil {
		need = &Need{Condition: key.condition, Reason: key.reason, Message: key.message}
		n[key] = need
	}
	need.Count++
	object := key.kind + "/" + key.namespace + "/" + by.name
	isNewest := need.Count == 1 || by.since.After(need.Time)
	if isNewest || by.since.Equal(need.Time) && object < need.Object { // regardless of the order in which objects are added
		need.Object = object
		need.Title = by.title
		need.EventType = string(by.eventType)
		need.Time = by.since
	}
}

// addIntegration adds an integration that does not work.
func (n needs) addIntegration(o condition.Object, s *view.IntegrationStatus) {
	if c := condition.Get(o, v1alpha1.ConditionReady); c != nil && s.Status == view.StatusError {
		n.add(needKey{s.Kind, s.Namespace, s.Name, c.Type, c.Reason, s.Message},
			neededBy{name: s.Name, title: s.Name, since: c.LastTransitionTime.UTC()})
	}
}

// newest returns the newest needs, at most maxNeeds, and how many objects have any.
func (n needs) newest() (out []Need, total int) {
	out = make([]Need, 0, len(n))
	for _, one := range n {
		total += one.Count
		out = append(out, *one)
	}
	return newestNeeds(out), total
}

func newestNeeds(all []Need) []Need {
	slices.SortFunc(all, func(a, b Need) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason))
	})
	return all[:min(len(all), maxNeeds)]
}
