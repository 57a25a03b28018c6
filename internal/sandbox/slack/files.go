// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// filesWrite is the scope for posting files.
	filesWrite = "files:write"
	// uploadPath is where files are uploaded.
	uploadPath = "/api/upload/v1/"
	// maxUploads bounds the files that are uploaded and not posted.
	maxUploads = 100
)

// File is a file. Its content is not kept.
type File struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Title  string `json:"title,omitempty"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
}

// uploadURL implements files.getUploadURLExternal.
func (w *Workspace) uploadURL(a args) (reply, *refusal) {
	size, err := strconv.ParseInt(a["length"], 10, 64)
	if a["filename"] == "" || err != nil || size < 1 {
		return nil, refuse("invalid_arguments")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.uploads) >= maxUploads {
		return nil, &refusal{code: "ratelimited", retryAfter: time.Second}
	}
	w.lastFile++
	f := &File{ID: fmt.Sprintf("F%08d", w.lastFile), Name: a["filename"], Size: size}
	w.uploads[f.ID] = f
	return reply{"file_id": f.ID}, nil
}

// upload takes the content of a file, with the length that was announced.
func (w *Workspace) upload(rw http.ResponseWriter, r *http.Request) {
	part, _, err := r.FormFile("file")
	if err != nil {
		http.Error(rw, "no file", http.StatusBadRequest)
		return
	}
	h := sha256.New()
	n, err := io.Copy(h, part)
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.uploads[r.PathValue("id")]
	if err != nil || f == nil || f.Size != n {
		http.Error(rw, "the upload does not match", http.StatusBadRequest)
		return
	}
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	_, _ = fmt.Fprintf(rw, "OK - %d", n) // fails only if the client is gone
}

// completeUpload implements files.completeUploadExternal: it posts files in one message.
func (w *Workspace) completeUpload(a args) (reply, *refusal) {
	var files []struct{ ID, Title string }
	if json.Unmarshal([]byte(a["files"]), &files) != nil || len(files) == 0 {
		return nil, refuse("invalid_arguments")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ch, refused := w.byID(a["channel_id"])
	if refused != nil {
		return nil, refused
	}
	m := Message{ThreadTS: a["thread_ts"]}
	for _, in := range files {
		f := w.uploads[in.ID]
		if f == nil || f.SHA256 == "" {
			return nil, refuse("file_not_found")
		}
		f.Title = in.Title
		m.Files = append(m.Files, *f)
	}
	for _, f := range m.Files {
		delete(w.uploads, f.ID)
	}
	w.store(ch, content{}, m)
	w.counts.Posts++
	return reply{"files": m.Files}, nil
}
