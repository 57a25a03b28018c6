// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/report/matching"
)

// keptSuffix is what the name of the directory for evidence adds to that of the spool.
const keptSuffix = ".evidence"

const (
	// keptList is the file that lists what is kept for a Defect. It is written last.
	keptList = "list.json"
	// keptFiles is the directory with copies of the files.
	keptFiles = "files"
)

// keptEvidence lists what is kept for a Defect.
type keptEvidence struct {
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	URL       string     `json:"url,omitempty"`
	Files     []keptFile `json:"files"`
}

type keptFile struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// openKept opens the directory with what is kept, and makes it if it is not there.
func (o *Options) openKept() (*os.Root, error) {
	directory := o.Spool + keptSuffix
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(directory)
}

// keep keeps files of a Defect for the next call, with no more content than that may send. What an earlier call kept stays.
func (u *uploader) keep(d *v1alpha1.Defect, files []matching.File, from source) error {
	kept, err := u.openKept()
	if err != nil {
		return fmt.Errorf("keeping files of --evidence: %w", err)
	}
	defer kept.Close() //nolint:errcheck // its files are closed
	directory := d.Namespace + "_" + d.Name
	if _, err := kept.Stat(path.Join(directory, keptList)); err == nil {
		return nil
	}
	room := min(maxRunBytes-sizeOf(kept), v1alpha1.MaxEvidenceBytes)
	list := keptEvidence{Namespace: d.Namespace, Name: d.Name, URL: from.url}
	copied := 0
	if err := kept.MkdirAll(path.Join(directory, keptFiles), 0o700); err != nil {
		return fmt.Errorf("keeping files of --evidence: %w", err)
	}
	for _, file := range files {
		list.Files = append(list.Files, keptFile(file))
		if file.Bytes > room || copied == v1alpha1.MaxEvidenceFiles {
			continue // the next call links it
		}
		if err := copyFile(kept, path.Join(directory, keptFiles, file.Path), from.root, file); err != nil {
			_ = kept.RemoveAll(directory) // of a disk that is full
			return fmt.Errorf("keeping the file %s of --evidence: %w", file.Path, err)
		}
		copied++
		room -= file.Bytes
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := kept.WriteFile(path.Join(directory, keptList), raw, 0o600); err != nil {
		_ = kept.RemoveAll(directory)
		return fmt.Errorf("keeping files of --evidence: %w", err)
	}
	u.logf("%d files of %s are kept. The next call sends them from %s", copied, d.Name, u.Spool+keptSuffix)
	return nil
}

// sizeOf returns the size of all files in a directory.
func sizeOf(root *os.Root) int64 {
	files, _ := matching.Find(root, time.Time{}) // what cannot be read is not sent either
	var sum int64
	for _, f := range files {
		sum += f.Bytes
	}
	return sum
}

func copyFile(to *os.Root, name string, from *os.Root, file matching.File) error {
	in, err := from.Open(file.Path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	if err := to.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	out, err := to.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, file.Bytes))
	return errors.Join(err, out.Close())
}

// sendKept sends what earlier calls kept, and removes what was sent or has no Defect any more. It reports whether nothing is
// left.
func (u *uploader) sendKept(ctx context.Context, p *plan, known map[string]*v1alpha1.Defect) bool {
	kept, err := os.ReadDir(u.Spool + keptSuffix)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	sent := true
	for _, entry := range kept {
		directory := filepath.Join(u.Spool+keptSuffix, entry.Name())
		err := u.sendKeptOf(ctx, directory, p, known)
		if errors.Is(err, errLater) {
			sent = false
			continue
		}
		if err != nil {
			u.logf("%v", err)
		}
		if err := os.RemoveAll(directory); err != nil {
			u.logf("%v", err)
		}
	}
	if sent {
		_ = os.Remove(u.Spool + keptSuffix) // another call may have kept something just now
	}
	return sent
}

// sendKeptOf sends what is kept for one Defect.
func (u *uploader) sendKeptOf(ctx context.Context, directory string, p *plan, known map[string]*v1alpha1.Defect) error {
	raw, err := os.ReadFile(filepath.Join(directory, keptList)) //nolint:gosec // it is in the directory of the spool
	if err != nil {
		return fmt.Errorf("files of an earlier call that was killed are removed: %w", err)
	}
	var list keptEvidence
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("%s: %w", directory, err)
	}
	d := p.find(list.Namespace, list.Name, known)
	switch {
	case d == nil && u.conn.IsUnlisted: // it is not known whether there is one
		return errLater
	case d == nil:
		return fmt.Errorf("the files that were kept of %s are removed: there is no such Defect", list.Name)
	case d.UID == "":
		return errLater
	case !wantsEvidence(d):
		return nil
	}
	root, err := os.OpenRoot(filepath.Join(directory, keptFiles))
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // it was only read
	var files []matching.File
	for _, f := range list.Files {
		files = append(files, matching.File(f))
	}
	return u.send(ctx, d, files, source{root, list.URL})
}
