// SPDX-License-Identifier: Apache-2.0

// Package matching finds files that show what failed, and decides which failed test each belongs to.
package matching

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/voiceai-dev/integrations-operator/internal/findings"
	"github.com/voiceai-dev/integrations-operator/internal/testresult"
)

const (
	// maxWalked bounds the files of --evidence that are looked at.
	maxWalked = 10_000
	// clockSlack is how much older than the command a file may be: file systems round times.
	clockSlack = 2 * time.Second
	// minTestName is the length from which on the name of a test is looked for in the names of files.
	minTestName = 4
)

// File is a file of a directory.
type File struct {
	// Path is relative to the directory, with slashes.
	Path  string
	Bytes int64
}

// Matched is which files belong to which finding.
type Matched struct {
	// Files are those of each finding, by fingerprint.
	Files map[string][]File
	// Left counts the files that belong to no test that failed.
	Left int
}

// Find returns the files in a directory and below it. Symbolic links are not followed, and what is older than since is
// left out.
func Find(root *os.Root, since time.Time) ([]File, error) {
	var out []File
	walked := 0
	err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if walked++; walked > maxWalked {
			return fmt.Errorf("it has more than %d files", maxWalked)
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && (info.Size() == 0 || info.ModTime().Before(since.Add(-clockSlack))) {
			return nil
		}
		if err == nil {
			out = append(out, File{name, info.Size()})
		}
		return err
	})
	return out, err
}

// Match returns which files belong to which finding: those that a report names as attachments of a failed test, and
// those whose path has the name of the test. Of a single finding all files are.
func Match(directory string, files []File, all []findings.Finding) Matched {
	out := Matched{Files: map[string][]File{}}
	taken := make([]bool, len(files))
	take := func(i int, fingerprint string) {
		if !taken[i] {
			taken[i] = true
			out.Files[fingerprint] = append(out.Files[fingerprint], files[i])
		}
	}
	for _, f := range all {
		for _, c := range f.Cases {
			for _, attachment := range c.Attachments {
				if i := slices.IndexFunc(files, func(e File) bool { return isAttachment(directory, e.Path, attachment) }); i >= 0 {
					take(i, f.Fingerprint)
				}
			}
		}
	}
	for i, file := range files {
		if owner := ownerOf(file.Path, all); owner != "" {
			take(i, owner)
		}
	}
	for i := range files {
		switch {
		case taken[i]:
		case len(all) == 1:
			take(i, all[0].Fingerprint)
		default:
			out.Left++
		}
	}
	return out
}

// isAttachment reports whether a report means a file by the path of an attachment: that of the file, or its end when the report
// was written in another directory.
func isAttachment(directory, file, attachment string) bool {
	attachment = filepath.ToSlash(attachment)
	full, err := filepath.Abs(filepath.Join(directory, filepath.FromSlash(file)))
	if err != nil {
		return false
	}
	full = filepath.ToSlash(full)
	if path.IsAbs(attachment) {
		return full == path.Clean(attachment)
	}
	attachment = path.Clean(attachment)
	return attachment != "." && !strings.HasPrefix(attachment, "../") && strings.HasSuffix(full, "/"+attachment)
}

// ownerOf returns the finding of the failed test whose name is in the path of a file; of several the one with the longest name.
func ownerOf(file string, all []findings.Finding) string {
	squeezed := squeeze(file)
	owner := ""
	longest := minTestName - 1
	for _, f := range all {
		for _, c := range f.Cases {
			if name := squeeze(nameOf(c)); len(name) > longest && strings.Contains(squeezed, name) {
				longest = len(name)
				owner = f.Fingerprint
			}
		}
	}
	return owner
}

// nameOf returns the name of a case.
func nameOf(c *testresult.Case) string {
	if c.Name == "" {
		return c.ID
	}
	return c.Name
}

// squeeze returns the letters and digits of a text in lower case: tools replace the others in names of files.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
