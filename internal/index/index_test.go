// SPDX-License-Identifier: Apache-2.0

package index_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

func newClient(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	for _, f := range index.Fields() {
		b = b.WithIndex(f.Object, f.Name, f.Values)
	}
	return b.Build()
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name)}
}

func TestDefectsOf(t *testing.T) {
	defect := func(namespace, name string, j *v1alpha1.DefectTicket) *v1alpha1.Defect {
		return &v1alpha1.Defect{ObjectMeta: meta(namespace, name), Status: v1alpha1.DefectStatus{Jira: j}}
	}
	c := newClient(t,
		defect("voice", "filed", &v1alpha1.DefectTicket{Integration: "voice/jira", ID: "10042", Key: "VOICE-42"}),
		defect("other", "guest", &v1alpha1.DefectTicket{Integration: "voice/jira", ID: "10043", Key: "VOICE-43"}),
		defect("voice", "elsewhere", &v1alpha1.DefectTicket{Integration: "voice/second", ID: "10042", Key: "VOICE-42"}),
		defect("voice", "new", nil),
		defect("other", "foreign", nil),
		defect("other", "uncertain", &v1alpha1.DefectTicket{Integration: "voice/jira"}),
	)
	for name, test := range map[string]struct {
		issue index.Issue
		want  string
	}{
		"by ID":                             {index.Issue{ID: "10042"}, "voice/filed"},
		"by ID, moved to another project":   {index.Issue{ID: "10042", Key: "OPS-1"}, "voice/filed"},
		"by key":                            {index.Issue{Key: "VOICE-43"}, "other/guest"},
		"by both, once":                     {index.Issue{ID: "10042", Key: "VOICE-42"}, "voice/filed"},
		"by marker":                         {index.Issue{ID: "99999", Key: "X-9", Labels: []string{"x", "defect-filed"}}, "voice/filed"},
		"by marker, no ticket yet":          {index.Issue{ID: "10044", Key: "VOICE-44", Labels: []string{"defect-new"}}, "voice/new"},
		"by marker, ticket uncertain":       {index.Issue{Labels: []string{"defect-uncertain"}}, "other/uncertain"},
		"ID before marker":                  {index.Issue{ID: "10042", Labels: []string{"defect-new"}}, "voice/filed"},
		"ticket of another integration":     {index.Issue{Labels: []string{"defect-elsewhere"}}, ""},
		"new Defect of another namespace":   {index.Issue{Labels: []string{"defect-foreign"}}, ""},
		"label without the marker's prefix": {index.Issue{Labels: []string{"filed", "new"}}, ""},
		"unknown":                           {index.Issue{ID: "1", Key: "VOICE-1", Labels: []string{"defect-x"}}, ""},
		"empty":                             {},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := index.DefectsOf(t.Context(), c, types.NamespacedName{Namespace: "voice", Name: "jira"}, test.issue)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, name := range found {
				got = append(got, name.String())
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestNotificationsAbout uses more Notifications than there are hash buckets, so that they share buckets.
func TestNotificationsAbout(t *testing.T) {
	objects := []client.Object{&v1alpha1.Notification{ObjectMeta: meta("voice", "of-nothing")}}
	for i := range 4096 {
		n := &v1alpha1.Notification{ObjectMeta: meta("voice", fmt.Sprintf("n%d", i))}
		n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, UID: fmt.Sprintf("u%d", i/2)}
		objects = append(objects, n)
	}
	c := newClient(t, objects...)
	for uid, want := range map[string]string{"u7": "n14 n15", "u": "", "": ""} {
		found, err := index.NotificationsAbout(t.Context(), c, "voice", uid)
		if got := names(found); err != nil || got != want {
			t.Errorf("about %q: got %s, %v, want %s", uid, got, err, want)
		}
	}
	if found, err := index.NotificationsAbout(t.Context(), c, "other", "u7"); err != nil || len(found) != 0 {
		t.Errorf("got %s, %v in another namespace", names(found), err)
	}
}

func names(of []*v1alpha1.Notification) string {
	var out []string
	for _, n := range of {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestDigestsWith(t *testing.T) {
	digest := func(namespace, name string, members ...v1alpha1.NotificationName) *v1alpha1.Notification {
		return &v1alpha1.Notification{ObjectMeta: meta(namespace, name), Spec: v1alpha1.NotificationSpec{Members: members}}
	}
	c := newClient(
		t,
		digest("voice", "first", "a", "b"),
		digest("voice", "second", "c"),
		digest("other", "third", "a"),
		digest("voice", "a"),
	)
	for member, want := range map[string]string{"a": "first", "b": "first", "c": "second", "d": ""} {
		found, err := index.DigestsWith(t.Context(), c, "voice", member)
		if got := names(found); err != nil || got != want {
			t.Errorf("with %s: got %q, %v, want %q", member, got, err, want)
		}
	}
}

func TestFields(t *testing.T) {
	slack := func(s v1alpha1.SlackIntegrationSpec) client.Object { return &v1alpha1.SlackIntegration{Spec: s} }
	jira := func(s v1alpha1.JiraIntegrationSpec) client.Object { return &v1alpha1.JiraIntegration{Spec: s} }
	defect := func(s v1alpha1.DefectStatus) client.Object { return &v1alpha1.Defect{Status: s} }
	sent := func(s v1alpha1.NotificationStatus) client.Object { return &v1alpha1.Notification{Status: s} }
	const bySecret = index.IntegrationBySecret
	hook := func(r v1alpha1.SecretKeyReference) *v1alpha1.SlackWebhook {
		return &v1alpha1.SlackWebhook{URLSecretRef: r}
	}
	basic := func(r v1alpha1.SecretKeyReference) *v1alpha1.JiraBasicAuth {
		return &v1alpha1.JiraBasicAuth{TokenSecretRef: r}
	}
	bearer := func(r v1alpha1.SecretKeyReference) *v1alpha1.JiraBearerAuth {
		return &v1alpha1.JiraBearerAuth{TokenSecretRef: r}
	}
	uncertain := v1alpha1.DefectStatus{Jira: &v1alpha1.DefectTicket{Integration: "voice/jira"}}
	ref := func(name string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: name, Key: "k"}
	}
	socketMode := func(bot, app string) v1alpha1.SlackIntegrationSpec {
		return v1alpha1.SlackIntegrationSpec{Bot: &v1alpha1.SlackBot{TokenSecretRef: ref(bot)}, AppTokenSecretRef: new(ref(app))}
	}
	filed := v1alpha1.DefectStatus{Jira: &v1alpha1.DefectTicket{Integration: "voice/jira", Key: "VOICE-1"}}
	delivered := func(status metav1.ConditionStatus, reason string) v1alpha1.NotificationStatus {
		return v1alpha1.NotificationStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionDelivered, Status: status, Reason: reason}}}
	}
	for name, test := range map[string]struct {
		object client.Object
		field  string
		want   string
	}{
		"a default Slack":       {slack(v1alpha1.SlackIntegrationSpec{Default: true}), connection.DefaultIndex, "true"},
		"another Slack":         {slack(v1alpha1.SlackIntegrationSpec{}), connection.DefaultIndex, "false"},
		"a default Jira":        {jira(v1alpha1.JiraIntegrationSpec{Default: true}), connection.DefaultIndex, "true"},
		"a webhook's Secret":    {slack(v1alpha1.SlackIntegrationSpec{Webhook: hook(ref("hook"))}), bySecret, "hook"},
		"a bot's Secret":        {slack(v1alpha1.SlackIntegrationSpec{Bot: &v1alpha1.SlackBot{TokenSecretRef: ref("bot")}}), bySecret, "bot"},
		"an app's Secrets":      {slack(socketMode("bot", "app")), bySecret, "bot app"},
		"an app's one Secret":   {slack(socketMode("bot", "bot")), bySecret, "bot"},
		"a basic Secret":        {jira(v1alpha1.JiraIntegrationSpec{Basic: basic(ref("basic"))}), bySecret, "basic"},
		"a bearer Secret":       {jira(v1alpha1.JiraIntegrationSpec{Bearer: bearer(ref("pat"))}), bySecret, "pat"},
		"a Defect":              {&v1alpha1.Defect{}, index.DefectByPart, "#94"},
		"an uncertain Defect":   {defect(uncertain), index.DefectByPart, "#94"},
		"a filed Defect":        {defect(filed), index.DefectByPart, "voice/jira#94"},
		"a new Notification":    {&v1alpha1.Notification{}, index.NotificationByUndelivered, "true"},
		"one that is retried":   {sent(delivered(metav1.ConditionFalse, v1alpha1.ReasonRetrying)), index.NotificationByUndelivered, "true"},
		"one that is delivered": {sent(delivered(metav1.ConditionTrue, v1alpha1.ReasonSent)), index.NotificationByUndelivered, ""},
		"one that expired":      {sent(delivered(metav1.ConditionFalse, v1alpha1.ReasonExpired)), index.NotificationByUndelivered, ""},
	} {
		found := false
		for _, f := range index.Fields() {
			if f.Name == test.field && fmt.Sprintf("%T", f.Object) == fmt.Sprintf("%T", test.object) {
				found = true
				if got := strings.Join(f.Values(test.object), " "); got != test.want {
					t.Errorf("%s: got %q, want %q", name, got, test.want)
				}
			}
		}
		if !found {
			t.Errorf("%s: %T has no field %s", name, test.object, test.field)
		}
	}
}

// TestNotificationsOfRuns finds the Notifications about the runs of one suite alone.
func TestNotificationsOfRuns(t *testing.T) {
	of := func(name, suite string, e v1alpha1.EventType) *v1alpha1.Notification {
		n := &v1alpha1.Notification{ObjectMeta: meta("voice", name)}
		n.Labels = map[string]string{v1alpha1.SuiteLabel: suite, v1alpha1.EventTypeLabel: string(e)}
		return n
	}
	c := newClient(t, of("run", "booking", v1alpha1.EventTestRunCompleted), of("defect", "booking", v1alpha1.EventDefectCreated),
		of("other", "billing", v1alpha1.EventTestRunCompleted))
	found, err := index.NotificationsOfRuns(t.Context(), c, "voice", "booking")
	if err != nil || len(found) != 1 || found[0].Name != "run" {
		t.Errorf("%v, %v", found, err)
	}
}

func TestDefectsLike(t *testing.T) {
	defect := func(namespace, name, fingerprint string) *v1alpha1.Defect {
		return &v1alpha1.Defect{ObjectMeta: meta(namespace, name), Spec: v1alpha1.DefectSpec{Fingerprint: fingerprint}}
	}
	one := defect("voice", "one", "no-sound")
	objects := []client.Object{one, defect("voice", "two", "no-sound"), defect("other", "three", "no-sound")}
	for n := range 4096 { // some of them share its bucket
		objects = append(objects, defect("voice", fmt.Sprintf("d%d", n), fmt.Sprintf("finding-%d", n)))
	}
	like, err := index.DefectsLike(t.Context(), newClient(t, objects...), one)
	if err != nil || len(like) != 1 || like[0].Name != "two" {
		t.Errorf("got %d Defects, %v, want two alone", len(like), err)
	}
}

// TestEachTicketed comes to all Defects with a ticket of one integration, or to all without one, and stops when the
// function returns false.
func TestEachTicketed(t *testing.T) {
	var objects []client.Object
	names := map[string]map[string]bool{"": {}, "voice/jira": {}, "voice/other": {}}
	for n := range 300 {
		d := &v1alpha1.Defect{ObjectMeta: meta("voice", fmt.Sprintf("d%d", n))}
		integration := []string{"", "voice/jira", "voice/other"}[n%3]
		if integration != "" {
			d.Status.Jira = &v1alpha1.DefectTicket{Integration: integration, Key: "VOICE-1"}
		}
		names[integration][d.Name] = true
		objects = append(objects, d)
	}
	c := newClient(t, objects...)
	for want, list := range map[string]func(func(*v1alpha1.Defect) bool) error{
		"": func(each func(*v1alpha1.Defect) bool) error { return index.EachUnticketed(t.Context(), c, each) },
		"voice/jira": func(each func(*v1alpha1.Defect) bool) error {
			return index.EachTicketed(t.Context(), c, types.NamespacedName{Namespace: "voice", Name: "jira"}, each)
		},
	} {
		got := map[string]bool{}
		if err := list(func(d *v1alpha1.Defect) bool { got[d.Name] = true; return true }); err != nil || !maps.Equal(got, names[want]) {
			t.Errorf("%q: came to %d Defects, %v, want %d", want, len(got), err, len(names[want]))
		}
		calls := 0
		if err := list(func(*v1alpha1.Defect) bool { calls++; return false }); err != nil || calls != 1 {
			t.Errorf("%q: %d calls after the first returned false, %v", want, calls, err)
		}
	}
}

// TestDefectsSince finds the Defects of a namespace that are no older than a time, across minutes.
func TestDefectsSince(t *testing.T) {
	from := time.Date(2026, 1, 1, 12, 0, 30, 0, time.UTC)
	at := func(namespace, name string, after time.Duration) *v1alpha1.Defect {
		m := meta(namespace, name)
		m.CreationTimestamp = metav1.NewTime(from.Add(after).In(time.FixedZone("", 3600)))
		return &v1alpha1.Defect{ObjectMeta: m}
	}
	c := newClient(t, at("voice", "older", -time.Second), at("voice", "same", 0), at("voice", "later", 45*time.Second),
		at("voice", "ahead", 100*time.Second), at("other", "elsewhere", 0))
	found, err := index.DefectsSince(t.Context(), c, "voice", from, from.Add(time.Minute))
	var got []string
	for _, d := range found {
		got = append(got, d.Name)
	}
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []string{"ahead", "later", "same"}) {
		t.Errorf("found %v, %v", got, err)
	}
}
