// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// createToken creates a ServiceAccount with a ClusterRole, if it is not empty, and returns a token of it.
func (c *cluster) createToken(name, role string) string {
	c.t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	c.create(account)
	if role != "" {
		c.create(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: name}},
		})
	}
	request := &authenticationv1.TokenRequest{}
	c.Expect(c.kube.SubResource("token").Create(c.t.Context(), account, request)).To(Succeed())
	return request.Status.Token
}

// scrape gets the metrics with a token, and returns the status and the body.
func scrape(ctx context.Context, url, token string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	selfSigned := &tls.Config{InsecureSkipVerify: true}
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: selfSigned}}
	defer insecure.CloseIdleConnections()
	response, err := insecure.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// TestMetricsNeedAToken checks that only a caller who may get /metrics sees metrics, and that the operator needs no right
// but those of config/metrics to find out.
func TestMetricsNeedAToken(t *testing.T) {
	c := newCluster(t)
	c.createRole("metrics")
	c.createRoleIn("metrics", "reader_role.yaml")
	const user = "system:serviceaccount:default:operator"
	c.createToken("operator", "metrics-auth-role")
	config := *c.admin
	config.Impersonate.UserName = user
	address := c.freeAddress()
	server, err := metricsserver.NewServer(metricsOptions(metricsFlags{address: address, secure: true}), &config, http.DefaultClient)
	c.Expect(err).NotTo(HaveOccurred())
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(running) }()
	defer func() {
		stop()
		c.Expect(<-ended).To(Succeed())
	}()
	for _, tt := range []struct {
		name, token string
		want        int
	}{
		{"no token", "", http.StatusUnauthorized},
		{"a wrong token", "guess", http.StatusUnauthorized},
		{"a token without the right", c.createToken("stranger", ""), http.StatusForbidden},
		{"a token with the right", c.createToken("prometheus", "metrics-reader"), http.StatusOK},
	} {
		c.Eventually(func(g Gomega) {
			status, body, err := scrape(t.Context(), "https://"+address+"/metrics", tt.token)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(status).To(Equal(tt.want), tt.name)
			g.Expect(strings.Contains(body, "voiceai_build_info{")).To(Equal(tt.want == http.StatusOK), tt.name)
		}).Should(Succeed())
	}
}
