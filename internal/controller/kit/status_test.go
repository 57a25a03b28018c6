// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestLogTransition checks that a write of a status logs what it changed in one line, and what a Notification is about.
func TestLogTransition(t *testing.T) {
	var lines []string
	log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	ctx := ctrl.LoggerInto(t.Context(), log)
	before := &v1alpha1.Defect{}
	after := before.DeepCopy()
	after.Status.State = v1alpha1.StateOpen
	condition.True(after, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is VOICE-1")
	condition.NotReady(after, condition.Reconciling, v1alpha1.ReasonDelivering, "0 of 1")
	logTransition(ctx, before, after)
	again := after.DeepCopy()
	condition.NotReady(again, condition.Reconciling, v1alpha1.ReasonDelivering, "1 of 2")
	logTransition(ctx, after, again)
	n := &v1alpha1.Notification{}
	n.Spec.Event.Type = v1alpha1.EventDefectCreated
	n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: "qa", Name: "d"}
	sent := n.DeepCopy()
	condition.True(sent, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Accepted")
	logTransition(ctx, n, sent)
	want := []string{
		`"level"=0 "msg"="Status changed" "Now"=["Ticketed=True Filed: The ticket is VOICE-1" "Ready=False Delivering: 0 of 1" "state Open"]`,
		`"level"=0 "msg"="Status changed" "Event"="DefectCreated" "Subject"="Defect/qa/d" "Now"=["Delivered=True Sent: Accepted"]`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

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
	missingSecret := func(progress condition.Progress) func(condition.Object) {
		return func(o condition.Object) { condition.NotReady(o, progress, v1alpha1.ReasonSecretNotFound, "Create it") }
	}
	waits := missingSecret(condition.Reconciling)
	stalls := missingSecret(condition.Stalled)
	of := func(o Object, stalled string) Object {
		if condition.Ready(o, v1alpha1.ReasonReady, ""); stalled != "" {
			condition.NotReady(o, condition.Stalled, stalled, "Missing")
		}
		return o
	}
	const (
		page         = "https://github.com/voiceai-dev/integrations-operator/blob/main/docs/troubleshooting.md#"
		unavailable  = "Warning Unavailable No answer. See " + page + "unavailable"
		noSecret     = "Warning SecretNotFound Create it. See " + page + "secretnotfound"
		unauthorized = "Warning Unauthorized Not accepted. See " + page + "unauthorized"
		missing      = "Warning IntegrationNotFound Missing. See " + page + "integrationnotfound"
		ready        = "Normal Ready All is well"
	)
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
		"waits for another object":    {&v1alpha1.Notification{}, of(&v1alpha1.Notification{}, v1alpha1.ReasonIntegrationNotFound), ""},
		"no longer waits for it":      {of(&v1alpha1.Notification{}, v1alpha1.ReasonIntegrationNotFound), of(&v1alpha1.Notification{}, ""), ""},
		"names a missing object":      {&v1alpha1.NotificationRule{}, of(&v1alpha1.NotificationRule{}, v1alpha1.ReasonIntegrationNotFound), missing},
		"its integration is down":     {&v1alpha1.NotificationRule{}, of(&v1alpha1.NotificationRule{}, v1alpha1.ReasonIntegrationPaused), ""},
		"its integration's Secret":    {&v1alpha1.NotificationRule{}, of(&v1alpha1.NotificationRule{}, v1alpha1.ReasonSecretNotFound), ""},
		"no Secret, announced":        {slack(false, waits), slack(true, waits), noSecret},
		"no Secret, for long":         {slack(true, waits), slack(true, stalls), ""},
		"no Secret, stalled at first": {slack(false, waits), slack(false, stalls), noSecret},
		"no Secret, announced later":  {slack(false, stalls), slack(true, stalls), ""},
		"the Secret is there":         {slack(true, stalls), slack(false, well), ready},
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

// TestInvalidObject checks that an object whose status the API server refuses gets an event that explains it, and is not
// retried again and again.
func TestInvalidObject(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	n := &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "r"}}
	refuse := interceptor.Funcs{SubResourceUpdate: func(
		context.Context, client.Client, string, client.Object, ...client.SubResourceUpdateOption,
	) error {
		return apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("NotificationRule").GroupKind(), "r",
			field.ErrorList{field.Required(field.NewPath("spec", "eventTypes"), "name one")})
	}}
	recorder := events.NewFakeRecorder(8)
	w := StatusWriter{
		Client:   fake.NewClientBuilder().WithScheme(scheme).WithObjects(n).WithInterceptorFuncs(refuse).Build(),
		Recorder: recorder,
	}
	after := n.DeepCopy()
	condition.Ready(after, v1alpha1.ReasonReady, "")
	result, err := w.Write(t.Context(), n, after, ctrl.Result{})
	if err != nil || result.RequeueAfter != invalidDelay {
		t.Errorf("got %v, %v, want to try again after %s", result, err, invalidDelay)
	}
	close(recorder.Events)
	if got := <-recorder.Events; !strings.Contains(got, "Warning Invalid") || !strings.Contains(got, "spec.eventTypes") {
		t.Errorf("the event is %q", got)
	}
}
