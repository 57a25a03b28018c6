// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/packed"
)

// large returns a Defect whose spec and metadata are as large as an API server accepts, or larger.
func large() *v1alpha1.Defect {
	d := filedDefect(1)
	d.ManagedFields = nil
	d.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: "now"}
	long := strings.Repeat("It asks for the date. ", 700)
	d.Spec.Description = long
	d.Spec.StepsToReproduce = long
	d.Spec.ExpectedResult = long
	d.Spec.ActualResult = long
	d.Spec.Voice = &v1alpha1.Voice{Utterance: long, ExpectedTranscript: long, HeardTranscript: long, Explanation: long}
	d.Spec.Jira = &v1alpha1.DefectJira{
		IntegrationRef: &v1alpha1.IntegrationReference{Name: "jira"}, Create: v1alpha1.TicketAlways,
		Labels: []v1alpha1.JiraLabel{v1alpha1.JiraLabel(long)},
	}
	d.Spec.Evidence = &v1alpha1.DefectEvidence{Links: []v1alpha1.EvidenceLink{{URL: v1alpha1.HTTPURL(long)}}}
	d.Status.History = &v1alpha1.DefectHistory{Strip: "PF"}
	for n := range 100 {
		d.Spec.Tests = append(d.Spec.Tests, v1alpha1.DefectTest{ID: fmt.Sprint(n, long[:500])})
		run := fmt.Sprint(n, long[:250])
		d.Spec.Outcomes = append(d.Spec.Outcomes, v1alpha1.TestOutcome{Run: run, Result: v1alpha1.TestFailed, Version: long[:500]})
	}
	d.Status.History.Outcomes = slices.Clone(d.Spec.Outcomes)
	return d
}

// TestCutBoundsALargeDefect checks that the cache holds few bytes of a large Defect, and all that indexes, lists and the
// decision whether it gets a ticket need.
func TestCutBoundsALargeDefect(t *testing.T) {
	d := large()
	want := d.DeepCopy()
	cut(d)
	raw, err := json.Marshal(d)
	if err != nil || len(raw) > 48<<10 {
		t.Errorf("the cache holds %d bytes, %v", len(raw), err)
	}
	if !IsCut(d) {
		t.Error("the Defect is not marked")
	}
	for _, f := range Fields() {
		if _, ok := f.Object.(*v1alpha1.Defect); ok && !reflect.DeepEqual(f.Values(d), f.Values(want)) {
			t.Errorf("index %s has %v, want %v", f.Name, f.Values(d), f.Values(want))
		}
	}
	if got := d.Spec.Jira; got.IntegrationRef == nil || got.Create != v1alpha1.TicketAlways {
		t.Errorf("got spec.jira %v", got)
	}
	if got := d.Spec.Tests; len(got) < 10 || got[0].Name != want.Spec.Tests[0].ID {
		t.Errorf("the first tests are %.200v", got)
	}
	for _, got := range [][]v1alpha1.TestOutcome{d.Spec.Outcomes, d.Status.History.Outcomes} {
		if len(got) < 10 || got[len(got)-1] != want.Spec.Outcomes[99] {
			t.Errorf("the last outcomes are %.200v", got)
		}
	}
	want.Status.History.Outcomes = d.Status.History.Outcomes
	if !reflect.DeepEqual(d.Status, want.Status) {
		t.Errorf("got the status %v, want %v", d.Status, want.Status)
	}
}

// TestCutCountsEveryText checks that no text of a Defect's spec can be long in the cache, except those that are short by their
// schema.
func TestCutCountsEveryText(t *testing.T) {
	short := map[string]bool{
		"Title": true, "Severity": true, "Category": true, "Suite": true, "Run": true, "TestCase": true, "Fingerprint": true,
		"Occurrence": true, "ResolveAfterPasses": true, "Quarantine": true, "State": true,
	}
	for n := range reflect.TypeFor[v1alpha1.DefectSpec]().NumField() {
		field := reflect.TypeFor[v1alpha1.DefectSpec]().Field(n).Name
		if short[field] {
			continue
		}
		d := &v1alpha1.Defect{}
		full(reflect.ValueOf(&d.Spec).Elem().Field(n), strings.Repeat("x", 40<<10))
		cut(d)
		if raw, err := json.Marshal(d); err != nil || len(raw) > 20<<10 && field != "Jira" || len(raw) > 200<<10 {
			t.Errorf("%s: the cache holds %d bytes, %v", field, len(raw), err)
		}
	}
}

// TestCutTwice checks that an object which the informer transforms once more is still marked, and that no client can
// forge the mark.
func TestCutTwice(t *testing.T) {
	d := large()
	for range 2 {
		if strip(d); !IsCut(d) {
			t.Error("the Defect is not marked")
		}
	}
	for range 20 { // the first ones are not packed
		o, err := PackForCache(large())
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		if unpacked := packed.Unpack(o).(*v1alpha1.Defect); !IsCut(unpacked) {
			t.Error("a packed Defect is not marked")
		}
	}
	small := filedDefect(1)
	small.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: cutter, Operation: metav1.ManagedFieldsOperationUpdate}}
	if strip(small); IsCut(small) || small.ManagedFields != nil {
		t.Error("an object that was written by a manager with that name is marked")
	}
}

// TestCutLeavesTheRest checks that Defects of usual sizes are left whole.
func TestCutLeavesTheRest(t *testing.T) {
	usual := filedDefect(1)
	usual.Spec.Description = strings.Repeat("x", maxTexts-1000)
	for range 50 {
		o := v1alpha1.TestOutcome{Run: strings.Repeat("r", 63), Result: v1alpha1.TestFailed, Commit: strings.Repeat("c", 40)}
		usual.Spec.Outcomes = append(usual.Spec.Outcomes, o)
	}
	usual.Status.History = &v1alpha1.DefectHistory{Outcomes: usual.Spec.Outcomes}
	want := usual.DeepCopy()
	if cut(usual); !reflect.DeepEqual(usual, want) {
		t.Error("a Defect of usual size was cut")
	}
}

// cacheOf is a cache of Defects by name. A fake client accepts none that is cut, as an API server does not.
type cacheOf map[string]*v1alpha1.Defect

func (c cacheOf) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	c[key.Name].DeepCopyInto(o.(*v1alpha1.Defect))
	return nil
}

func (cacheOf) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// TestReader checks that a large object is read whole, also where it is packed, and others from the cache alone.
func TestReader(t *testing.T) {
	scheme := k8sruntime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	whole := large()
	whole.Name = "large"
	small := filedDefect(2)
	small.Name = "small"
	cached := cacheOf{}
	for _, d := range []*v1alpha1.Defect{whole, small} {
		o, err := PackForCache(d.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		cached[d.Name] = packed.Unpack(o).(*v1alpha1.Defect)
	}
	live := fake.NewClientBuilder().WithScheme(scheme).WithObjects(whole).Build()
	r := Reader{Reader: cached, Live: live}
	for name, want := range map[string]string{
		"large": whole.Spec.Description,
		"small": small.Spec.Description, // the API server has none
	} {
		got := &v1alpha1.Defect{}
		err := r.Get(t.Context(), types.NamespacedName{Namespace: "voice", Name: name}, got)
		if err != nil || got.Spec.Description != want || IsCut(got) {
			t.Errorf("%s: got %.40q, cut %v, %v", name, got.Spec.Description, IsCut(got), err)
		}
	}
	got := &v1alpha1.Defect{}
	err := r.Get(t.Context(), types.NamespacedName{Namespace: "voice", Name: "large"}, got, AsCached)
	if err != nil || got.Spec.Description != "" || got.Spec.Title != whole.Spec.Title || !IsCut(got) {
		t.Errorf("as cached: got %.40q, cut %v, %v", got.Spec.Description, IsCut(got), err)
	}
	if err := live.Delete(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	err = r.Get(t.Context(), types.NamespacedName{Namespace: "voice", Name: "large"}, got)
	if client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("deleted meanwhile: got %v", err)
	}
}

// TestGuard checks that a cut object is not written back.
func TestGuard(t *testing.T) {
	scheme := k8sruntime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	d := filedDefect(1)
	d.ManagedFields = nil
	c := Guard(fake.NewClientBuilder().WithScheme(scheme).WithObjects(d).Build())
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		t.Fatal(err)
	}
	d.Spec.Title = "changed"
	if err := c.Update(t.Context(), d); err != nil {
		t.Errorf("a whole object: %v", err)
	}
	d.Spec.Description = strings.Repeat("x", maxTexts+1)
	cut(d)
	if err := c.Update(t.Context(), d); err == nil || !strings.Contains(err.Error(), "only a part of it was read") {
		t.Errorf("a cut object: %v", err)
	}
}
