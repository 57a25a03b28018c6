// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// maxMentions bounds how many users and groups a message mentions.
const maxMentions = 10

// Mentions returns whom a message about an event mentions, each once: those of all messages first.
func Mentions(spec *v1alpha1.NotificationRuleSpec, e *event.Event) []v1alpha1.Mention {
	out := AddMentions(nil, spec.Mentions)
	for i := range spec.MentionsOnFailure {
		if isAbout(&spec.MentionsOnFailure[i], e) {
			out = AddMentions(out, spec.MentionsOnFailure[i].Mentions)
		}
	}
	return out
}

// AddMentions adds mentions to others, each once and no more than a message has.
func AddMentions(to, more []v1alpha1.Mention) []v1alpha1.Mention {
	for _, m := range more {
		if !slices.Contains(to, m) && len(to) < maxMentions {
			to = append(to, m)
		}
	}
	return to
}

// isAbout reports whether a mention is about what failed in an event: a run, or the test of a Defect.
func isAbout(m *v1alpha1.FailureMention, e *event.Event) bool {
	if e.Type == v1alpha1.EventTestRunCompleted && e.Text("result") != event.Failed {
		return false
	}
	return isAny(m.Suites, groupValue(e, "suite")) && (len(m.Tests) == 0 ||
		slices.ContainsFunc(e.FailedTests(), func(test string) bool { return isAny(m.Tests, test) }))
}

// isAny reports whether a name matches one of some patterns, or whether there are none.
func isAny(patterns []v1alpha1.NamePattern, name string) bool {
	return len(patterns) == 0 ||
		slices.ContainsFunc(patterns, func(p v1alpha1.NamePattern) bool { return matches(string(p), name) })
}

// matches reports whether a name matches a pattern, in which each * stands for any text. All other characters of names,
// such as slashes and brackets, stand for themselves.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
