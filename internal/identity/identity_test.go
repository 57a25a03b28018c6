// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// cluster answers reviews. The token "good" belongs to alice, who may list the Jobs in the namespace qa. It is for the API
// server. The tokens "integrations" and "vault" are alice's too, for the audiences of these names.
type cluster struct {
	// tokens and access count the reviews answered.
	tokens, access atomic.Int32
	// down makes every review fail.
	down atomic.Bool
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.down.Load() {
		http.Error(w, "down", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	if strings.HasSuffix(r.URL.Path, "/tokenreviews") {
		c.tokens.Add(1)
		review := &authenticationv1.TokenReview{}
		_ = json.NewDecoder(r.Body).Decode(review)
		audiences := map[string][]string{"good": nil, "integrations": {"integrations"}, "vault": {"vault"}}
		had, known := audiences[review.Spec.Token]
		matching := slices.DeleteFunc(slices.Clone(had), func(a string) bool { return !slices.Contains(review.Spec.Audiences, a) })
		if known && (len(review.Spec.Audiences) == 0) == (len(had) == 0) && len(matching) == len(had) {
			review.Status.Audiences = matching
			review.Status.Authenticated = true
			review.Status.User = authenticationv1.UserInfo{Username: "alice", Groups: []string{"qa"}}
		} else {
			review.Status.Error = "invalid bearer token"
		}
		_ = json.NewEncoder(w).Encode(review)
		return
	}
	c.access.Add(1)
	review := &authorizationv1.SubjectAccessReview{}
	_ = json.NewDecoder(r.Body).Decode(review)
	a := review.Spec.ResourceAttributes
	review.Status.Allowed = review.Spec.User == "alice" &&
		a.Verb == "list" && a.Group == "batch" && a.Resource == "jobs" && a.Namespace == "qa"
	_ = json.NewEncoder(w).Encode(review)
}

func newAuthenticator(t *testing.T, audiences ...string) (*identity.Authenticator, *cluster) {
	t.Helper()
	c := &cluster{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL}
	config.ContentType = "application/json"
	a, err := identity.New(config, audiences...)
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func TestAuthenticate(t *testing.T) {
	a, c := newAuthenticator(t)
	for range 3 {
		who, err := a.Authenticate(t.Context(), "good")
		if err != nil || who.GetName() != "alice" || len(who.GetGroups()) != 1 {
			t.Fatalf("got %v, %v, want alice of qa", who, err)
		}
	}
	if n := c.tokens.Load(); n != 1 {
		t.Errorf("%d reviews, want 1, whose answer is cached", n)
	}
	for _, token := range []string{"", "wrong", strings.Repeat("x", 1<<20)} {
		if _, err := a.Authenticate(t.Context(), token); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("token of %d bytes: got %v, want ErrUnauthenticated", len(token), err)
		}
	}
	c.down.Store(true)
	if _, err := a.Authenticate(t.Context(), "another"); err == nil || errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("got %v, want another error than ErrUnauthenticated", err)
	}
}

// With an audience, tokens for the API server or for others are refused, and the other way round.
func TestAudiences(t *testing.T) {
	for _, test := range []struct {
		audiences []string
		accepted  string
	}{
		{nil, "good"},
		{[]string{"integrations"}, "integrations"},
	} {
		a, _ := newAuthenticator(t, test.audiences...)
		for _, token := range []string{"good", "integrations", "vault"} {
			_, err := a.Authenticate(t.Context(), token)
			if token == test.accepted && err != nil || token != test.accepted && !errors.Is(err, identity.ErrUnauthenticated) {
				t.Errorf("audiences %v, token %s: got %v", test.audiences, token, err)
			}
		}
	}
}

func TestAllowed(t *testing.T) {
	a, c := newAuthenticator(t)
	alice := identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}
	bob := identity.Caller{Info: &user.DefaultInfo{Name: "bob"}}
	listJobs := identity.Access{Verb: "list", Group: "batch", Resource: "jobs", Namespace: "qa"}
	createJobs := identity.Access{Verb: "create", Group: "batch", Resource: "jobs", Namespace: "qa"}
	listAllJobs := identity.Access{Verb: "list", Group: "batch", Resource: "jobs"}
	for name, test := range map[string]struct {
		caller identity.Caller
		access identity.Access
		want   bool
	}{
		"allowed":         {alice, listJobs, true},
		"other verb":      {alice, createJobs, false},
		"every namespace": {alice, listAllJobs, false},
		"other user":      {bob, listJobs, false},
		"no user":         {identity.Caller{}, listJobs, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := a.Allowed(t.Context(), test.caller, test.access); err != nil || got != test.want {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
	before := c.access.Load()
	c.down.Store(true)
	getSecrets := identity.Access{Verb: "get", Resource: "secrets", Namespace: "qa"}
	if ok, err := a.Allowed(t.Context(), alice, getSecrets); err == nil || ok {
		t.Errorf("got %v, %v, want an error as the API server is down", ok, err)
	}
	if ok, err := a.Allowed(t.Context(), alice, listJobs); err != nil || !ok || c.access.Load() != before {
		t.Errorf("got %v, %v, want the cached answer", ok, err)
	}
}

func TestBearerToken(t *testing.T) {
	for header, want := range map[string]string{"Bearer abc": "abc", "bearer  abc ": "abc", "Basic abc": "", "abc": "", "": ""} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		if got := identity.BearerToken(r); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}
