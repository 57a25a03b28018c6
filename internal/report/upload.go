// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
	"github.com/voiceai-dev/integrations-operator/internal/report/kube"
	"github.com/voiceai-dev/integrations-operator/internal/report/matching"
)

const (
	// evidenceManager is the manager of the field with the evidence of a Defect.
	evidenceManager = "report-evidence"
	// evidenceTimeout bounds all calls that send evidence.
	evidenceTimeout = time.Minute
	// maxRunBytes bounds the evidence of one run, and maxWaitingBytes that of a suite which is not on its tickets yet: it is in
	// the cluster's store.
	maxRunBytes     = 3 * v1alpha1.MaxEvidenceBytes
	maxWaitingBytes = 6 * v1alpha1.MaxEvidenceBytes
	// maxLink bounds the address of a file, maxLinkName its name.
	maxLink     = 2048
	maxLinkName = 255
)

// uploader sends the evidence of a run.
type uploader struct {
	*Options
	conn *kube.Connection
	// room is how many bytes may still be sent.
	room int64
	// refused is why the API server takes no content; nil while it does.
	refused error
}

// source is where files of evidence are, and the address at which people find them; empty when there is none.
type source struct {
	root *os.Root
	url  string
}

// sendEvidence sends what an earlier call kept, and the files of --evidence for the Defects that were applied. What cannot be
// sent while the API server is away is kept for the next call. It reports whether all was sent that is to be.
func (o *Options) sendEvidence(
	ctx context.Context,
	conn *kube.Connection,
	p *plan,
	known map[string]*v1alpha1.Defect,
	since time.Time,
) bool {
	if o.DryRun {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceTimeout)
	defer cancel()
	u := &uploader{Options: o, conn: conn, room: min(maxRunBytes, maxWaitingBytes-waiting(known))}
	sent := true
	if conn != nil {
		sent = u.sendKept(ctx, p, known)
	}
	if o.Evidence == "" {
		return sent
	}
	root, err := os.OpenRoot(o.Evidence)
	if err != nil {
		o.logf("--evidence: %v", err)
		return false
	}
	defer root.Close() //nolint:errcheck // it was only read
	files, err := matching.Find(root, since)
	if err != nil {
		o.logf("--evidence %s: %v", o.Evidence, err)
	}
	matched := matching.Match(o.Evidence, files, p.findings)
	if matched.Left > 0 {
		o.logf("%d files of --evidence belong to no test that failed: name files or directories like the tests", matched.Left)
	}
	return u.sendOwn(ctx, p, matched, source{root, o.EvidenceURL}) && sent && err == nil
}

// sendOwn sends files of this run. It reports whether all was sent that is to be.
func (u *uploader) sendOwn(ctx context.Context, p *plan, matched matching.Matched, from source) bool {
	sent := true
	for _, d := range p.defects {
		files := matched.Files[d.Spec.Fingerprint]
		if len(files) == 0 || !wantsEvidence(d) || d.UID == "" && !p.isUnsent(d) { // it was refused
			continue
		}
		err := errLater
		if d.UID != "" && u.conn != nil {
			err = u.send(ctx, d, files, from)
		}
		if errors.Is(err, errLater) {
			err = u.keep(d, files, from)
			sent = false
		}
		if err != nil {
			u.logf("%v", err)
			sent = false
		}
	}
	if isForLater(u.refused) {
		u.logf("files of --evidence were not sent: %v", u.refused)
	}
	return sent
}

// waiting returns how many bytes of evidence of Defects are in the cluster.
func waiting(known map[string]*v1alpha1.Defect) int64 {
	var sum int64
	for _, d := range known {
		if e := d.Spec.Evidence; e != nil && (d.Status.Evidence == nil || d.Status.Evidence.RemovedTime == nil) {
			for _, f := range e.Files {
				sum += f.Bytes
			}
		}
	}
	return sum
}

// wantsEvidence reports whether a Defect takes evidence: the first time that there is some, when it occurs again after it was
// resolved, and when the content of a file is missing that should be on the ticket.
func wantsEvidence(d *v1alpha1.Defect) bool {
	isDone := d.Status.State == v1alpha1.StateResolved || d.Status.State == v1alpha1.StateClosed
	isMissing := func(s v1alpha1.EvidenceFileStatus) bool { return s.State == v1alpha1.EvidenceMissing }
	return d.Spec.Evidence == nil || isDone || d.Status.Evidence != nil && slices.ContainsFunc(d.Status.Evidence.Files, isMissing)
}

// errLater means that the next call has to send the files of a Defect, as when the API server is away.
var errLater = errors.New("the next call has to send the files")

// fileError is the error of reading a file of evidence.
type fileError struct{ error }

func (e fileError) Unwrap() error { return e.error }

// sending is what is known while the files of a Defect are sent.
type sending struct {
	from source
	// left is how many bytes the Defect may still have, names are those that are taken.
	left  int64
	names map[string]bool
}

// content is what is stored as a file.
type content struct {
	path   string
	bytes  int64
	reader io.ReaderAt
}

// send stores the content of a Defect's files, and lists them in the Defect. Files beyond the limits are linked, if there is an
// address for them. Its error is errLater when nothing is listed and the next call has to.
func (u *uploader) send(ctx context.Context, d *v1alpha1.Defect, files []matching.File, from source) error {
	e := &v1alpha1.DefectEvidence{Time: metav1.NewTime(u.Now().UTC().Truncate(time.Second))}
	s := &sending{from: from, left: v1alpha1.MaxEvidenceBytes, names: map[string]bool{}}
	var problems []error
	for _, file := range files {
		sent, err := u.sendFile(ctx, d, e, file, s)
		if isForLater(u.refused) {
			return errLater
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("the file %s of --evidence was not sent: %w", file.Path, err))
		}
		if !sent {
			from.link(e, file)
		}
	}
	u.logf("%d files are evidence of %s, %d links, %d not sent", len(e.Files), d.Name, len(e.Links), e.More)
	if len(e.Files) == 0 && len(e.Links) == 0 && len(problems) > 0 { // another run may send some
		return errors.Join(problems...)
	}
	return errors.Join(append(problems, u.list(ctx, d, e))...)
}

// sendFile stores a file and, of a recording, the turn that failed. It reports whether the file itself was stored, and keeps in
// mind when the API server takes no more.
func (u *uploader) sendFile(
	ctx context.Context,
	d *v1alpha1.Defect,
	e *v1alpha1.DefectEvidence,
	file matching.File,
	s *sending,
) (sent bool, err error) {
	err = u.addClip(ctx, d, e, file, s)
	if err == nil && u.hasRoom(e, file.Bytes, s) {
		var stored v1alpha1.EvidenceFile
		if stored, err = u.storeFile(ctx, d, file, s); err == nil {
			u.add(e, stored, s)
			return true, nil
		}
	}
	var local fileError
	if err != nil && !errors.As(err, &local) && (isForLater(err) || isRefused(err)) {
		u.refused = err
	}
	return false, err
}

// isForLater reports whether content is to be sent later: not without the right to create Evidence, which need not be given.
func isForLater(err error) bool { return kube.IsAway(err) || kube.IsUnauthorized(err) }

// isRefused reports whether the API server takes no content at all.
func isRefused(err error) bool {
	var status *kube.StatusError
	return errors.As(err, &status) && (status.Code == http.StatusForbidden || status.Code == http.StatusNotFound)
}

// link adds the address of a file that is not sent.
func (from source) link(e *v1alpha1.DefectEvidence, file matching.File) {
	address := ""
	if from.url != "" {
		address = strings.TrimRight(from.url, "/") + "/" + (&url.URL{Path: file.Path}).EscapedPath()
	}
	name := file.Path[max(0, len(file.Path)-maxLinkName):]
	isKnown := func(l v1alpha1.EvidenceLink) bool { return l.Name == name }
	if address == "" || len(address) > maxLink || len(e.Links) == v1alpha1.MaxEvidenceFiles || slices.ContainsFunc(e.Links, isKnown) {
		e.More++
		return
	}
	e.Links = append(e.Links, v1alpha1.EvidenceLink{Name: strings.ToValidUTF8(name, ""), URL: v1alpha1.HTTPURL(address)})
}

// list lists evidence in a Defect.
func (u *uploader) list(ctx context.Context, d *v1alpha1.Defect, e *v1alpha1.DefectEvidence) error {
	path := kube.DefectsPath(d.Namespace) + "/" + url.PathEscape(d.Name) + "?fieldManager=" + evidenceManager + "&force=true"
	body := map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.KindDefect,
		"metadata": map[string]any{"name": d.Name, "uid": d.UID}, "spec": map[string]any{"evidence": e},
	}
	if err := u.conn.Again(ctx, func() error {
		return u.conn.Call(ctx, http.MethodPatch, path, "application/apply-patch+yaml", body, nil)
	}); err != nil {
		if kube.IsForLater(err) {
			u.refused = err
			return errLater
		}
		return fmt.Errorf("listing the evidence in Defect %s: %w", d.Name, err)
	}
	d.Spec.Evidence = e
	return nil
}

// storeFile stores a file, and returns its description.
func (u *uploader) storeFile(ctx context.Context, d *v1alpha1.Defect, file matching.File, s *sending) (v1alpha1.EvidenceFile, error) {
	f, err := s.from.root.Open(file.Path)
	if err != nil {
		return v1alpha1.EvidenceFile{}, fileError{err}
	}
	defer f.Close() //nolint:errcheck // it was only read
	return u.store(ctx, d, content{file.Path, file.Bytes, f}, s.names)
}

// store stores content in parts, and returns its description. What is stored already stays.
func (u *uploader) store(ctx context.Context, d *v1alpha1.Defect, c content, names map[string]bool) (v1alpha1.EvidenceFile, error) {
	out := v1alpha1.EvidenceFile{Bytes: c.bytes}
	h := sha256.New()
	if n, err := io.Copy(h, io.NewSectionReader(c.reader, 0, c.bytes+1)); err != nil || n != c.bytes {
		return out, fileError{cmp.Or(err, errors.New("it changes while it is read"))}
	}
	out.SHA256 = hex.EncodeToString(h.Sum(nil))
	part := make([]byte, min(c.bytes, v1alpha1.EvidencePartBytes))
	for n := range out.Parts() {
		size := min(c.bytes-int64(n)*v1alpha1.EvidencePartBytes, v1alpha1.EvidencePartBytes)
		if _, err := c.reader.ReadAt(part[:size], int64(n)*v1alpha1.EvidencePartBytes); err != nil {
			return out, fileError{err}
		}
		if err := u.create(ctx, d, v1alpha1.EvidenceName(d.UID, out, n), part[:size]); err != nil {
			return out, err
		}
	}
	out.Name = evidence.Unique(evidence.Name(c.path), names)
	return out, nil
}

// create stores a part of a file. It is removed with the Defect.
func (u *uploader) create(ctx context.Context, d *v1alpha1.Defect, name string, part []byte) error {
	body := &v1alpha1.Evidence{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindEvidence},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: d.Namespace, Labels: map[string]string{v1alpha1.DefectLabel: string(d.UID), v1alpha1.SuiteLabel: u.Suite},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindDefect, Name: d.Name, UID: d.UID,
			}},
		},
		Data: part,
	}
	path := strings.TrimSuffix(kube.DefectsPath(d.Namespace), "defects") + "evidence?fieldManager=" + evidenceManager
	err := u.conn.Again(ctx, func() error {
		return u.conn.Call(ctx, http.MethodPost, path, "application/json", body, nil)
	})
	var status *kube.StatusError
	if errors.As(err, &status) && status.Code == http.StatusConflict {
		return nil // it is stored
	}
	return err
}
