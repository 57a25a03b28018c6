// SPDX-License-Identifier: Apache-2.0

package upgrade_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestUpgrade upgrades from the recorded version: it restores etcd, Slack and Jira as that operator left them an hour ago,
// applies the CRDs of now and starts the operator of now, in both orders. Nothing is filed or sent twice, what waited is done
// once, and what is new works.
func TestUpgrade(t *testing.T) {
	programs := t.TempDir()
	run(t, root, "", "go", "build", "-o", programs, "./cmd/operator")
	nothing := func(*world, recording) {}
	for name, c := range map[string]struct{ before, after func(*world, recording) }{
		"the CRDs first":     {before: (*world).applyCRDs, after: nothing},
		"the operator first": {before: nothing, after: (*world).applyCRDs},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			r := readRecording(t, time.Now().Add(-time.Hour), s.server.URL)
			w := newWorld(t, "testdata/crds", programs)
			w.restore(s, r)
			defects := w.list(&v1alpha1.DefectList{}).(*v1alpha1.DefectList).Items
			counts := s.State().Slack.Counts
			if len(defects) != 5 || s.State().Jira.Counts.Creates != 3 || counts.Posts != 8 || counts.WebhookPosts != 1 {
				t.Fatalf("the recording has %d Defects, %d tickets and %+v", len(defects), s.State().Jira.Counts.Creates, counts)
			}

			c.before(w, r)
			w.startOperator("--call-timeout=2s", "--allow-loopback")
			w.kubectl("", "patch", "jiraintegration/slow", "--type=merge", "-p", `{"spec":{"settleSeconds":1}}`)
			w.checkKept(defects)
			w.expectSent(s, sent{
				tickets: 3,     // the ticket of "held" is adopted
				posts:   8 + 3, // two digests, and that "held" has a ticket
				waiting: 1,     // for the suspended integration
			})
			c.after(w, r)
			w.useUpgraded(s)
		})
	}
}

// useUpgraded does what waited for the upgrade, and what a team does afterwards.
func (w *world) useUpgraded(s *service) {
	w.t.Helper()
	w.kubectl("", "patch", "slackintegration/suspended", "--type=merge", "-p", `{"spec":{"suspend":false}}`)
	w.expectSent(s, sent{tickets: 3, posts: 12})

	w.kubectl("apiVersion: integrations.voiceai.dev/v1alpha1\nkind: Defect\nmetadata: {name: after}\n"+
		"spec: {title: Assistant repeats itself, severity: High}\n", "apply", "-f", "-")
	if !s.Jira().Move("VOICE-1", "Done") {
		w.t.Fatal("VOICE-1 cannot be moved")
	}
	w.kubectl("", "annotate", "defect/open", v1alpha1.JiraChangedAtAnnotation+"="+time.Now().UTC().Format(time.RFC3339))
	w.expectSent(s, sent{
		tickets: 4,
		posts:   15, // "after" was found and has a ticket, "open" is resolved
		waiting: 1,  // its digest
	})
	w.kubectl("", "wait", "--for=jsonpath={.status.state}=Resolved", "--timeout=4m", "defect/open")
}

// restore stores what the operator of a recording had stored, and repeats its calls.
func (w *world) restore(s *service, r recording) {
	w.t.Helper()
	s.replay(w.t, r.Calls)
	objects, err := os.ReadFile("testdata/objects.yaml")
	must(w.t, err)
	secret, _, _ := strings.Cut(string(objects), "\n---\n")
	w.kubectl(strings.ReplaceAll(secret, placeholder, s.server.URL), "apply", "-f", "-")
	w.store(r.Objects)
	w.poll("the API server to have the objects", func() string {
		if n := len(w.list(&v1alpha1.NotificationList{}).(*v1alpha1.NotificationList).Items); n == 0 {
			return "there are no Notifications"
		}
		return ""
	})
}

// applyCRDs applies the CRDs and the policies of now, and checks that they accept each recorded object, as it was stored or as
// the operator has changed it, and also as a new one. The test's control plane has the old CRDs from another manager.
func (w *world) applyCRDs(r recording) {
	w.t.Helper()
	before := w.read(r)
	for _, dir := range []string{"config/crd", "config/policy"} {
		w.kubectl("", "apply", "--server-side", "--force-conflicts", "-k", dir)
	}
	w.kubectl("", "wait", "--for=condition=Established", "crd", "--all", "--timeout=4m")
	for key, o := range w.read(r) {
		if diff := cmp.Diff(before[key].Object["spec"], o.Object["spec"]); diff != "" {
			w.t.Errorf("the CRDs of now change the spec of %s:\n%s", key, diff)
		}
		o.SetName(o.GetName() + "-copy")
		o.SetResourceVersion("")
		if err := w.kube.Create(w.t.Context(), o, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
			w.t.Errorf("what is in %s is refused: %v", key, err)
		}
	}
}

// read reads the recorded objects from the API server.
func (w *world) read(r recording) map[string]*unstructured.Unstructured {
	w.t.Helper()
	out := map[string]*unstructured.Unstructured{}
	for key, stored := range r.Objects {
		o := &unstructured.Unstructured{}
		must(w.t, o.UnmarshalJSON(stored))
		must(w.t, w.kube.Get(w.t.Context(), client.ObjectKeyFromObject(o), o))
		out[key] = o
	}
	return out
}

// list lists objects.
func (w *world) list(list client.ObjectList) client.ObjectList {
	w.t.Helper()
	must(w.t, w.kube.List(w.t.Context(), list, client.InNamespace(namespace)))
	return list
}

// sent is how much there is in Jira and Slack.
type sent struct {
	tickets int
	// posts are messages besides that of the webhook.
	posts int
	// waiting is how many Notifications are not delivered.
	waiting int
}

// expectSent waits until everything is done, and checks how much that is.
func (w *world) expectSent(s *service, want sent) {
	w.t.Helper()
	w.poll("the operator", func() string {
		waiting := 0
		for _, n := range w.list(&v1alpha1.NotificationList{}).(*v1alpha1.NotificationList).Items {
			if !condition.Is(&n, v1alpha1.ConditionDelivered, metav1.ConditionTrue, "") {
				waiting++
			}
		}
		if missing := w.unticketed(); missing != "" {
			return missing
		}
		state := s.State()
		got := sent{state.Jira.Counts.Creates, state.Slack.Counts.Posts, waiting}
		if got == want {
			return ""
		}
		var messages []string
		for _, channel := range state.Slack.Channels {
			for _, m := range channel.Messages {
				messages = append(messages, fmt.Sprintf("%s %s in thread %q: %s", channel.Name, m.TS, m.ThreadTS, m.Text))
			}
		}
		return fmt.Sprintf("there are %+v, want %+v; messages:\n%s", got, want, strings.Join(messages, "\n"))
	})
	if n := s.State().Slack.Counts.WebhookPosts; n != 1 {
		w.t.Errorf("there are %d messages by the webhook, want 1", n)
	}
}

// unticketed describes a Defect that is not Ticketed, or returns "".
func (w *world) unticketed() string {
	for _, d := range w.list(&v1alpha1.DefectList{}).(*v1alpha1.DefectList).Items {
		if !condition.Is(&d, v1alpha1.ConditionTicketed, metav1.ConditionTrue, "") {
			return fmt.Sprintf("Defect %s: %+v", d.Name, d.Status.Conditions)
		}
	}
	return ""
}

// checkKept waits until the operator has written the status of each Defect, and checks that it has kept what is in them.
func (w *world) checkKept(before []v1alpha1.Defect) {
	w.t.Helper()
	w.poll("the Defects to be Ticketed", w.unticketed)
	for _, d := range before {
		after := &v1alpha1.Defect{}
		must(w.t, w.kube.Get(w.t.Context(), types.NamespacedName{Namespace: namespace, Name: d.Name}, after))
		want := lasting(d)
		if d.Name == "held" {
			want["ticket"] = "OPS-1"
		}
		got := lasting(*after)
		for name, value := range want {
			if diff := cmp.Diff(value, got[name]); diff != "" {
				w.t.Errorf("%s of Defect %s has changed: %s", name, d.Name, diff)
			}
		}
	}
}

// lasting returns what an upgrade keeps of a Defect's status. Where the recorded operator had not written it yet, there is less.
func lasting(d v1alpha1.Defect) map[string]any {
	out := map[string]any{"uid": d.UID}
	if d.Status.State != "" {
		out["state"] = d.Status.State
		out["occurrences"] = d.Status.Occurrences
		out["times"] = []*metav1.Time{d.Status.FirstSeenTime, d.Status.LastSeenTime, d.Status.ResolvedTime}
		out["change"] = d.Status.StateChange
	}
	if ticket := d.Status.Jira; ticket != nil && ticket.Key != "" {
		out["ticket"] = ticket.Key
		out["link"] = ticket.URL
	}
	for _, m := range d.Status.Messages {
		out["message of rule "+m.Rule] = m
	}
	return out
}

// TestRecordingIsWhole checks that the recording has an object of every kind of its version.
func TestRecordingIsWhole(t *testing.T) {
	r := readRecording(t, time.Now(), placeholder)
	crds, err := filepath.Glob("testdata/crds/*.yaml")
	must(t, err)
	if len(crds) == 0 {
		t.Fatal("there are no CRDs")
	}
	for _, file := range crds {
		plural := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "integrations.voiceai.dev_"), ".yaml")
		found := false
		for key := range r.Objects {
			found = found || strings.HasPrefix(key, group+plural+"/")
		}
		if !found {
			t.Errorf("there are no %s", plural)
		}
	}
}
