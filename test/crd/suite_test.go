// SPDX-License-Identifier: Apache-2.0

// Package crd_test checks which objects of the six kinds a real API server accepts and refuses.
package crd_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

var (
	kube   client.Client
	config *rest.Config
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 1, errors.New(
			"KUBEBUILDER_ASSETS is not set. Run make test, or run make controlplane and set it to the absolute path of bin/k8s.",
		)
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	environment, started, err := stage.StartEnvironment(stage.WithCRDs(bases))
	if err != nil {
		return 1, err
	}
	config = started
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

// decode parses YAML as a user writes it. Unlike a Go type, the result keeps all fields.
func decode(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSONStrict([]byte(text))
	if err == nil {
		err = json.Unmarshal(raw, &o.Object) // parses integers as int64, like the API server's responses
	}
	if err != nil {
		t.Fatalf("parsing the test's YAML: %v\n%s", err, text)
	}
	return o
}

// object returns an object of a kind with a spec in YAML.
func object(t *testing.T, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	o := decode(t, "spec:\n  "+spec)
	o.SetAPIVersion("integrations.voiceai.dev/v1alpha1")
	o.SetKind(kind)
	o.SetNamespace("default")
	o.SetGenerateName("case-")
	return o
}

// create creates an object with strict validation, so that the API server refuses unknown fields.
func create(t *testing.T, o *unstructured.Unstructured, options ...client.CreateOption) error {
	return kube.Create(t.Context(), o, append(options, client.FieldValidation("Strict"))...)
}
