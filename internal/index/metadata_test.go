// SPDX-License-Identifier: Apache-2.0

package index

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// cachedKinds returns an empty object of each kind of the cache.
func cachedKinds() []client.Object {
	return []client.Object{&v1alpha1.Defect{}, &v1alpha1.Notification{}, &v1alpha1.NotificationRule{},
		&v1alpha1.SlackIntegration{}, &v1alpha1.JiraIntegration{}, &v1alpha1.Evidence{}, &batchv1.Job{}, &batchv1.CronJob{},
		&metav1.PartialObjectMetadata{}}
}

// TestStripMetadata checks that an object of any kind takes little memory, whatever metadata it has.
func TestStripMetadata(t *testing.T) {
	for _, o := range cachedKinds() {
		labels := map[string]string{v1alpha1.SuiteLabel: "smoke"}
		for i := range 3000 {
			labels[fmt.Sprintf("example.com/label-%d", i)] = strings.Repeat("x", 63)
			o.SetFinalizers(append(o.GetFinalizers(), fmt.Sprintf("example.com/finalizer-%d", i)))
			o.SetOwnerReferences(append(o.GetOwnerReferences(), metav1.OwnerReference{Kind: "Pod", Name: fmt.Sprintf("pod-%d", i)}))
		}
		o.SetNamespace("qa")
		o.SetLabels(labels)
		o.SetOwnerReferences(append(o.GetOwnerReferences(), metav1.OwnerReference{Kind: "CronJob", Name: "smoke", Controller: new(true)}))
		o.SetAnnotations(map[string]string{
			corev1.LastAppliedConfigAnnotation: strings.Repeat("x", 1<<18), domain + "/unknown": strings.Repeat("x", 1<<18),
			v1alpha1.ResultsAnnotation: strings.Repeat("\u00fc", 1<<17), v1alpha1.TicketRequestedAtAnnotation: "now",
		})
		strip(o)
		raw, err := json.Marshal(o)
		if err != nil || len(raw) > 20<<10 {
			t.Errorf("%T keeps %d bytes: %v", o, len(raw), err)
		}
		if owner := metav1.GetControllerOf(o); owner == nil || owner.Name != "smoke" {
			t.Errorf("%T has the controller %v", o, owner)
		}
		if o.GetLabels()[v1alpha1.SuiteLabel] != "smoke" || o.GetAnnotations()[v1alpha1.TicketRequestedAtAnnotation] != "now" {
			t.Errorf("%T has lost what the operator reads", o)
		}
	}
}

// TestStripLabels checks that the cache keeps the labels of which events have the first ones, and all of a Namespace.
func TestStripLabels(t *testing.T) {
	labels := map[string]string{domain + "/z": "own"}
	for i := range 2 * maxLabels {
		labels[fmt.Sprintf("l%03d", i)] = "x"
	}
	defect := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Labels: maps.Clone(labels)}}
	strip(defect)
	got := slices.Sorted(maps.Keys(defect.Labels))
	if len(got) != maxLabels+1 || got[0] != domain+"/z" || got[maxLabels] != "l059" {
		t.Errorf("the cache keeps the labels %q", got)
	}
	namespace := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "qa", Labels: maps.Clone(labels)}}
	strip(namespace)
	if !maps.Equal(namespace.Labels, labels) {
		t.Errorf("the cache keeps %d labels of a Namespace", len(namespace.Labels))
	}
}

// TestStripAnnotations checks that the cache keeps each annotation that the API has.
func TestStripAnnotations(t *testing.T) {
	files, err := filepath.Glob("../../api/v1alpha1/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.ValueSpec)
			if !ok || len(c.Values) != 1 || !strings.Contains(c.Names[0].Name, "Annotation") {
				return true
			}
			value, err := strconv.Unquote(c.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found++
			if strings.HasSuffix(value, "/") {
				value += "C1"
			}
			i := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{value: "kept"}}}
			if strip(i); i.Annotations[value] != "kept" {
				t.Errorf("the cache drops the annotation %s of %s", value, c.Names[0].Name)
			}
			return true
		})
	}
	if found < len(annotations)+2 {
		t.Errorf("the API has %d annotations, the cache keeps %d and two prefixes", found, len(annotations))
	}
}

// TestStripTemplates checks that the cache keeps no template, which may have a megabyte.
func TestStripTemplates(t *testing.T) {
	pod := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "tests"}}}}
	job := &batchv1.Job{Spec: batchv1.JobSpec{Completions: new(int32), Template: pod}}
	suite := &batchv1.CronJob{Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: job.Spec}}}
	strip(job)
	strip(suite)
	if len(job.Spec.Template.Spec.Containers) > 0 || job.Spec.Completions == nil {
		t.Errorf("the Job keeps %+v", job.Spec)
	}
	if len(suite.Spec.JobTemplate.Spec.Template.Spec.Containers) > 0 || suite.Spec.Schedule == "" {
		t.Errorf("the CronJob keeps %+v", suite.Spec)
	}
}
