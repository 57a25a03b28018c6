// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestCheckMemory checks what is logged about the memory at the start, and that a start that would not fit fails.
func TestCheckMemory(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var objects []client.Object
	for n := range 4 { // a megabyte each
		o := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("n%d", n%2), Name: fmt.Sprintf("n%d", n)}}
		o.Spec.Event.Data = &runtime.RawExtension{Raw: []byte(`{"title":"` + strings.Repeat("It asks for the date. ", 1<<20/22) + `"}`)}
		objects = append(objects, o)
	}
	for n := range 6 { // the texts of large Defects are not in the cache
		d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "n0", Name: fmt.Sprintf("d%d", n)}}
		d.Spec.Description = strings.Repeat("It asks for the date. ", 1<<20/22)
		objects = append(objects, d)
	}
	stored := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	// For each Notification that it returns, the API server counts nine more.
	cluster := interceptor.NewClient(stored, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, o ...client.ListOption) error {
			err := c.List(ctx, list, o...)
			if l, ok := list.(*v1alpha1.NotificationList); ok {
				l.RemainingItemCount = new(int64(9 * len(l.Items)))
			}
			return err
		},
	})
	failing := interceptor.NewClient(cluster, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("the API server is away")
		},
	})
	for name, c := range map[string]struct {
		from         client.Reader
		watched      []string
		limit        int64
		logged, fail string
	}{
		"no limit": {cluster, nil, math.MaxInt64, "", ""},
		"it fits": {
			cluster, nil, 200 << 20,
			"Memory suffices: 6 Defects and 40 Notifications take about 99Mi of memory, and 200Mi may be used", "",
		},
		"it is close": {
			cluster, nil, 110 << 20, "Memory is scarce: 6 Defects and 40 Notifications take about 99Mi of memory, " +
				"and 110Mi may be used: raise the memory limit of the container to 142Mi, see docs/memory.md", "",
		},
		"it does not fit": {
			cluster, nil, 90 << 20, "", "6 Defects and 40 Notifications take about 99Mi of memory, " +
				"and 90Mi may be used: raise the memory limit of the container to 142Mi, see docs/memory.md",
		},
		"half of it": {
			cluster, []string{"n0", "none"}, 90 << 20,
			"Memory suffices: 6 Defects and 20 Notifications take about 69Mi of memory, and 90Mi may be used", "",
		},
		"it cannot be counted": {failing, nil, 90 << 20, "Whether the memory suffices is not known", ""},
	} {
		t.Run(name, func(t *testing.T) {
			logged := &strings.Builder{}
			ctx := ctrl.LoggerInto(t.Context(), zap.New(zap.WriteTo(logged)))
			err := checkMemory(ctx, c.from, c.watched, c.limit, false)
			if got := fmt.Sprint(err); c.fail == "" && err != nil || c.fail != "" && got != c.fail {
				t.Errorf("got the error %v, want %s", err, c.fail)
			}
			if got := logged.String(); !strings.Contains(got, c.logged) || c.logged == "" && got != "" {
				t.Errorf("logged %s, want %s", got, c.logged)
			}
		})
	}
}

var _ = Describe("The check of the memory", func() {
	It("counts the objects that it does not read", func() {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "counted"}}
		Expect(kube.Create(ctx, namespace)).To(Succeed())
		for n := range sampleSize + 5 {
			d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "counted", Name: fmt.Sprintf("d%d", n)}}
			d.Spec = v1alpha1.DefectSpec{Title: "No sound", Severity: v1alpha1.SeverityLow}
			Expect(kube.Create(ctx, d)).To(Succeed())
		}
		got, err := sizeOf(ctx, kube, &v1alpha1.DefectList{}, []string{"counted"})
		Expect(err).NotTo(HaveOccurred())
		Expect(got.objects).To(BeEquivalentTo(sampleSize + 5))
		Expect(got.bytes).To(BeNumerically(">", 400*got.objects))
	})
})
