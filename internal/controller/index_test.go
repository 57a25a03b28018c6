package controller

import (
	"fmt"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

func TestDefectsOf(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	defect := func(namespace, name string, j *v1alpha1.DefectTicket) *v1alpha1.Defect {
		return &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name)}, Status: v1alpha1.DefectStatus{Jira: j}}
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1alpha1.Defect{}, TicketIndex, bucketed(namesOf)).WithObjects(
		defect("voice", "filed", &v1alpha1.DefectTicket{Integration: "voice/jira", ID: "10042", Key: "VOICE-42"}),
		defect("other", "guest", &v1alpha1.DefectTicket{Integration: "voice/jira", ID: "10043", Key: "VOICE-43"}),
		defect("voice", "elsewhere", &v1alpha1.DefectTicket{Integration: "voice/second", ID: "10042", Key: "VOICE-42"}),
		defect("voice", "new", nil),
		defect("other", "foreign", nil),
		defect("other", "uncertain", &v1alpha1.DefectTicket{Integration: "voice/jira"}),
	).Build()
	for name, test := range map[string]struct {
		id, key string
		labels  []string
		want    string
	}{
		"by ID":                             {id: "10042", want: "voice/filed"},
		"by ID, though its key is new":      {id: "10042", key: "OPS-1", want: "voice/filed"},
		"by key":                            {key: "VOICE-43", want: "other/guest"},
		"by both, once":                     {id: "10042", key: "VOICE-42", want: "voice/filed"},
		"by its label":                      {id: "99999", key: "X-9", labels: []string{"voice-ai-testing", "defect-filed"}, want: "voice/filed"},
		"by its label before its ticket":    {id: "10044", key: "VOICE-44", labels: []string{"defect-new"}, want: "voice/new"},
		"by its label while it is doubted":  {labels: []string{"defect-uncertain"}, want: "other/uncertain"},
		"what is known needs no label":      {id: "10042", labels: []string{"defect-new"}, want: "voice/filed"},
		"nothing of another integration":    {labels: []string{"defect-elsewhere"}},
		"nothing new of another namespace":  {labels: []string{"defect-foreign"}},
		"nothing by a label without prefix": {labels: []string{"filed", "new"}},
		"nothing unknown":                   {id: "1", key: "VOICE-1", labels: []string{"defect-x"}},
		"nothing by nothing":                {},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := DefectsOf(c)(t.Context(), types.NamespacedName{Namespace: "voice", Name: "jira"}, test.id, test.key, test.labels)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, name := range found {
				got = append(got, name.String())
			}
			if test.want != "" {
				want = []string{test.want}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}

// More Notifications than there are drawers share them.
func TestAbout(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1alpha1.Notification{}, SubjectIndex, bucketed(subjectOf))
	for i := range 2 * hashBuckets {
		n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: fmt.Sprintf("n%d", i)}}
		n.Spec.Event.Subject = &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, UID: fmt.Sprintf("u%d", i/2)}
		b.WithObjects(n)
	}
	c := b.WithObjects(&v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "voice", Name: "of-nothing"}}).Build()
	found, err := notificationsAbout(t.Context(), c, "voice", "u7")
	if err != nil || len(found) != 2 || found[0].Name != "n14" || found[1].Name != "n15" {
		t.Errorf("got %v, %v", found, err)
	}
	if found, err = notificationsAbout(t.Context(), c, "voice", "u"); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v of nothing", found, err)
	}
}
