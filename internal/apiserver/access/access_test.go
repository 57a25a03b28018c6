// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// allowed allows what a function does.
type allowed func(identity.Access) (bool, error)

func (a allowed) Allowed(_ context.Context, _ identity.Caller, access identity.Access) (bool, error) {
	return a(access)
}

func TestReview(t *testing.T) {
	alice := identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}
	for name, c := range map[string]struct {
		allowed    allowed
		verbs      map[string][]string
		everywhere bool
	}{
		"nothing": {func(identity.Access) (bool, error) { return false, nil }, map[string][]string{}, false},
		"here": {func(a identity.Access) (bool, error) {
			return a.Namespace == "qa" && a.Resource == "defects" && (a.Verb == "list" || a.Verb == "update"), nil
		}, map[string][]string{"defects": {"list", "update"}}, false},
		"lists everywhere": {func(a identity.Access) (bool, error) {
			return a.Namespace == "", nil
		}, map[string][]string{}, true},
	} {
		got, err := review(t.Context(), c.allowed, alice, "qa")
		if err != nil || !reflect.DeepEqual(got.Verbs, c.verbs) || got.Everywhere != c.everywhere {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	down := allowed(func(identity.Access) (bool, error) { return false, errors.New("down") })
	var unknown *action.AuthorizationError
	if _, err := review(t.Context(), down, alice, "qa"); !errors.As(err, &unknown) {
		t.Errorf("got %v, want an AuthorizationError", err)
	}
}

// TestReviewsAreBounded has a caller without rights read them in many namespaces, and counts the questions.
func TestReviewsAreBounded(t *testing.T) {
	var asked atomic.Int32
	none := allowed(func(identity.Access) (bool, error) { asked.Add(1); return false, nil })
	c := NewCache(testingclock.NewFakeClock(time.Now()), none)
	alice := identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}
	bob := identity.Caller{Info: &user.DefaultInfo{Name: "bob"}}
	refused := 0
	for i := range 100 {
		if _, err := c.Get(t.Context(), alice, strconv.Itoa(i)); err != nil {
			refused++
		}
	}
	if most := int32(2 * reviewsPerSecond * 36); refused != 100-2*reviewsPerSecond || asked.Load() > most {
		t.Errorf("%d of 100 were refused, %d questions, want at most %d", refused, asked.Load(), most)
	}
	if _, err := c.Get(t.Context(), bob, "a"); err != nil {
		t.Errorf("another caller got %v", err)
	}
}

// TestCache loads the permissions of callers, as each page does first.
func TestCache(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	reviewed := make(chan string, 10)
	answer := make(chan error)
	c := NewCache(now, nil)
	c.review = func(_ context.Context, _ identity.Caller, namespace string) (Rights, error) {
		reviewed <- namespace
		err := <-answer
		return Rights{Everywhere: true}, err
	}
	caller := identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}
	get := func(caller identity.Caller, namespace string) error {
		_, err := c.Get(t.Context(), caller, namespace)
		return err
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := get(caller, "a"); err != nil {
				t.Error(err)
			}
		})
	}
	answer <- nil
	both.Wait()
	if err := get(caller, "a"); err != nil || len(reviewed) != 1 {
		t.Fatalf("%d reviews, %v, want one", len(reviewed), err)
	}
	now.Step(freshFor) // what is known is returned, and reviewed meanwhile
	if err := get(caller, "a"); err != nil {
		t.Error(err)
	}
	answer <- nil
	<-reviewed
	<-reviewed
	go func() { answer <- nil }()
	if err := get(caller, "c"); err != nil {
		t.Error(err)
	}
	now.Step(staleFor)
	go func() { answer <- errors.New("down") }()
	if err := get(caller, "c"); err == nil {
		t.Error("rights were returned that are too old, though the review failed")
	}
	for name, other := range map[string]func() error{
		"another namespace": func() error { return get(caller, "b") },
		"another caller":    func() error { return get(identity.Caller{Info: &user.DefaultInfo{Name: "bob"}}, "a") },
		"another group": func() error {
			return get(identity.Caller{Info: &user.DefaultInfo{Name: "alice", Groups: []string{"g"}}}, "a")
		},
	} {
		go func() { answer <- nil }()
		before := len(reviewed)
		if err := other(); err != nil || len(reviewed) != before+1 {
			t.Errorf("%s: %d more reviews, %v, want one", name, len(reviewed)-before, err)
		}
	}
}
