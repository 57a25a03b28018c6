// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// auditLog is the audit log of the API server.
var auditLog string

// auditPolicy logs who did what to objects of this operator.
const auditPolicy = `{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived"],
"rules":[{"level":"Metadata","resources":[{"group":"integrations.voiceai.dev"}]}]}`

// writeAuditPolicy writes a policy to a directory, and returns the flags of an API server that has it.
func writeAuditPolicy(dir string) (flags map[string]string, err error) {
	auditLog = filepath.Join(dir, "audit.log")
	policy := filepath.Join(dir, "policy.json")
	return map[string]string{"audit-policy-file": policy, "audit-log-path": auditLog}, os.WriteFile(policy, []byte(auditPolicy), 0o600)
}

// writersOf returns the users who created a Defect of the world, as the audit log has it.
func (w *world) writersOf(defect string) (users []string) {
	w.t.Helper()
	file, err := os.Open(auditLog)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Verb      string
			User      struct{ Username string }
			ObjectRef struct{ Namespace, Resource, Name string }
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil { // the last line may be incomplete
			continue
		}
		if e.Verb == "create" && e.ObjectRef.Resource == "defects" && e.ObjectRef.Namespace == w.namespace && e.ObjectRef.Name == defect {
			users = append(users, e.User.Username)
		}
	}
	return users
}

func TestTheAuditLogNamesTheCaller(t *testing.T) {
	w := newWorld(t)
	c := w.callerWith("create defects")
	a := c.ask("POST", "/api/v1/defects", `{"name":"audited","title":"Hangs up","severity":"Low"}`)
	w.Expect(a.status).To(gomega.Equal(http.StatusCreated), a.body)
	w.Eventually(func() []string { return w.writersOf("audited") }).
		Should(gomega.Equal([]string{"system:serviceaccount:" + w.namespace + ":caller-1"}))
}

// otherAudience authenticates tokens that have another audience than that of the API server.
type otherAudience struct{ apiserver.Identity }

func (otherAudience) Authenticate(ctx context.Context, token string) (identity.Caller, error) {
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{"integrations"}}}
	if err := kube.Create(ctx, review); err != nil || !review.Status.Authenticated {
		return identity.Caller{}, identity.ErrUnauthenticated
	}
	return identity.Caller{Info: &user.DefaultInfo{Name: review.Status.User.Username}}, nil
}

// TestATokenOfAnotherAudienceReadsOnly has a caller with every right, whose token the API server does not accept.
func TestATokenOfAnotherAudienceReadsOnly(t *testing.T) {
	w := newWorld(t)
	admin := w.admin()
	o := options
	o.Identity = otherAudience{options.Identity}
	o.Clock = clock.RealClock{}
	o.TokenCommand = identity.TokenCommand(nil, "integrations")
	server, err := apiserver.New(o)
	w.Expect(err).NotTo(gomega.HaveOccurred())
	w.Expect(mgr.Add(server)).To(gomega.Succeed())
	w.Eventually(server.Ready()).Should(gomega.BeClosed())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "caller-1"}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"integrations"}}}
	w.Expect(kube.SubResource("token").Create(t.Context(), account, request)).To(gomega.Succeed())
	c := &caller{w: w, token: request.Status.Token, base: "http://" + server.Addr().String()}
	w.Expect(c.ask("GET", "/api/v1/defects", "").status).To(gomega.Equal(http.StatusOK))
	body := `{"title":"Hangs up","severity":"Low"}`
	a := c.ask("POST", "/api/v1/defects", body)
	w.Expect(a.status).To(gomega.Equal(http.StatusForbidden))
	w.Expect(a.body).To(gomega.ContainSubstring(o.TokenCommand))
	w.Expect(admin.ask("POST", "/api/v1/defects", body).status).To(gomega.Equal(http.StatusCreated))
}
