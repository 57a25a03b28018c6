// Package crd_test shows what the five kinds accept and refuse, on a real API server.
package crd_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"
)

var kube client.Client

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	environment := &envtest.Environment{CRDDirectoryPaths: []string{bases}, ErrorIfCRDPathMissing: true}
	config, err := environment.Start()
	if err != nil {
		return 1, fmt.Errorf("starting the control plane, which make controlplane builds: %w", err)
	}
	defer func() {
		if stopped := environment.Stop(); err == nil {
			err = stopped
		}
	}()
	if kube, err = client.New(config, client.Options{Scheme: scheme.Scheme}); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

var bases = filepath.Join("..", "..", "config", "crd", "bases")

// object is an object of a kind with a spec in YAML, as a person types it.
func object(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("spec:\n  "+spec), &o.Object); err != nil {
		t.Fatalf("the test's own YAML: %v\n%s", err, spec)
	}
	o.SetAPIVersion("integrations.voiceai.dev/v1alpha1")
	o.SetKind(kind)
	o.SetNamespace("default")
	o.SetGenerateName("case-")
	return o
}

// create asks the API server, which refuses fields that it does not know.
func create(o *unstructured.Unstructured) error {
	return kube.Create(context.Background(), o, client.FieldValidation("Strict"))
}
