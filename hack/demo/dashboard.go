// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

// dashboard is the address of the operator's dashboard, and a token to sign in.
type dashboard struct{ url, token string }

// account is the name of the ServiceAccount that the token belongs to.
const account = "dashboard-demo"

// flags chooses a free port for the dashboard and returns the operator's flags for it.
func (d *dashboard) flags(ctx context.Context) ([]string, error) {
	port, err := stage.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	d.url = "http://" + address
	return []string{
		"--api-bind-address=" + address, "--api-default-namespace=" + namespace, "--dashboard-url=" + d.url,
	}, nil
}

// createAccount creates a ServiceAccount that may use everything on the dashboard in the demo's namespace. It checks
// that the dashboard serves the sign-in page and accepts the token.
func (d *dashboard) createAccount(ctx context.Context, c client.Client) error {
	verbs := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	var err error
	d.token, err = stage.CreateAccount(ctx, c, namespace, account,
		rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: verbs},
		rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"cronjobs", "jobs"}, Verbs: verbs},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: verbs})
	if err != nil {
		return err
	}
	if err := d.waitFor(ctx, "/", func(r *http.Response, body string) bool {
		return r.StatusCode == http.StatusOK && r.Request.URL.Path == "/signin" &&
			strings.Contains(body, "<form") && strings.Contains(body, "kubectl create token")
	}); err != nil {
		return err
	}
	return d.waitFor(ctx, "/api/v1/defects", func(r *http.Response, body string) bool {
		return r.StatusCode == http.StatusOK && strings.Contains(body, `"items"`)
	})
}

// waitFor gets a page until good accepts the response.
func (d *dashboard) waitFor(ctx context.Context, path string, good func(*http.Response, string) bool) error {
	last := "no answer"
	err := stage.Poll(ctx, d.url+path, nil, func() (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
		if err != nil {
			return false, err
		}
		if strings.HasPrefix(path, "/api/") {
			req.Header.Set("Authorization", "Bearer "+d.token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
			return false, nil
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		last = res.Status
		return err == nil && good(res, string(body)), nil
	})
	if err != nil {
		return fmt.Errorf("checking the dashboard (last result: %s): %w", last, err)
	}
	return nil
}
