// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestSamplesFollowDefects checks that the message about a Defect is kept up to date: its buttons are those that apply.
func TestSamplesFollowDefects(t *testing.T) {
	t.Chdir("../..")
	scheme := clientgoscheme.Scheme
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects, err := samples(fake.NewClientBuilder().WithScheme(scheme).Build())
	if err != nil {
		t.Fatal(err)
	}
	announces := false
	for _, o := range objects {
		rule, ok := o.(*v1alpha1.NotificationRule)
		if !ok || !slices.Contains(rule.Spec.EventTypes, v1alpha1.EventDefectCreated) {
			continue
		}
		announces = true
		for _, next := range []v1alpha1.EventType{v1alpha1.EventDefectTicketed, v1alpha1.EventDefectStateChanged} {
			if !slices.Contains(rule.Spec.EventTypes, next) {
				t.Errorf("NotificationRule %s lists DefectCreated without %s", rule.Name, next)
			}
		}
	}
	if !announces {
		t.Error("no rule of the samples announces Defects")
	}
}

// TestCleanUp checks that only a demo that failed leaves its files.
func TestCleanUp(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		stays bool
	}{
		"done":   {nil, false},
		"Ctrl-C": {context.Canceled, false},
		"failed": {errors.New("no port"), true},
	} {
		dir := filepath.Join(t.TempDir(), ".demo")
		if err := os.MkdirAll(filepath.Join(dir, "etcd"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := cleanUp(dir, c.err); !errors.Is(err, c.err) {
			t.Errorf("%s: got %v, want %v", name, err, c.err)
		}
		if _, err := os.Stat(dir); (err == nil) != c.stays {
			t.Errorf("%s: the files stay: %v, want %v", name, err == nil, c.stays)
		}
	}
}
