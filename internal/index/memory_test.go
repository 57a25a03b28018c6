// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/packed"
)

// inCache is how many objects TestMemoryOf measures. With fewer, the indexes themselves take a large part.
const inCache = 5_000

func numbered(n int, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "voice", Name: fmt.Sprintf("%s-%d", name, n), UID: types.UID(fmt.Sprintf("11111111-2222-3333-4444-%012d", n)),
		ResourceVersion: fmt.Sprint(1_000_000 + n), Generation: 1, CreationTimestamp: metav1.Unix(1_700_000_000+int64(n), 0),
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "test", FieldsV1: metav1.NewFieldsV1("{}")}},
	}
}

// filedDefect returns a Defect with a ticket.
func filedDefect(n int) *v1alpha1.Defect {
	d := &v1alpha1.Defect{ObjectMeta: numbered(n, "defect"), Spec: v1alpha1.DefectSpec{
		Title: fmt.Sprintf("The booking agent repeats itself: %d", n), Severity: v1alpha1.SeverityHigh, Suite: "booking",
		Description: "It asks for the date three times.", StepsToReproduce: "Call and say: tomorrow.",
	}}
	at := d.CreationTimestamp
	key := fmt.Sprintf("VOICE-%d", n)
	d.Status = v1alpha1.DefectStatus{
		State: v1alpha1.StateOpen, Occurrences: 1, FirstSeenTime: &at, LastSeenTime: &at,
		Events: []v1alpha1.EventID{v1alpha1.EventID(d.UID) + ".created", v1alpha1.EventID(d.UID) + ".ticketed"},
		Jira: &v1alpha1.DefectTicket{
			Integration: "voice/jira", Key: key, ID: fmt.Sprint(1_000_000 + n), URL: "https://jira.example.com/browse/" + key,
			Status: "To Do", StatusCategory: "new", CreatedTime: &at, LastSyncTime: &at, ToldOccurrences: 1,
		},
	}
	condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+key)
	condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep, "Defect and ticket are in sync")
	condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNoRuleMatched, "No rule of this namespace matched")
	condition.Ready(d, v1alpha1.ReasonReady, "The ticket is "+key)
	return d
}

// sentNotification returns a delivered Notification.
func sentNotification(n int) *v1alpha1.Notification {
	d := numbered(n, "defect")
	out := &v1alpha1.Notification{ObjectMeta: numbered(n, "notification"), Spec: v1alpha1.NotificationSpec{
		Rule: v1alpha1.RuleReference{Name: "all", UID: "11111111-2222-3333-4444-555555555555"},
		Event: v1alpha1.NotificationEvent{
			ID: v1alpha1.EventID(d.UID) + ".created", Type: v1alpha1.EventDefectCreated, Time: d.CreationTimestamp,
			Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: "voice", Name: d.Name, UID: string(d.UID)},
		},
	}}
	out.Labels = map[string]string{v1alpha1.RuleLabel: "all", v1alpha1.EventTypeLabel: string(v1alpha1.EventDefectCreated)}
	out.Status.Attempts = 1
	out.Status.Message = &v1alpha1.PostedMessage{Integration: "voice/slack", Channel: "C01", TS: fmt.Sprintf("1700000000.%06d", n)}
	condition.True(out, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
	condition.Ready(out, v1alpha1.ReasonDelivered, "Slack accepted the message")
	return out
}

// decoded fills a list with objects as they arrive from the API server: they share no text.
func decoded[T any](t *testing.T, list k8sruntime.Object, items *[]T, build func(int) *T) k8sruntime.Object {
	for n := range inCache {
		raw, err := json.Marshal(build(n))
		o := new(T)
		if err := errors.Join(err, json.Unmarshal(raw, o)); err != nil {
			t.Error(err)
		}
		*items = append(*items, *o)
	}
	return list
}

func filedDefects(t *testing.T) k8sruntime.Object {
	list := &v1alpha1.DefectList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
	return decoded(t, list, &list.Items, filedDefect)
}

func sentNotifications(t *testing.T) k8sruntime.Object {
	list := &v1alpha1.NotificationList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
	return decoded(t, list, &list.Items, sentNotification)
}

// liveHeap collects garbage and returns how many bytes of the heap are in use.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// fieldsOf returns the fields of a kind, indexed as the cache of controller-runtime does.
func fieldsOf(example client.Object) toolscache.Indexers {
	out := toolscache.Indexers{}
	for _, f := range Fields() {
		if reflect.TypeOf(f.Object) != reflect.TypeOf(example) {
			continue
		}
		out["field:"+f.Name] = func(o any) (values []string, err error) {
			for _, v := range f.Values(o.(client.Object)) {
				values = append(values, o.(client.Object).GetNamespace()+"/"+v, "__all_namespaces/"+v)
			}
			return values, nil
		}
	}
	return out
}

// mutationDetector is the variable that has informers keep copies of their objects.
const mutationDetector = "KUBE_CACHE_MUTATION_DETECTOR"

// TestMemoryOf checks that objects take about as much memory as is estimated, with their indexes.
func TestMemoryOf(t *testing.T) {
	if os.Getenv(mutationDetector) != "" { // it keeps a copy of each object, and is chosen when a process starts
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemoryOf$", "-test.v")
		cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, mutationDetector+"=") })
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		return
	}
	packedDefects = &packed.Kind[v1alpha1.Defect, *v1alpha1.Defect]{Clean: stripDefect} // other tests gave it strange samples
	packedNotifications = &packed.Kind[v1alpha1.Notification, *v1alpha1.Notification]{Clean: stripNotification}
	for n := range 2 * sharedTexts { // the shared texts take memory once, whatever is in the cache
		filler := fmt.Sprint("filler ", n)
		intern(&filler)
	}
	for name, c := range map[string]struct {
		example client.Object
		all     func(*testing.T) k8sruntime.Object
	}{
		"Defects":       {filedDefect(1), filedDefects},
		"Notifications": {sentNotification(1), sentNotifications},
	} {
		t.Run(name, func(t *testing.T) {
			before := liveHeap()
			i := packed.NewInformer(toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
				ListWithContextFunc:  func(context.Context, metav1.ListOptions) (k8sruntime.Object, error) { return c.all(t), nil },
				WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return watch.NewFake(), nil },
			}, listsOnly{}), c.example, 0, toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc})
			if err := errors.Join(i.SetTransform(PackForCache), i.AddIndexers(fieldsOf(c.example))); err != nil {
				t.Fatal(err)
			}
			go i.RunWithContext(t.Context())
			if !toolscache.WaitForCacheSync(t.Context().Done(), i.HasSynced) {
				t.Fatal("the informer has not synced")
			}
			got := float64(liveHeap()-before) / inCache
			estimate, err := MemoryOf(c.example)
			if want := float64(estimate - inQueues); err != nil || got < want*0.7 || got > want*1.5 {
				t.Errorf("an object takes %.0f bytes, %v, want about %.0f", got, err, want)
			}
			runtime.KeepAlive(i)
		})
	}
}

// listsOnly is a client that cannot stream a list.
type listsOnly struct{}

func (listsOnly) IsWatchListSemanticsUnSupported() bool { return true }
