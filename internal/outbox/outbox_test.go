package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a cluster with rules, in which Notifications are stored unless onCreate has something against it.
type world struct {
	client.Client
	onCreate func(client.Object) error
}

func newWorld(t *testing.T, rules ...*v1alpha1.NotificationRule) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	b := fake.NewClientBuilder().WithScheme(scheme).WithReturnManagedFields().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if w.onCreate != nil {
				if err := w.onCreate(o); err != nil {
					return err
				}
			}
			return c.Create(ctx, o, options...)
		},
	})
	for _, r := range rules {
		b.WithObjects(r)
	}
	w.Client = b.Build()
	return w
}

// outbox is one as a process has it that began just now.
func (w *world) outbox() *outbox.Outbox {
	return &outbox.Outbox{Client: w, Clock: testingclock.NewFakeClock(now), MaxEventAge: 24 * time.Hour}
}

func (w *world) stored(t *testing.T) (out []v1alpha1.Notification) {
	t.Helper()
	list := &v1alpha1.NotificationList{}
	if err := w.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func ruleFor(name string, events ...v1alpha1.EventType) *v1alpha1.NotificationRule {
	r := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: events}}
	r.Namespace, r.Name, r.UID, r.Generation = "voice", name, types.UID("uid-of-"+name), 1
	r.CreationTimestamp = metav1.NewTime(now.Add(-20 * time.Hour))
	return r
}

// What the cluster refuses of one rule is stored for the others, and nothing is believed to be told that is not.
func TestARefusalStopsNobodyElse(t *testing.T) {
	w := newWorld(t, ruleFor("a", v1alpha1.EventSystemAlertFiring), ruleFor("b", v1alpha1.EventSystemAlertFiring))
	for name, refusal := range map[string]error{
		"forbidden": apierrors.NewForbidden(schema.GroupResource{Resource: "notifications"}, "n", errors.New("exceeded quota")),
		"invalid":   apierrors.NewInvalid(schema.GroupKind{Kind: "Notification"}, "n", nil),
	} {
		w.onCreate = func(o client.Object) error {
			if strings.HasPrefix(o.GetName(), "a-") {
				return refusal
			}
			return nil
		}
		box := w.outbox()
		e := &event.Event{ID: name, Type: v1alpha1.EventSystemAlertFiring, Time: now}
		created, mistakes, err := box.Put(t.Context(), "voice", e)
		if len(created) != 1 || mistakes != nil || !errors.Is(err, refusal) || !outbox.Refused(err) {
			t.Errorf("%s: created %v, %v, %v; want one and the refusal", name, created, mistakes, err)
		}
		w.onCreate = nil
		if created, _, err := box.Put(t.Context(), "voice", e); len(created) != 1 || err != nil {
			t.Errorf("%s: the second time created %v, %v; want the one that was refused", name, created, err)
		}
	}
	if n := len(w.stored(t)); n != 4 {
		t.Errorf("%d are stored, want 4", n)
	}
}
