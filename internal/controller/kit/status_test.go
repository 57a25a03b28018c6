package kit

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestRecordTransition checks that each transition that a person should see is one event.
func TestRecordTransition(t *testing.T) {
	slack := func(down bool, set func(condition.Object)) Object {
		i := &v1alpha1.SlackIntegration{}
		if set(i); down {
			at := metav1.Now()
			i.Status.UnhealthySince = &at
		}
		return i
	}
	jira := func(down bool, set func(condition.Object)) Object {
		i := &v1alpha1.JiraIntegration{}
		i.Status.Conditions = slack(down, set).(*v1alpha1.SlackIntegration).Status.Conditions
		i.Status.UnhealthySince = slack(down, set).(*v1alpha1.SlackIntegration).Status.UnhealthySince
		return i
	}
	well := func(o condition.Object) { condition.Ready(o, v1alpha1.ReasonReady, "All is well") }
	out := func(o condition.Object) {
		condition.NotReady(o, condition.Reconciling, v1alpha1.ReasonUnavailable, "No answer")
	}
	refused := func(o condition.Object) {
		condition.NotReady(o, condition.Stalled, v1alpha1.ReasonUnauthorized, "Not accepted")
	}
	const unavailable, unauthorized, ready = "Warning Unavailable No answer", "Warning Unauthorized Not accepted", "Normal Ready All is well"
	for name, c := range map[string]struct {
		before, after Object
		want          string
	}{
		"well before and after":       {slack(false, well), slack(false, well), ""},
		"an outage that may be short": {slack(false, well), slack(false, out), ""},
		"an outage that is not":       {slack(false, out), slack(true, out), unavailable},
		"it goes on":                  {slack(true, out), slack(true, out), ""},
		"it is over":                  {slack(true, out), slack(false, well), ready},
		"of Jira":                     {jira(false, out), jira(true, out), unavailable},
		"of Jira, over":               {jira(true, out), jira(false, well), ready},
		"a short one is over":         {slack(false, out), slack(false, well), ""},
		"refused":                     {slack(false, well), slack(false, refused), unauthorized},
		"refused, and announced":      {slack(false, refused), slack(true, refused), ""},
		"refused after an outage":     {slack(true, out), slack(true, refused), unauthorized},
		"accepted again":              {slack(true, refused), slack(false, well), ready},
	} {
		recorder := events.NewFakeRecorder(8)
		recordTransition(recorder, c.before, c.after)
		close(recorder.Events)
		got := ""
		for e := range recorder.Events {
			got += e
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
