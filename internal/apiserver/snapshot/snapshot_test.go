// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestCollectionStaysInOrder puts and deletes objects at random, and reads the order in between. What was read must
// not change afterwards.
func TestCollectionStaysInOrder(t *testing.T) {
	const seed1, seed2 = 7, 11
	random := rand.New(rand.NewPCG(seed1, seed2)) //nolint:gosec // the same each time
	c := NewObjects[*v1alpha1.Defect](nil)
	var returned, copied [][]*v1alpha1.Defect
	for step := range 3000 {
		d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{
			Namespace: string('a' + rune(random.IntN(2))), Name: fmt.Sprintf("d-%d", random.IntN(40)),
			ResourceVersion:   strconv.Itoa(step + 1),
			CreationTimestamp: metav1.Unix(int64(random.IntN(5)), 0), // often another object of the same name
		}}
		if random.IntN(3) == 0 {
			c.Delete(d)
		} else {
			c.Put(d)
		}
		if random.IntN(4) == 0 {
			now := c.Newest()
			returned = append(returned, now)
			copied = append(copied, slices.Clone(now))
		}
	}
	for at := range returned {
		if !slices.Equal(returned[at], copied[at]) {
			t.Fatalf("the %dth returned slice has changed since", at)
		}
		if !slices.IsSortedFunc(returned[at], newer) {
			t.Fatalf("the %dth returned slice is not in order", at)
		}
	}
	now := c.Newest()
	if len(now) != len(c.items) {
		t.Fatalf("%d in order, %d in the collection", len(now), len(c.items))
	}
	for _, d := range now {
		if c.items[client.ObjectKeyFromObject(d)] != d {
			t.Fatalf("%s/%s is not the one in the collection", d.Namespace, d.Name)
		}
	}
}

func TestCollectionKeeps(t *testing.T) {
	c := NewObjects(func(d *v1alpha1.Defect) bool { return d.Labels["keep"] != "" })
	d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "d", ResourceVersion: "1"}}
	if c.Put(d) || len(c.In("qa")) != 0 {
		t.Error("an object that is not to be kept was added")
	}
	kept := d.DeepCopy()
	kept.ResourceVersion = "2"
	kept.Labels = map[string]string{"keep": "yes"}
	if !c.Put(kept) || c.Put(kept) || len(c.In("qa")) != 1 || len(c.In("prod")) != 0 {
		t.Error("an object was not added once")
	}
	if !c.Put(d) || len(c.Newest()) != 0 || c.Version() != 2 {
		t.Error("an object that lost its label is still there")
	}
}
