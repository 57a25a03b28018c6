// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// reviewing is an API server that authenticates every token as a caller without rights, and counts reviews.
type reviewing struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *reviewing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	c.mu.Lock()
	c.counts[resource]++
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	if resource == "tokenreviews" {
		review := &authenticationv1.TokenReview{Status: authenticationv1.TokenReviewStatus{Authenticated: true}}
		review.Status.User.Username = "alice"
		_ = json.NewEncoder(w).Encode(review)
		return
	}
	_, _ = w.Write([]byte(`{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","status":{"incomplete":false}}`))
}

// TestACheapRequestCostsFewReviews sends requests of a caller without rights, each for the first time.
func TestACheapRequestCostsFewReviews(t *testing.T) {
	for path, status := range map[string]int{
		"/api/v1/access?namespace=a":              http.StatusOK,
		"/api/v1/access?namespace=*":              http.StatusOK,
		"/api/v1/summary?namespace=a":             http.StatusForbidden,
		"/api/v1/summary?namespace=*":             http.StatusForbidden,
		"/api/v1/integrations/health?namespace=a": http.StatusForbidden,
		"/api/v1/integrations/status?namespace=*": http.StatusForbidden,
		"/api/v1/integrations/logs?namespace=*":   http.StatusForbidden,
		"/api/v1/suites?namespace=*":              http.StatusForbidden,
		"/api/v1/watch?namespace=*":               http.StatusForbidden,
	} {
		t.Run(path, func(t *testing.T) {
			cluster := &reviewing{counts: map[string]int{}}
			kubernetes := httptest.NewServer(cluster)
			t.Cleanup(kubernetes.Close)
			config := &rest.Config{Host: kubernetes.URL, QPS: -1}
			config.ContentType = "application/json"
			who, err := identity.New(config)
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(Options{Identity: who, Clock: clock.RealClock{}, Live: empty{}})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if w := ask(s, path); w.Code != status {
					t.Fatalf("got %d %s, want %d", w.Code, w.Body, status)
				}
			}
			if rules := cluster.counts["selfsubjectrulesreviews"]; rules > 2 || cluster.counts["subjectaccessreviews"] > 0 {
				t.Errorf("%v, want at most two reviews of rules and none of accesses", cluster.counts)
			}
		})
	}
}
