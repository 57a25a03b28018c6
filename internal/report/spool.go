// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

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
		info, statErr := f.Stat()
		if statErr != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no spool of this program: %w", path, err)
		}
		_ = os.Rename(path, path+".broken")
		return nil, fmt.Errorf("%s is no spool of this program, and was renamed to %s.broken: %w", path, path, err)
	}
	return out, nil
}

// writeSpool keeps what could not be sent for the next call: the newest of it if all is too large, and then it returns an error
// after it was kept. Without any it removes the spool.
func writeSpool(path string, unsent []*v1alpha1.Defect) error {
	if len(unsent) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	kept, lost, err := newest(unsent)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, raw, 0o600); err != nil {
		_ = os.Remove(temporary) // of a disk that is full
		return fmt.Errorf("keeping what was not sent: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("keeping what was not sent: %w", err)
	}
	if lost > 0 {
		return fmt.Errorf("%s may have %d MiB, so that the oldest %d Defects in it are lost", path, maxSpool>>20, lost)
	}
	return nil
}

// newest returns the last Defects that fit a spool, and how many others there are.
func newest(all []*v1alpha1.Defect) (kept []json.RawMessage, lost int, err error) {
	room := maxSpool - len("[]")
	for i, d := range slices.Backward(all) {
		raw, err := json.Marshal(d)
		if err != nil {
			return nil, 0, err
		}
		if room -= len(raw) + len(","); room < 0 {
			lost = i + 1
			break
		}
		kept = append(kept, raw)
	}
	slices.Reverse(kept)
	return kept, lost, nil
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
