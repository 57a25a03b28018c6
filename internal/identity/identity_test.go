package identity_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// cluster answers reviews: the token "good" is alice, who may list; with down it does not answer them.
type cluster struct {
	tokens, access atomic.Int32
	down           atomic.Bool
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
		if review.Spec.Token == "good" {
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "alice", Groups: []string{"qa"}}}
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
	review.Status.Allowed = review.Spec.User == "alice" && a.Verb == "list" && a.Group == "batch" && a.Resource == "jobs" && a.Namespace == "qa"
	_ = json.NewEncoder(w).Encode(review)
}

func newAuthenticator(t *testing.T) (*identity.Authenticator, *cluster) {
	t.Helper()
	c := &cluster{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	a, err := identity.New(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func TestCaller(t *testing.T) {
	a, c := newAuthenticator(t)
	for range 3 {
		who, err := a.Caller(t.Context(), "good")
		if err != nil || who.GetName() != "alice" || len(who.GetGroups()) != 1 {
			t.Fatalf("got %v, %v, want alice of qa", who, err)
		}
	}
	if n := c.tokens.Load(); n != 1 {
		t.Errorf("%d reviews, want one: its answer is believed for a while", n)
	}
	for _, token := range []string{"", "wrong", strings.Repeat("x", 1<<20)} {
		if _, err := a.Caller(t.Context(), token); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Errorf("a token of %d bytes: got %v, want ErrUnauthenticated", len(token), err)
		}
	}
	c.down.Store(true)
	if _, err := a.Caller(t.Context(), "another"); err == nil || errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("got %v, want an error that is not the caller's fault", err)
	}
}

func TestAllowed(t *testing.T) {
	a, c := newAuthenticator(t)
	alice := identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}
	for name, ask := range map[string]struct {
		who    identity.Caller
		access identity.Access
		want   bool
	}{
		"just that":         {alice, identity.Access{Verb: "list", Group: "batch", Resource: "jobs", Namespace: "qa"}, true},
		"another verb":      {alice, identity.Access{Verb: "create", Group: "batch", Resource: "jobs", Namespace: "qa"}, false},
		"another namespace": {alice, identity.Access{Verb: "list", Group: "batch", Resource: "jobs"}, false},
		"somebody else":     {identity.Caller{Info: &user.DefaultInfo{Name: "bob"}}, identity.Access{Verb: "list", Group: "batch", Resource: "jobs", Namespace: "qa"}, false},
		"nobody":            {identity.Caller{}, identity.Access{Verb: "list", Group: "batch", Resource: "jobs", Namespace: "qa"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := a.Allowed(t.Context(), ask.who, ask.access); err != nil || got != ask.want {
				t.Errorf("got %v, %v, want %v", got, err, ask.want)
			}
		})
	}
	before := c.access.Load()
	c.down.Store(true)
	if ok, err := a.Allowed(t.Context(), alice, identity.Access{Verb: "get", Resource: "secrets", Namespace: "qa"}); err == nil || ok {
		t.Errorf("got %v, %v, want an error: it could not be asked", ok, err)
	}
	if ok, err := a.Allowed(t.Context(), alice, identity.Access{Verb: "list", Group: "batch", Resource: "jobs", Namespace: "qa"}); err != nil || !ok || c.access.Load() != before {
		t.Errorf("got %v, %v, want what was answered a moment ago", ok, err)
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
