// SPDX-License-Identifier: Apache-2.0

package packed

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	fcache "k8s.io/client-go/tools/cache/testing"
)

// kind has its samples.
var kind = func() *Kind[corev1.ConfigMap, *corev1.ConfigMap] {
	k := &Kind[corev1.ConfigMap, *corev1.ConfigMap]{Clean: func(c *corev1.ConfigMap) { c.Data["cleaned"] = "true" }}
	for range samples {
		k.Pack(named("sample", "sample", "1"))
	}
	return k
}()

func named(namespace, name, color string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string]string{"color": color},
	}
}

// byColor indexes as the cache of controller-runtime does: by namespace and value, and by value in all namespaces.
func byColor(o any) ([]string, error) {
	c, ok := o.(*corev1.ConfigMap)
	if !ok {
		return nil, fmt.Errorf("%T is not unpacked", o)
	}
	return []string{c.Namespace + "/" + c.Data["color"], "*/" + c.Data["color"]}, nil
}

// forget lets the next read unpack an object, rather than return the one that was packed.
func forget() { runtime.GC(); runtime.GC() }

func namesOf(t *testing.T, objects []any) string {
	t.Helper()
	var out []string
	for _, o := range objects {
		c, ok := o.(*corev1.ConfigMap)
		if !ok {
			t.Fatalf("got a %T", o)
		}
		out = append(out, c.Namespace+"/"+c.Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// start starts an informer that packs what is not red, and returns what its handler sees.
func start(t *testing.T, from *fcache.FakeControllerSource) (i toolscache.SharedIndexInformer, seen *[]string) {
	t.Helper()
	i = NewInformer(from, &corev1.ConfigMap{}, 0, toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc})
	err := i.SetTransform(func(in any) (any, error) {
		if c := in.(*corev1.ConfigMap); c.Data["color"] != "red" {
			return kind.Pack(c), nil
		}
		return in, nil
	})
	if err == nil {
		err = i.AddIndexers(toolscache.Indexers{"color": byColor})
	}
	if err != nil {
		t.Fatal(err)
	}
	seen = &[]string{}
	name := func(o any) string {
		if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
			o = gone.Obj
		}
		c := o.(*corev1.ConfigMap)
		return c.Name + " " + c.Data["color"]
	}
	if _, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { *seen = append(*seen, "+"+name(o)) },
		UpdateFunc: func(a, b any) { *seen = append(*seen, name(a)+" to "+name(b)) },
		DeleteFunc: func(o any) { *seen = append(*seen, "-"+name(o)) },
	}); err != nil {
		t.Fatal(err)
	}
	go i.RunWithContext(t.Context())
	synctest.Wait()
	if !i.HasSynced() {
		t.Fatal("the informer has not synced")
	}
	return i, seen
}

// TestInformer checks that an informer of packed objects shows what one of plain objects does.
func TestInformer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := fcache.NewFakeControllerSource()
		t.Cleanup(from.Shutdown)
		from.Add(named("a", "1", "blue"))
		from.Add(named("a", "2", "red"))
		from.Add(named("b", "3", "blue"))
		i, seen := start(t, from)
		forget()

		if got := namesOf(t, i.GetStore().List()); got != "a/1 a/2 b/3" {
			t.Errorf("listed %s", got)
		}
		for value, want := range map[string]string{"*/blue": "a/1 b/3", "a/blue": "a/1", "*/red": "a/2", "b/red": "", "*/green": ""} {
			forget()
			got, err := i.GetIndexer().ByIndex("color", value)
			if namesOf(t, got) != want || err != nil {
				t.Errorf("%s: found %s, %v, want %s", value, namesOf(t, got), err, want)
			}
			keys, err := i.GetIndexer().IndexKeys("color", value)
			if slices.Sort(keys); strings.Join(keys, " ") != want || err != nil {
				t.Errorf("%s: found the keys %v, %v, want %s", value, keys, err, want)
			}
		}
		if got, err := i.GetIndexer().ByIndex(toolscache.NamespaceIndex, "a"); namesOf(t, got) != "a/1 a/2" || err != nil {
			t.Errorf("in the namespace a are %s, %v", namesOf(t, got), err)
		}
		if got, err := i.GetIndexer().Index("color", named("b", "4", "blue")); err != nil || !strings.Contains(namesOf(t, got), "b/3") {
			t.Errorf("as blue as b/4 are %s, %v", namesOf(t, got), err)
		}
		if got, err := i.GetIndexer().GetIndexers()["color"](named("a", "1", "blue")); err != nil || len(got) != 2 {
			t.Errorf("the index has the values %v, %v", got, err)
		}
		forget()
		got, ok, err := i.GetIndexer().GetByKey("a/1")
		if c, is := got.(*corev1.ConfigMap); !ok || err != nil || !is || c.Data["color"] != "blue" || c.Data["cleaned"] != "true" {
			t.Errorf("got %v, %v, %v", got, ok, err)
		}
		if got, ok, err := i.GetIndexer().GetByKey("a/9"); got != nil || ok || err != nil {
			t.Errorf("got %v, %v, %v for a name that does not exist", got, ok, err)
		}
		if err := i.AddIndexers(toolscache.Indexers{"late": byColor}); err == nil {
			t.Error("an index was added to objects that are not indexed by it")
		}

		*seen = nil
		from.Modify(named("a", "1", "red"))
		from.Modify(named("a", "2", "blue"))
		from.Delete(named("b", "3", "blue"))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := strings.Join(*seen, ", "); got != "1 blue to 1 red, 2 red to 2 blue, -3 blue" {
			t.Errorf("the handler saw %s", got)
		}
		if got, err := i.GetIndexer().ByIndex("color", "*/blue"); namesOf(t, got) != "a/2" || err != nil {
			t.Errorf("blue are %s, %v", namesOf(t, got), err)
		}
	})
}

// TestInformerKeepsNothing checks that nothing is left of objects that are gone.
func TestInformerKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := fcache.NewFakeControllerSource()
		t.Cleanup(from.Shutdown)
		i, _ := start(t, from)
		for range 3 {
			for n := range 100 {
				from.Add(named("a", fmt.Sprint(n), []string{"red", "blue", fmt.Sprint(n)}[n%3]))
			}
			synctest.Wait()
			forget()
			for n := range 100 {
				from.Modify(named("a", fmt.Sprint(n), fmt.Sprint("other", n)))
			}
			synctest.Wait()
			forget()
			for n := range 100 {
				from.Delete(named("a", fmt.Sprint(n), ""))
			}
			synctest.Wait()
			inner := i.(*informer).SharedIndexInformer.GetIndexer()
			if keys, values := inner.ListKeys(), inner.ListIndexFuncValues("color"); len(keys)+len(values) > 0 {
				t.Errorf("left are %d objects and %d values of the index", len(keys), len(values))
			}
		}
	})
}

// TestPackedObjectIsShared checks that an object is unpacked once, as long as it is in use.
func TestPackedObjectIsShared(t *testing.T) {
	p := kind.Pack(named("a", "1", "blue"))
	forget()
	first := Unpack(p)
	if Unpack(p) != first {
		t.Error("an object that is in use was unpacked again")
	}
	runtime.KeepAlive(first)
	if o := Unpack(any("else")); o != "else" {
		t.Errorf("got %v", o)
	}
}

// TestSamples checks that the first objects are left as they are, and make others small.
func TestSamples(t *testing.T) {
	k := &Kind[corev1.ConfigMap, *corev1.ConfigMap]{Clean: func(*corev1.ConfigMap) {}}
	like := func(n int) *corev1.ConfigMap {
		c := named("a", fmt.Sprint(n), "blue")
		c.Data["text"] = "Every object has this text, and others have their own. It takes memory once."
		return c
	}
	for n := range samples {
		if c := like(n); k.Pack(c) != any(c) {
			t.Errorf("object %d is packed", n)
		}
	}
	p, ok := k.Pack(like(samples)).(*object[corev1.ConfigMap, *corev1.ConfigMap])
	if !ok || len(p.data) > 60 {
		t.Errorf("got %+v, want a packed object of a few bytes", p)
	}
}
