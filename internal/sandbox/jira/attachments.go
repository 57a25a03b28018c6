// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

const (
	// maxAttachment is the maximum size of a file in bytes, as Jira's administrators set it.
	maxAttachment = 10 << 20
	// maxAttachments is the maximum number of attachments of an issue. Jira answers 413 to more.
	maxAttachments = 2000
)

// attach implements POST /issue/{issue}/attachments. Without the header against cross-site requests Jira answers 403.
func (s *Site) attach(r *request) (int, any, *problem) {
	if r.Header.Get("X-Atlassian-Token") != "no-check" {
		return 0, nil, refuse(http.StatusForbidden, "XSRF check failed")
	}
	files, p := r.files()
	if p != nil {
		return 0, nil, p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("issue"))
	if old == nil {
		return 0, nil, errNoIssue
	}
	if len(old.Attachments)+len(files) > maxAttachments {
		return 0, nil, refuse(http.StatusRequestEntityTooLarge, "The issue has reached its limit of %d attachments.", maxAttachments)
	}
	for i := range files {
		s.counts.Attachments++
		files[i].ID = strconv.Itoa(20_000 + s.counts.Attachments)
		files[i].Created = s.now()
	}
	if p := s.change(old, r.user, eventUpdated, func(is *issue.Issue) *problem {
		is.Attachments = append(slices.Clip(is.Attachments), files...)
		return nil
	}); p != nil {
		return 0, nil, p
	}
	return http.StatusOK, attachmentsView(r.base, files), nil
}

// files returns the files in the body. All parts are called file.
func (r *request) files() ([]issue.Attachment, *problem) {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "The Content-Type is not valid.")
	}
	var files []issue.Attachment
	for parts := multipart.NewReader(bytes.NewReader(r.body), parameters["boundary"]); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || part.FormName() != "file" || part.FileName() == "" {
			return nil, refuse(http.StatusBadRequest, "The body is not a list of files.")
		}
		h := sha256.New()
		size, err := io.Copy(h, part)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "The body is cut off.")
		}
		if size > maxAttachment {
			return nil, refuse(http.StatusRequestEntityTooLarge, "The file is larger than %d bytes.", maxAttachment)
		}
		files = append(files, issue.Attachment{
			Filename: part.FileName(), ContentType: part.Header.Get("Content-Type"), Size: size, SHA256: hex.EncodeToString(h.Sum(nil)),
		})
	}
	if len(files) == 0 {
		return nil, refuse(http.StatusBadRequest, "There is no file.")
	}
	return files, nil
}

// IssueOfAttachment returns the key of the issue that has an attachment.
func (s *Site) IssueOfAttachment(id, name string) (key string, found bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, is := range s.issues {
		if slices.ContainsFunc(is.Attachments, func(a issue.Attachment) bool { return a.ID == id && a.Filename == name }) {
			return is.Key, true
		}
	}
	return "", false
}

// attachmentsView returns attachments as the REST API shows them.
func attachmentsView(base string, all []issue.Attachment) []object {
	list := []object{}
	for _, a := range all {
		list = append(list, object{
			"self": base + "/rest/api/2/attachment/" + a.ID, "id": a.ID, "filename": a.Filename, "mimeType": a.ContentType, "size": a.Size,
			"created": a.Created.Format(timeLayout), "content": base + "/rest/api/2/attachment/content/" + a.ID,
		})
	}
	return list
}
