// SPDX-License-Identifier: Apache-2.0

package index

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/packed"
)

// full sets every field of an object: texts to distinct values, lists and maps to two entries with spare capacity.
func full(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(v.Elem(), path)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[metav1.Time]() {
			v.Set(reflect.ValueOf(metav1.Unix(int64(len(path)), 0)))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type.Kind() != reflect.Interface {
				full(v.Field(i), path+"."+f.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 4))
		for i := range 2 {
			full(v.Index(i), path)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"a", "b"} {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			full(k, path+key)
			full(e, path)
			v.SetMapIndex(k, e)
		}
	case reflect.String:
		v.SetString(strings.Clone(path))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(len(path)))
	case reflect.Uint8:
		v.SetUint(uint64(len(path) % 256))
	}
}

// TestStrip checks that the cache keeps the same object, in less memory.
func TestStrip(t *testing.T) {
	defect := func() *v1alpha1.Defect { d := &v1alpha1.Defect{}; full(reflect.ValueOf(d).Elem(), ""); return d }
	notification := func() *v1alpha1.Notification {
		n := &v1alpha1.Notification{}
		full(reflect.ValueOf(n).Elem(), "")
		return n
	}
	for _, o := range []client.Object{defect(), notification()} {
		want := o.DeepCopyObject().(client.Object)
		want.SetManagedFields(nil)
		want.SetFinalizers(nil)
		want.SetAnnotations(map[string]string{})
		if strip(o); !reflect.DeepEqual(o, want) {
			t.Errorf("got %v, want %v", o, want)
		}
	}

	a, b := defect(), defect()
	for _, d := range []*v1alpha1.Defect{a, b} {
		strip(d)
		runtime.GC()
	}
	if cap(a.Status.Messages) != 2 || cap(a.Status.Conditions) != 2 || cap(a.Status.Events) != 2 {
		t.Errorf(
			"lists have capacity for %d messages, %d conditions and %d events",
			cap(a.Status.Messages),
			cap(a.Status.Conditions),
			cap(a.Status.Events),
		)
	}
	if unsafe.StringData(a.Status.Conditions[0].Reason) != unsafe.StringData(b.Status.Conditions[0].Reason) {
		t.Error("two Defects do not share the same reason")
	}
	if unsafe.StringData(a.Status.Jira.Assignee) != unsafe.StringData(b.Status.Jira.Assignee) {
		t.Error("two Defects do not share the same assignee")
	}
	empty := &v1alpha1.Defect{}
	if strip(empty); !reflect.DeepEqual(empty, &v1alpha1.Defect{}) {
		t.Errorf("a Defect without a ticket or labels becomes %+v", empty)
	}
	digest := &v1alpha1.Notification{Spec: v1alpha1.NotificationSpec{Members: []v1alpha1.NotificationName{"c", "a", "b"}}}
	if strip(digest); !slices.IsSorted(digest.Spec.Members) {
		t.Errorf("members %v", digest.Spec.Members)
	}
	gone := cache.DeletedFinalStateUnknown{Key: "voice/gone"}
	if got, err := PackForCache(gone); err != nil || got != any(gone) {
		t.Errorf("got %v, %v for a tombstone", got, err)
	}
}

// TestPackForCache packs objects about which nothing is to be done, and loses nothing of them that the operator reads.
func TestPackForCache(t *testing.T) {
	defect, notification := &v1alpha1.Defect{}, &v1alpha1.Notification{}
	full(reflect.ValueOf(defect).Elem(), "")
	full(reflect.ValueOf(notification).Elem(), "")
	defect.Finalizers = nil
	notification.Finalizers = nil
	notification.Spec.Event.Data.Raw = []byte(`{"title":"a < b"}`)
	defect.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: "now"}
	notification.Annotations = map[string]string{v1alpha1.LastArrivedAtAnnotation: "now"}
	rests := defect.DeepCopy()
	condition.Ready(rests, v1alpha1.ReasonReady, "")
	sent := notification.DeepCopy()
	condition.True(sent, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "")
	for range 8 { // the first ones are samples
		for _, o := range []client.Object{rests, sent} {
			if _, err := PackForCache(o.DeepCopyObject()); err != nil {
				t.Fatal(err)
			}
		}
	}
	unticketed := rests.DeepCopy()
	unticketed.Status.Jira = nil
	for name, c := range map[string]struct {
		object client.Object
		packed bool
	}{
		"a Defect in sync": {rests, true}, "a Defect under way": {defect, false}, "one without a ticket": {unticketed, true},
		"a delivered Notification": {sent, true}, "one under way": {notification, false}, "a rule": {&v1alpha1.NotificationRule{}, false},
	} {
		want := c.object.DeepCopyObject().(client.Object)
		want.SetManagedFields(nil)
		got, err := PackForCache(c.object)
		if _, plain := got.(client.Object); err != nil || plain == c.packed {
			t.Errorf("%s: packed %v, %v", name, !plain, err)
		}
		runtime.KeepAlive(c.object)
		c.object = nil
		runtime.GC()
		runtime.GC() // so that it is unpacked, and not the same object
		if got := packed.Unpack(got); !equality.Semantic.DeepEqual(got, want) {
			t.Errorf("%s: got\n%v, want\n%v", name, got, want)
		}
	}
}
