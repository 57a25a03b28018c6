// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"strconv"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// attachmentName is the format of a file's name. It needs no escapes in a header.
var attachmentName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`)

// attached is an attachment of an issue, as Jira returns it.
type attached struct {
	ID       string
	Filename string
	Size     int64
}

// Attach reads the issue's attachments, and adds the file unless one of them has its name and size: one call or two
// (https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-attachments/).
func (t *tracker) Attach(ctx context.Context, id string, a ticket.Attachment) (url string, err error) {
	path, err := issuePath(id)
	if err != nil {
		return "", err
	}
	if !attachmentName.MatchString(a.Name) {
		return "", fault.New(fault.Invalid, "%q is not a valid name of a file", text.Truncate(a.Name, 100))
	}
	var got struct {
		Fields *struct{ Attachment *[]attached }
	}
	if err := t.get(ctx, path+"?fields=attachment", &got); err != nil {
		return "", err
	}
	if got.Fields == nil {
		return "", incomplete("the fields of the issue")
	}
	if got.Fields.Attachment == nil {
		return "", fault.New(fault.Invalid,
			"The issue has no field for attachments. Switch attachments on in Jira, and put the field on the screen.")
	}
	for _, existing := range *got.Fields.Attachment {
		if existing.Filename == a.Name && existing.Size == a.Bytes {
			return t.attachmentPage(existing.ID, a.Name), nil
		}
	}
	return t.upload(ctx, path+"/attachments", a)
}

// attachmentPage returns the address at which people open an attachment with the rights that they have in Jira: on Cloud and in
// Data Center. It is empty when an ID is none.
func (t *tracker) attachmentPage(id, name string) string {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		return ""
	}
	return t.site() + "/secure/attachment/" + id + "/" + name
}

// upload sends a file as it is read, with its length: not all proxies accept a body without one.
func (t *tracker) upload(ctx context.Context, path string, a ticket.Attachment) (url string, err error) {
	ctx, sent := transport.Trace(ctx)
	body, size, contentType, err := formOf(a)
	if err != nil {
		return "", fault.New(fault.Invalid, "The file cannot be encoded: %v", err)
	}
	req, err := t.api.NewRawRequestWithContext(ctx, http.MethodPost, path, body)
	if err != nil {
		return "", fault.New(fault.Invalid, "The request cannot be encoded: %v", err)
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Atlassian-Token", "no-check")
	var got []attached
	res, err := t.api.Do(req, &got)
	if res != nil {
		defer func() { _ = res.Body.Close() }()
	}
	switch {
	case err != nil && res != nil && res.StatusCode == http.StatusRequestEntityTooLarge:
		f := *fault.From(classify(res, err, sent))
		f.Kind = fault.Invalid // also from a proxy: the file will not be shorter
		return "", &f
	case err != nil:
		return "", settled(classify(res, err, sent))
	case len(got) == 0 || got[0].ID == "":
		f := incomplete("the ID of the new attachment")
		f.Kind = fault.Ambiguous
		return "", settled(f)
	}
	return t.attachmentPage(got[0].ID, a.Name), nil
}

// settled returns the fault of an upload such that a retry finds out first what became of it.
func settled(err error) error {
	f := *fault.From(err)
	if f.Kind == fault.Ambiguous {
		f.Kind = fault.Unavailable
		f.RetryAfter = max(f.RetryAfter, ticket.AttachSettles)
	}
	return &f
}

// formOf returns a file as the body of a form, its size and its type.
func formOf(a ticket.Attachment) (body io.Reader, size int64, contentType string, err error) {
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	if _, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, a.Name)}, "Content-Type": {a.ContentType},
	}); err != nil {
		return nil, 0, "", err
	}
	begin := frame.Len()
	if err := w.Close(); err != nil {
		return nil, 0, "", err
	}
	raw := frame.Bytes()
	body = io.MultiReader(bytes.NewReader(raw[:begin]), io.LimitReader(a.Content, a.Bytes), bytes.NewReader(raw[begin:]))
	return body, int64(len(raw)) + a.Bytes, w.FormDataContentType(), nil
}
