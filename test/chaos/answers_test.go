// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// records returns how many answers the integration owes.
func (r *replicas) records() (n int) {
	r.t.Helper()
	i := &v1alpha1.SlackIntegration{ObjectMeta: r.meta("slack")}
	if err := cluster.Get(r.t.Context(), client.ObjectKeyFromObject(i), i); err != nil {
		r.t.Fatal(err)
	}
	for k := range i.Annotations {
		if strings.HasPrefix(k, v1alpha1.SlackAnswerAnnotationPrefix) {
			n++
		}
	}
	return n
}

// TestAcknowledgedClickIsAnswered kills the leader after it acknowledged a click and before it answered. The next leader
// answers.
func TestAcknowledgedClickIsAnswered(t *testing.T) {
	r := newReplicas(t, false)
	r.createDefects(1)
	ts := r.message("Defect 1")
	r.requests.Store(1) // the leader receives the next one
	killed := make(chan struct{})
	r.onAnswer.Store(new(func() { <-killed })) // Slack does not take the answer
	failed := r.click(ts)
	if n := r.records(); n < 1 || n > 1+failed {
		t.Errorf("%d answers are recorded when the click is acknowledged", n)
	}
	r.leader.Kill()
	r.killed.Store(true)
	close(killed)
	r.onAnswer.Store(nil)
	r.poll("an answer to the click", func() bool {
		for _, p := range r.slack.Privates(slack.AlertsChannel) {
			if strings.Contains(p.Text, "There is no answer to the button Create ticket") {
				return true
			}
		}
		return false
	})
	r.poll("the record to be removed", func() bool { return r.records() == 0 })
	r.expectOneTicketEach()
}

// TestRunIsAnsweredOnce kills each process that is to answer the end of a run. The last one does, once.
func TestRunIsAnsweredOnce(t *testing.T) {
	r := newReplicas(t, false)
	suite := &batchv1.CronJob{ObjectMeta: r.meta("smoke")}
	suite.Labels = map[string]string{v1alpha1.SuiteLabel: "smoke"}
	suite.Spec.Schedule = "0 0 1 1 *"
	suite.Spec.JobTemplate.Spec.Template.Spec = corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "tests", Image: "tests"}},
	}
	r.create(suite)
	jobs := &batchv1.JobList{}
	started := func() bool {
		if err := cluster.List(t.Context(), jobs, client.InNamespace(r.namespace)); err != nil {
			t.Fatal(err)
		}
		return len(jobs.Items) == 1
	}
	r.poll("the run to be started", func() bool { // the replica's cache may not have the suite yet
		before := len(r.slack.Privates(slack.AlertsChannel))
		if err := r.slack.Run(t.Context(), r.ann(), "run smoke"); err != nil {
			t.Log(err) // the person sees it
		}
		r.poll("the run, or why there is none", func() bool {
			return started() || len(r.slack.Privates(slack.AlertsChannel)) > before
		})
		return started()
	})
	r.leader.Kill()
	r.killed.Store(true)
	killed := make(chan struct{})
	kill := sync.OnceFunc(func() {
		r.follower.Kill()
		close(killed)
	})
	r.onCall.Store(new(func(_ int64, m moment) bool {
		if m == done {
			kill()
		}
		return m == done
	}))
	end(t, &jobs.Items[0])
	<-killed // the message was posted, and no process knows
	r.onCall.Store(nil)
	r.startReplica()
	r.poll("the record to be removed", func() bool { return r.records() == 0 })
	answers := 0
	for _, m := range r.slack.Messages(slack.AlertsChannel) {
		if content := m.Text + string(m.Blocks) + string(m.Attachments); strings.Contains(content, "@"+slack.Ann) {
			answers++
			if !strings.Contains(content, "smoke") {
				t.Errorf("the answer is %s", content)
			}
		}
	}
	if answers != 1 {
		t.Errorf("the run is answered %d times", answers)
	}
}

// end ends a run.
func end(t *testing.T, j *batchv1.Job) {
	t.Helper()
	now := metav1.NewTime(time.Now())
	j.Status.StartTime = &now
	for _, c := range []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed} {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{
			Type: c, Status: corev1.ConditionTrue, LastTransitionTime: now, Reason: batchv1.JobReasonBackoffLimitExceeded,
		})
	}
	if err := cluster.Status().Update(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}
