// SPDX-License-Identifier: Apache-2.0

package writer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/writer"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// cluster records the Authorization headers of requests, and answers each with a status.
type cluster struct {
	status  int
	headers []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.headers = append(c.headers, r.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(c.status)
	if c.status == http.StatusForbidden {
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`))
		return
	}
	_, _ = w.Write([]byte(`{"kind":"Secret","apiVersion":"v1","metadata":{"namespace":"qa","name":"s"}}`))
}

func newClient(t *testing.T, c *cluster) *writer.Client {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	reads := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithRESTMapper(mapper).Build()
	w, err := writer.New(&rest.Config{Host: server.URL, BearerToken: "of-the-operator"}, reads)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func secret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "s"}, Data: map[string][]byte{"k": []byte("value")}}
}

// writes are the ways to write an object.
var writes = map[string]func(context.Context, client.Client) error{
	"create": func(ctx context.Context, c client.Client) error { return c.Create(ctx, secret()) },
	"update": func(ctx context.Context, c client.Client) error { return c.Update(ctx, secret()) },
	"delete": func(ctx context.Context, c client.Client) error { return c.Delete(ctx, secret()) },
	"patch": func(ctx context.Context, c client.Client) error {
		return c.Patch(ctx, secret(), client.RawPatch("application/merge-patch+json", []byte("{}")))
	},
	"deletecollection": func(ctx context.Context, c client.Client) error {
		return c.DeleteAllOf(ctx, secret(), client.InNamespace("qa"))
	},
}

func TestWritesAsTheCaller(t *testing.T) {
	for verb, write := range writes {
		for status, result := range map[int]string{http.StatusOK: "Success", http.StatusForbidden: "Forbidden"} {
			t.Run(verb+" "+result, func(t *testing.T) {
				var lines []string
				log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
				ctx := ctrl.LoggerInto(t.Context(), log)
				ctx = caller.With(ctx, identity.Caller{Info: &user.DefaultInfo{Name: "alice"}})
				ctx = caller.WithToken(ctx, "of-alice")
				c := &cluster{status: status}
				if err := write(ctx, newClient(t, c)); (err == nil) != (status == http.StatusOK) {
					t.Fatal(err)
				}
				if len(c.headers) != 1 || c.headers[0] != "Bearer of-alice" {
					t.Errorf("the API server got %q", c.headers)
				}
				want := `"caller"="alice" "verb"="` + verb + `" "resource"="Secret" "namespace"="qa" "name"="s" "result"="` + result + `"`
				if len(lines) != 1 || !strings.HasSuffix(lines[0], want) {
					t.Errorf("logged %q, want one line with %s", lines, want)
				}
			})
		}
	}
}

func TestWritesNothingWithoutACaller(t *testing.T) {
	for verb, write := range writes {
		c := &cluster{status: http.StatusOK}
		if err := write(t.Context(), newClient(t, c)); err == nil || len(c.headers) > 0 {
			t.Errorf("%s: sent %q, error %v", verb, c.headers, err)
		}
	}
}

func TestDryRunsAreNotLogged(t *testing.T) {
	var lines []string
	log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	ctx := caller.WithToken(ctrl.LoggerInto(t.Context(), log), "of-alice")
	ctx = caller.With(ctx, identity.Caller{Info: &user.DefaultInfo{Name: "alice"}})
	if err := newClient(t, &cluster{status: http.StatusOK}).Create(ctx, secret(), client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if len(lines) > 0 {
		t.Errorf("logged %q", lines)
	}
}
