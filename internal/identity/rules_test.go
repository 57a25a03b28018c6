// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// rulesCluster answers reviews of rules, of the token "of-alice", and counts all reviews by resource. It refuses every
// access that is reviewed by itself.
type rulesCluster struct {
	status  int
	answer  authorizationv1.SubjectRulesReviewStatus
	reviews map[string]int
	headers []string
}

func (c *rulesCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	c.reviews[resource]++
	w.Header().Set("Content-Type", "application/json")
	switch resource {
	case "tokenreviews":
		review := &authenticationv1.TokenReview{Status: authenticationv1.TokenReviewStatus{Authenticated: true}}
		review.Status.User.Username = "alice"
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	case "subjectaccessreviews":
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(&authorizationv1.SubjectAccessReview{})
	default:
		c.headers = append(c.headers, r.Header.Get("Authorization"))
		w.WriteHeader(c.status)
		if c.status == http.StatusUnauthorized {
			_ = json.NewEncoder(w).Encode(&metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
				Reason: metav1.StatusReasonUnauthorized, Code: http.StatusUnauthorized,
			})
			return
		}
		review := &authorizationv1.SelfSubjectRulesReview{}
		_ = json.NewDecoder(r.Body).Decode(review)
		review.Status = c.answer
		if review.Spec.Namespace != "qa" {
			review.Status.ResourceRules = nil
		}
		_ = json.NewEncoder(w).Encode(review)
	}
}

// start returns an Authenticator of the cluster, and alice.
func (c *rulesCluster) start(t *testing.T) (*identity.Authenticator, identity.Caller) {
	t.Helper()
	c.reviews = map[string]int{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, BearerToken: "of-the-operator", QPS: -1}
	config.ContentType = "application/json"
	a, err := identity.New(config)
	if err != nil {
		t.Fatal(err)
	}
	alice, err := a.Authenticate(t.Context(), "of-alice")
	if err != nil {
		t.Fatal(err)
	}
	return a, alice
}

func TestRulesDecide(t *testing.T) {
	rule := func(verbs, groups, resources, names string) authorizationv1.ResourceRule {
		split := func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == ',' }) }
		return authorizationv1.ResourceRule{
			Verbs: split(verbs), APIGroups: split(groups), Resources: split(resources), ResourceNames: split(names),
		}
	}
	core := rule("*", "", "secrets", "")
	core.APIGroups = []string{""}
	access := func(verb, resource, name string) identity.Access {
		return identity.Access{Verb: verb, Group: "batch", Resource: resource, Namespace: "qa", Name: name}
	}
	for name, c := range map[string]struct {
		rule   authorizationv1.ResourceRule
		access identity.Access
		want   bool
	}{
		"same":                      {rule("list", "batch", "jobs", ""), access("list", "jobs", ""), true},
		"one of several":            {rule("get,list", "apps,batch", "cronjobs,jobs", ""), access("list", "jobs", ""), true},
		"everything":                {rule("*", "*", "*", ""), access("list", "jobs", ""), true},
		"core group":                {core, identity.Access{Verb: "get", Resource: "secrets", Namespace: "qa", Name: "s"}, true},
		"other verb":                {rule("get", "batch", "jobs", ""), access("list", "jobs", ""), false},
		"other group":               {rule("list", "apps", "jobs", ""), access("list", "jobs", ""), false},
		"other resource":            {rule("list", "batch", "cronjobs", ""), access("list", "jobs", ""), false},
		"subresource only":          {rule("list", "batch", "jobs/status", ""), access("list", "jobs", ""), false},
		"named":                     {rule("get", "batch", "jobs", "monday"), access("get", "jobs", "monday"), true},
		"other name":                {rule("get", "batch", "jobs", "monday"), access("get", "jobs", "sunday"), false},
		"names do not allow a list": {rule("list", "batch", "jobs", "monday"), access("list", "jobs", ""), false},
		"the name * is no wildcard": {rule("get", "batch", "jobs", "*"), access("get", "jobs", "monday"), false},
		"everywhere": {rule("list", "batch", "jobs", ""),
			identity.Access{Verb: "list", Group: "batch", Resource: "jobs"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := &rulesCluster{status: http.StatusCreated}
			cluster.answer.ResourceRules = []authorizationv1.ResourceRule{c.rule}
			a, alice := cluster.start(t)
			for range 40 { // further acts take no further review
				if got, err := a.Allowed(t.Context(), alice, c.access); err != nil || got != c.want {
					t.Fatalf("got %v, %v, want %v", got, err, c.want)
				}
			}
			if cluster.reviews["selfsubjectrulesreviews"] != 1 || cluster.reviews["subjectaccessreviews"] != 0 {
				t.Errorf("%v, want one review of rules", cluster.reviews)
			}
			if h := cluster.headers[0]; h != "Bearer of-alice" {
				t.Errorf("the rules were reviewed as %q", h)
			}
		})
	}
}

// TestRulesThatDoNotDecide checks that accesses are reviewed one by one if the rules may lack some, and that the rules
// are not reviewed for each of them.
func TestRulesThatDoNotDecide(t *testing.T) {
	everything := []authorizationv1.ResourceRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}
	huge := []authorizationv1.ResourceRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}
	for i := range 1000 {
		huge[0].ResourceNames = append(huge[0].ResourceNames, fmt.Sprint("name-", i))
	}
	for name, c := range map[string]*rulesCluster{
		"incomplete": {status: http.StatusCreated,
			answer: authorizationv1.SubjectRulesReviewStatus{ResourceRules: everything, Incomplete: true}},
		"failed in part": {status: http.StatusCreated,
			answer: authorizationv1.SubjectRulesReviewStatus{ResourceRules: everything, EvaluationError: "no such role"}},
		"too large":            {status: http.StatusCreated, answer: authorizationv1.SubjectRulesReviewStatus{ResourceRules: huge}},
		"token of another API": {status: http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			a, alice := c.start(t)
			for _, verb := range []string{"get", "list", "watch"} {
				ok, err := a.Allowed(t.Context(), alice, identity.Access{Verb: verb, Resource: "secrets", Namespace: "qa"})
				if err != nil || ok {
					t.Errorf("got %v, %v, want the answer of the access review", ok, err)
				}
			}
			if c.reviews["selfsubjectrulesreviews"] != 1 || c.reviews["subjectaccessreviews"] != 3 {
				t.Errorf("%v, want one review of rules and three of accesses", c.reviews)
			}
		})
	}
}

func TestCallersAreNotPrintedWithTheirToken(t *testing.T) {
	_, alice := (&rulesCluster{status: http.StatusCreated}).start(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(format, alice); strings.Contains(s, "of-alice") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}
