// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

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
