// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
	"github.com/voiceai-dev/integrations-operator/internal/report/matching"
	"github.com/voiceai-dev/integrations-operator/internal/wave"
)

const (
	// clipBefore and clipAfter are how much of a recording is cut out around the beginning of the turn that failed.
	clipBefore = time.Second
	clipAfter  = 20 * time.Second
)

// addClip adds the turn that failed to the evidence, cut from a recording in the format WAV, if it is known where that is. Other
// recordings stay whole.
func (u *uploader) addClip(ctx context.Context, d *v1alpha1.Defect, e *v1alpha1.DefectEvidence, file matching.File, s *sending) error {
	v := d.Spec.Voice
	if e.Clip != "" || v == nil || v.TurnOffsetMilliseconds == nil || !strings.EqualFold(path.Ext(file.Path), ".wav") {
		return nil
	}
	recording, err := s.from.root.Open(file.Path)
	if err != nil {
		return nil //nolint:nilerr // sending the file says so
	}
	defer recording.Close() //nolint:errcheck // it was only read
	length, err := wave.Length(recording, file.Bytes)
	if err == nil && length <= clipBefore+clipAfter { // it is a clip
		return nil
	}
	at := time.Duration(*v.TurnOffsetMilliseconds) * time.Millisecond
	clip, err := wave.Cut(recording, file.Bytes, wave.Part{From: at - clipBefore, Length: clipBefore + clipAfter})
	if err != nil {
		u.logf("%s is not cut to the turn that failed: %v", file.Path, err)
		return nil
	}
	name := strings.TrimSuffix(file.Path, path.Ext(file.Path)) + "-turn"
	if v.Turn > 0 {
		name += fmt.Sprintf("-%d", v.Turn)
	}
	content := content{path: name + ".wav", bytes: int64(len(clip)), reader: bytes.NewReader(clip)}
	if !u.hasRoom(e, content.bytes, s) {
		return nil
	}
	stored, err := u.store(ctx, d, content, s.names)
	if err != nil {
		return err
	}
	u.add(e, stored, s)
	return nil
}

// add adds a file that was stored to the evidence of a Defect. The first recording is the clip.
func (u *uploader) add(e *v1alpha1.DefectEvidence, stored v1alpha1.EvidenceFile, s *sending) {
	e.Files = append(e.Files, stored)
	if e.Clip == "" && evidence.IsAudio(stored.Name) {
		e.Clip = stored.Name
	}
	s.left -= stored.Bytes
	u.room -= stored.Bytes
}

// hasRoom reports whether a file may be added to the evidence of a Defect.
func (u *uploader) hasRoom(e *v1alpha1.DefectEvidence, size int64, s *sending) bool {
	return u.refused == nil && len(e.Files) < v1alpha1.MaxEvidenceFiles && size <= min(s.left, u.room)
}
