// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// ErrBroken means that the content of a file is not what the Defect says it is.
var ErrBroken = errors.New("the content differs from its size or hash in the Defect")

// Reader reads a file from its parts, with one of them in memory. It returns ErrBroken in place of the last bytes of a
// file with another size or hash, so that nothing sends it whole.
type Reader struct {
	file v1alpha1.EvidenceFile
	// part returns a part of the file.
	part func(n int) ([]byte, error)

	next int
	read int64
	hash hash.Hash
	rest bytes.Reader
	err  error
}

// NewReader returns a reader of a file. part returns its parts, the first one being 0.
func NewReader(file v1alpha1.EvidenceFile, part func(n int) ([]byte, error)) *Reader {
	return &Reader{file: file, part: part, hash: sha256.New()}
}

// Start returns how the file begins, without reading on.
func (r *Reader) Start() ([]byte, error) {
	if r.next == 0 {
		if err := r.fetch(); err != nil {
			return nil, err
		}
	}
	start := make([]byte, 512)
	n, err := r.rest.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return start[:n], nil
}

// Read reads on.
func (r *Reader) Read(p []byte) (int, error) {
	for r.rest.Len() == 0 {
		if r.next == r.file.Parts() {
			return 0, io.EOF
		}
		if err := r.fetch(); err != nil {
			return 0, err
		}
	}
	return r.rest.Read(p)
}

// Err returns why reading the file failed; nil if it did not.
func (r *Reader) Err() error { return r.err }

// fetch reads the next part.
func (r *Reader) fetch() error {
	if r.err != nil {
		return r.err
	}
	raw, err := r.part(r.next)
	if err != nil {
		r.err = fmt.Errorf("part %d: %w", r.next, err)
		return r.err
	}
	r.next++
	r.read += int64(len(raw))
	r.hash.Write(raw)
	isLast := r.next == r.file.Parts()
	if len(raw) == 0 || r.read > r.file.Bytes ||
		isLast && (r.read != r.file.Bytes || hex.EncodeToString(r.hash.Sum(nil)) != r.file.SHA256) {
		r.err = ErrBroken
		return r.err
	}
	r.rest.Reset(raw)
	return nil
}
