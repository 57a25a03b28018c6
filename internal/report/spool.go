// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// maxSpool bounds a spool, in bytes.
const maxSpool = 16 << 20

// readSpool returns what an earlier call could not send. A spool that cannot be read is moved aside.
func readSpool(path string) ([]*v1alpha1.Defect, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was not sent before: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	var out []*v1alpha1.Defect
	if err := json.NewDecoder(io.LimitReader(f, maxSpool)).Decode(&out); err != nil {
		_ = os.Rename(path, path+".broken")
		return nil, fmt.Errorf("%s is no spool of this program, and was renamed to %s.broken: %w", path, path, err)
	}
	return out, nil
}

// writeSpool keeps what could not be sent for the next call. Without any it removes the spool.
func writeSpool(path string, unsent []*v1alpha1.Defect) error {
	if len(unsent) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	raw, err := json.Marshal(unsent)
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, raw, 0o600); err != nil {
		return fmt.Errorf("keeping what was not sent: %w", err)
	}
	return os.Rename(temporary, path)
}

// joinSpool returns what an earlier call left and what this one applies. Of two for one Defect the newer one is applied, with
// the outcomes of both.
func joinSpool(spooled, planned []*v1alpha1.Defect) []*v1alpha1.Defect {
	byName := map[string]*v1alpha1.Defect{}
	for _, d := range planned {
		byName[d.Namespace+"/"+d.Name] = d
	}
	var out []*v1alpha1.Defect
	for _, old := range spooled {
		d := byName[old.Namespace+"/"+old.Name]
		if d == nil {
			out = append(out, old)
			continue
		}
		d.Spec.Outcomes = joinOutcomes(old.Spec.Outcomes, d.Spec.Outcomes)
	}
	return append(out, planned...)
}

// joinOutcomes returns the outcomes of two lists, one for each run, the newest at the end.
func joinOutcomes(old, newer []v1alpha1.TestOutcome) []v1alpha1.TestOutcome {
	runs := map[string]bool{}
	for _, t := range newer {
		runs[t.Run] = true
	}
	var out []v1alpha1.TestOutcome
	for _, t := range old {
		if !runs[t.Run] {
			out = append(out, t)
		}
	}
	out = append(out, newer...)
	return out[max(0, len(out)-v1alpha1.MaxOutcomes):]
}
