// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// TestSpoolIsBounded keeps the newest Defects that fit, and reads them again.
func TestSpoolIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	var all []*v1alpha1.Defect
	for i := range 20 {
		d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Description: strings.Repeat("x", 1<<20)}}
		d.Name = fmt.Sprint(i)
		all = append(all, d)
	}
	if err := writeSpool(path, all); err == nil || !strings.Contains(err.Error(), "the oldest 5 Defects in it are lost") {
		t.Errorf("got %v", err)
	}
	got, err := readSpool(path)
	if err != nil || len(got) != 15 || got[0].Name != "5" || got[14].Name != "19" {
		t.Errorf("%d Defects, %v", len(got), err)
	}
	if err := writeSpool(path, all[:2]); err != nil {
		t.Error(err)
	}
	if got, err := readSpool(path); err != nil || len(got) != 2 {
		t.Errorf("%d Defects, %v", len(got), err)
	}
}

// TestSpoolThatIsNoFile leaves alone what is no file.
func TestSpoolThatIsNoFile(t *testing.T) {
	path := t.TempDir()
	if _, err := readSpool(path); err == nil {
		t.Error("a directory was read")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the directory was renamed: %v", err)
	}
}
