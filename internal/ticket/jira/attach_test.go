// SPDX-License-Identifier: Apache-2.0

package jira_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

const (
	attachmentsRoute = "GET /rest/api/2/issue/10001?fields=attachment"
	attachPath       = "/rest/api/2/issue/10001/attachments"
)

// fileOf returns an attachment.
func fileOf(content string) ticket.Attachment {
	return ticket.Attachment{Name: "call-1a2b.wav", ContentType: "audio/wav", Bytes: int64(len(content)), Content: strings.NewReader(content)}
}

// attachments returns the answer with the attachments of the issue, as JSON.
func attachments(list string) answer {
	return ok(`{"id":"10001","fields":{"attachment":[` + list + `]}}`)
}

// TestAttach looks for the file before it is sent.
func TestAttach(t *testing.T) {
	for name, test := range map[string]struct {
		existing string
		isSent   bool
		page     string
	}{
		"none":                    {"", true, "7/call-1a2b.wav"},
		"the same":                {`{"id":"1","filename":"call-1a2b.wav","size":5}`, false, "1/call-1a2b.wav"},
		"the same, an odd ID":     {`{"id":"../1","filename":"call-1a2b.wav","size":5}`, false, ""},
		"another size":            {`{"id":"1","filename":"call-1a2b.wav","size":4}`, true, "7/call-1a2b.wav"},
		"another name":            {`{"id":"1","filename":"call-1a2c.wav","size":5}`, true, "7/call-1a2b.wav"},
		"the same behind another": {`{"id":"1","filename":"x","size":5},{"id":"2","filename":"call-1a2b.wav","size":5}`, false, "2/call-1a2b.wav"},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					attachments(test.existing).write(w)
					return
				}
				f, header, err := r.FormFile("file")
				if err != nil || r.URL.Path != attachPath || r.ContentLength <= 0 || r.Header.Get("X-Atlassian-Token") != "no-check" {
					t.Errorf("%v, path %s, length %d, header %q", err, r.URL.Path, r.ContentLength, r.Header)
					return
				}
				raw, err := io.ReadAll(f)
				if err != nil {
					t.Error(err)
				}
				sent = append(sent, header.Filename+" "+header.Header.Get("Content-Type")+" "+string(raw))
				ok(`[{"id":"7","filename":"call-1a2b.wav","size":5}]`).write(w)
			}))
			t.Cleanup(s.Close)
			url, err := dial(t, ticket.Config{APIURL: s.URL, SiteURL: "https://jira.example.com/", Token: secret}).
				Attach(t.Context(), "10001", fileOf("hello"))
			if err != nil || strings.TrimPrefix(url, "https://jira.example.com/secure/attachment/") != test.page {
				t.Fatal(url, err)
			}
			if test.isSent != (len(sent) == 1) || test.isSent && sent[0] != "call-1a2b.wav audio/wav hello" {
				t.Errorf("sent %q", sent)
			}
		})
	}
}

// TestAttachFails classifies what Jira answers. What may have been stored is looked up before it is sent again, when it had time
// to appear.
func TestAttachFails(t *testing.T) {
	upload := answer{status: http.StatusOK}
	for name, test := range map[string]struct {
		lookup, upload answer
		want           fault.Kind
		settles        bool
		says           string
	}{
		"too large": {attachments(""), answer{status: 413}, fault.Invalid, false, "413"},
		"too large for a proxy": {attachments(""), answer{status: 413, header: html, body: "<html>"},
			fault.Invalid, false, "413"},
		"a firewall's page":   {attachments(""), answer{status: 403, header: html, body: "<html>"}, fault.Unavailable, false, "403"},
		"no permission":       {attachments(""), answer{status: 403}, fault.Unauthorized, false, "403"},
		"switched off":        {attachments(""), answer{status: 404}, fault.NotFound, false, "404"},
		"rate limited":        {attachments(""), answer{status: 429}, fault.RateLimited, false, "429"},
		"an error":            {attachments(""), answer{status: 500}, fault.Unavailable, true, "500"},
		"a proxy's page":      {attachments(""), ok("<html>"), fault.Unavailable, true, "not understood"},
		"an empty list":       {attachments(""), ok("[]"), fault.Unavailable, true, "the ID of the new attachment"},
		"the issue is gone":   {answer{status: 404}, upload, fault.NotFound, false, "404"},
		"no field":            {ok(`{"id":"10001","fields":{}}`), upload, fault.Invalid, false, "Switch attachments on"},
		"no fields":           {ok(`{"id":"10001"}`), upload, fault.Unavailable, false, "the fields of the issue"},
		"the lookup is a 500": {answer{status: 500}, upload, fault.Unavailable, false, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method == http.MethodGet {
					test.lookup.write(w)
					return
				}
				test.upload.write(w)
			}))
			t.Cleanup(s.Close)
			_, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret}).Attach(t.Context(), "10001", fileOf("hello"))
			f := fault.From(err)
			if f == nil || f.Kind != test.want || !strings.Contains(f.Error(), test.says) ||
				test.settles != (f.RetryAfter == ticket.AttachSettles) {
				t.Errorf("got %+v, want %s with %q, settles: %t", f, test.want, test.says, test.settles)
			}
		})
	}
}

// TestAttachIsCutOff sends nothing whole when the content cannot be read to its end.
func TestAttachIsCutOff(t *testing.T) {
	received := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			attachments("").write(w)
			return
		}
		_, err := io.ReadAll(r.Body)
		received <- err
	}))
	t.Cleanup(s.Close)
	a := fileOf("")
	a.Bytes = 1 << 20
	a.Content = io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<19)), failing{})
	_, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret}).Attach(t.Context(), "10001", a)
	if cut := <-received; err == nil || cut == nil {
		t.Errorf("Attach returns %v, and Jira received %v", err, cut)
	}
	for _, name := range []string{"", `a"b`, "a/b", "a\r\nb", strings.Repeat("x", 201)} {
		a.Name = name
		_, err := dial(t, ticket.Config{APIURL: s.URL, Token: secret}).Attach(t.Context(), "10001", a)
		is(t, err, fault.Invalid, "not a valid name")
	}
}

type failing struct{}

// Read returns an error.
func (failing) Read([]byte) (int, error) { return 0, errors.New("no more") }
