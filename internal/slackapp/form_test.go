// SPDX-License-Identifier: Apache-2.0

package slackapp_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
)

// shortcut returns the use of the shortcut on a message.
func shortcut() inbound.Request {
	r := clickOn("", "", "")
	r.Interaction.Type = inbound.MessageAction
	r.Interaction.CallbackID = inbound.FileDefect
	r.Interaction.TriggerID = "trigger"
	r.Interaction.Actions = nil
	r.Interaction.Message.Text = "\nThe agent hangs up &amp; says nothing\nafter 3 s"
	return r
}

// submission returns the submission of a form.
func submission(f chat.Form, values map[string]string) inbound.Request {
	r := shortcut()
	r.Interaction.Type = inbound.ViewSubmission
	r.Interaction.TriggerID = "trigger of the submission"
	r.Interaction.ResponseURL = ""
	r.Interaction.Message = inbound.Message{}
	r.Interaction.View = inbound.View{ID: "V1", Metadata: f.Metadata, Values: map[string]string{}}
	for _, in := range f.Inputs {
		r.Interaction.View.Values[in.ID] = in.Initial
	}
	for id, value := range values {
		r.Interaction.View.Values[id] = value
	}
	return r
}

// formAnswer is the answer to a form, as the tests' codec encodes it.
type formAnswer struct {
	Next     *chat.Form
	Problems map[string]string
}

// submit submits a form to a replica.
func (w *world) submit(replica int, r inbound.Request) formAnswer {
	w.t.Helper()
	body, err := w.dispatchers[replica].Receive(w.t.Context(), slackapp.Delivery{
		Request: r, Integrations: []*v1alpha1.SlackIntegration{slackIntegration()},
	})
	var a formAnswer
	if err != nil || json.Unmarshal(body, &a) != nil {
		w.t.Fatalf("%s, %v", body, err)
	}
	return a
}

func textOfForm(f *chat.Form) string {
	if f == nil {
		return ""
	}
	return f.Text
}

func (w *world) defects() []v1alpha1.Defect {
	w.t.Helper()
	list := &v1alpha1.DefectList{}
	if err := w.client.List(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// TestTheShortcut opens a form at once, fills it from the message, and files one Defect, however often it is submitted.
func TestTheShortcut(t *testing.T) {
	w := newWorld(t, allow(everything()...), slackIntegration(), secret())
	w.send(0, shortcut())
	forms := w.slack.Forms()
	if len(forms) != 2 || forms[0].Submit != "" || forms[1].CallbackID != inbound.FileDefect {
		t.Fatalf("the forms are %+v", forms)
	}
	initial := map[string]string{}
	for _, in := range forms[1].Inputs {
		initial[in.ID] = in.Initial
	}
	const link = "https://acme.slack.com/archives/C1/p1700000000.000001"
	if initial["title"] != "The agent hangs up & says nothing" || !strings.Contains(initial["description"], "after 3 s\n\n"+link) {
		t.Errorf("the form is filled with %q", initial)
	}
	r := submission(forms[1], map[string]string{"severity": "High", "suite": "booking"})
	if a := w.submit(0, r); a.Next == nil || !strings.Contains(a.Next.Text, "was filed.") {
		t.Errorf("the answer is %+v", a)
	}
	for replica := range 2 {
		if a := w.submit(replica, r); a.Next == nil || !strings.Contains(a.Next.Text, "was filed before") {
			t.Errorf("the repeated form is answered %+v", a)
		}
	}
	all := w.defects()
	if len(all) != 1 || all[0].Spec.Severity != v1alpha1.SeverityHigh || all[0].Spec.Suite != "booking" ||
		!strings.Contains(all[0].Spec.Description, link) || !strings.Contains(all[0].Spec.Description, "Filed in Slack by slack:T1:U1") {
		t.Errorf("the Defects are %+v", all)
	}
}

// TestFormsThatFileNothing say why.
func TestFormsThatFileNothing(t *testing.T) {
	w := newWorld(t, allow(), slackIntegration(), secret())
	w.send(0, shortcut())
	if got := w.slack.Forms()[1]; !strings.Contains(got.Text, "You may not create defects") || !strings.Contains(got.Text, "RoleBinding") {
		t.Errorf("without the permission the form is %+v", got)
	}
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Defect"}, "x", field.ErrorList{
		field.Invalid(field.NewPath("spec", "suite"), "a b", "must be the ID of a suite"),
		field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid"), // as the API server adds
	})
	w = newWorldWith(t, allow(everything()...), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			return invalid
		},
	}, slackIntegration(), secret())
	w.send(0, shortcut())
	form := w.slack.Forms()[1]
	a := w.submit(0, submission(form, map[string]string{"suite": "a b"}))
	if !strings.Contains(a.Problems["suite"], "must be the ID of a suite") || len(a.Problems) != 1 {
		t.Errorf("an invalid suite is answered %+v", a)
	}
	r := submission(form, nil)
	for _, title := range []string{"", " \n", "\u200b\u2060"} {
		r.Interaction.View.Values["title"] = title
		if a := w.submit(0, r); a.Problems["title"] == "" {
			t.Errorf("the title %q is answered %+v", title, a)
		}
	}
	r.Interaction.View.Values["title"] = "x"
	for metadata, want := range map[string]string{
		`{"i":"uid-slack"}`:          "Choose a namespace",
		`{"i":"deleted","n":"qa"}`:   "was deleted, or is in another cluster",
		`{"i":"uid-slack","n":"no"}`: "and not no",
	} {
		r.Interaction.View.Metadata = metadata
		if a := w.submit(0, r); !strings.Contains(a.Problems["namespace"]+textOfForm(a.Next), want) {
			t.Errorf("a form with %s is answered %+v", metadata, a)
		}
	}
	r = submission(form, nil)
	r.Interaction.CallbackID = "of-an-earlier-version"
	if a := w.submit(0, r); !strings.Contains(textOfForm(a.Next), "another version") {
		t.Errorf("an unknown form is answered %+v", a)
	}
	r = submission(form, nil)
	w.review.allowed = nil
	r.Interaction.TriggerID = "3"
	r.Interaction.View.Values["title"] = "x"
	if a := w.submit(0, r); a.Next == nil || !strings.Contains(a.Next.Text, "You may not create defects") {
		t.Errorf("a permission that was withdrawn is answered %+v", a)
	}
}

// TestHints writes events that change an integration to its annotations, for the leader and all replicas.
func TestHints(t *testing.T) {
	i := slackIntegration()
	i.Spec.DefaultChannel = "C2"
	i.Status.Channels = []v1alpha1.KnownChannel{{Name: "#alerts", ID: "C1"}}
	const prefix = v1alpha1.SlackChannelAnnotationPrefix
	now := "2026-11-28T12:00:00Z"
	for name, c := range map[string]struct {
		event inbound.Event
		want  map[string]string
	}{
		"token revoked":         {inbound.Event{Type: inbound.TokensRevoked}, map[string]string{v1alpha1.SlackChangedAtAnnotation: now}},
		"uninstalled":           {inbound.Event{Type: inbound.AppUninstalled}, map[string]string{v1alpha1.SlackChangedAtAnnotation: now}},
		"user group":            {inbound.Event{Type: inbound.SubteamMembersChanged}, map[string]string{v1alpha1.SlackGroupsChangedAtAnnotation: now}},
		"archived":              {inbound.Event{Type: inbound.ChannelArchive, ChannelID: "C1"}, map[string]string{prefix + "C1": "Archived"}},
		"private and deleted":   {inbound.Event{Type: inbound.GroupDeleted, ChannelID: "C2"}, map[string]string{prefix + "C2": "Deleted"}},
		"renamed":               {inbound.Event{Type: inbound.ChannelRename, ChannelID: "C1", ChannelName: "new"}, map[string]string{prefix + "C1": "Renamed"}},
		"renamed back":          {inbound.Event{Type: inbound.ChannelRename, ChannelID: "C1", ChannelName: "alerts"}, nil},
		"renamed, used by ID":   {inbound.Event{Type: inbound.ChannelRename, ChannelID: "C2", ChannelName: "new"}, nil},
		"unarchived":            {inbound.Event{Type: inbound.ChannelUnarchive, ChannelID: "C1"}, nil},
		"a channel of others":   {inbound.Event{Type: inbound.ChannelArchive, ChannelID: "C3"}, nil},
		"an ID of another form": {inbound.Event{Type: inbound.ChannelArchive, ChannelID: "a/b"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, allow(), i.DeepCopy(), secret())
			c.event.ID = "Ev1"
			w.send(0, inbound.Request{Origin: inbound.Origin{TeamID: team}, Event: &c.event})
			got := &v1alpha1.SlackIntegration{}
			if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(i), got); err != nil {
				t.Fatal(err)
			}
			for key, value := range c.want {
				if got.Annotations[key] != value {
					t.Errorf("the annotations are %v, want %v", got.Annotations, c.want)
				}
			}
			if len(got.Annotations) != len(c.want) {
				t.Errorf("the annotations are %v, want %v", got.Annotations, c.want)
			}
		})
	}
}

// TestAHintThatIsNotStored is repeated by Slack.
func TestAHintThatIsNotStored(t *testing.T) {
	fails := true
	w := newWorldWith(t, allow(), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
			if fails {
				return errUnreachable
			}
			return c.Patch(ctx, o, p, options...)
		},
	}, slackIntegration(), secret())
	d := slackapp.Delivery{Integrations: []*v1alpha1.SlackIntegration{slackIntegration()}, Request: inbound.Request{
		Origin: inbound.Origin{TeamID: team}, Event: &inbound.Event{ID: "Ev1", Type: inbound.TokensRevoked}}}
	if _, err := w.dispatchers[0].Receive(t.Context(), d); err == nil {
		t.Fatal("the event was accepted")
	}
	fails = false
	if _, err := w.dispatchers[0].Receive(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	i := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SlackIntegration"}}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "qa", Name: "slack"}, i); err != nil || len(i.Annotations) != 1 {
		t.Errorf("%v, %v", i.Annotations, err)
	}
}

// TestUserGroupsChange are listed again at once, by every replica.
func TestUserGroupsChange(t *testing.T) {
	w := newWorld(t, allow("slack:T1:S1 list defects qa"), slackIntegration(), secret())
	w.send(0, command("defects"))
	w.slack.OnGroups = func() (map[string][]string, error) { return map[string][]string{ann: {"S1"}}, nil }
	if got := w.send(0, command("defects high")); !strings.Contains(got, "You may not") {
		t.Errorf("before the event the answer is\n%s", got)
	}
	w.send(1, inbound.Request{Origin: inbound.Origin{TeamID: team}, Event: &inbound.Event{ID: "Ev1", Type: inbound.SubteamMembersChanged}})
	if got := w.send(0, command("defects low")); !strings.Contains(got, "no open defect") {
		t.Errorf("after the event the answer is\n%s", got)
	}
}
