// SPDX-License-Identifier: Apache-2.0

// Package kube makes the calls of report to the API server: few, with short answers, and again while it is away.
package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// FieldManager is the manager of the fields that this program applies.
	FieldManager = "report"
	// SendTimeout bounds all calls that send a plan, callTimeout one of them.
	SendTimeout = 30 * time.Second
	callTimeout = 10 * time.Second
	// parallel is how many calls are made at the same time.
	parallel = 8
	// maxAnswer bounds an answer of the API server, in bytes.
	maxAnswer = 64 << 20
	// ListAttempts is how often a page of Defects is requested while the API server is away. Without the list, nothing is
	// known of what people changed and of quarantines.
	ListAttempts = 4
	// applyAttempts is how often a Defect is applied that others change at the same time.
	applyAttempts = 10
)

// Connection is how to reach the API server.
type Connection struct {
	Client    *http.Client
	Server    string
	Namespace string
	// Backoff is the time before a list is requested again, which doubles each time.
	Backoff time.Duration

	// IsUnlisted is set when the Defects may not be listed. Then fields that people changed are not taken back.
	IsUnlisted bool
}

// StatusError is the error of an answer that is not 2xx.
type StatusError struct {
	Code    int
	Message string
}

// Error returns the code and what the API server says.
func (e *StatusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.Code, e.Message) }

// IsAway reports whether an error means that the same call may succeed later.
func IsAway(err error) bool {
	var status *StatusError
	return err != nil && (!errors.As(err, &status) || status.Code == http.StatusRequestTimeout ||
		status.Code == http.StatusTooManyRequests || status.Code >= 500)
}

// IsUnauthorized reports whether an error means that the API server does not accept the credentials.
func IsUnauthorized(err error) bool { return hasCode(err, http.StatusUnauthorized) }

// IsForbidden reports whether an error means that the account lacks a right.
func IsForbidden(err error) bool { return hasCode(err, http.StatusForbidden) }

func hasCode(err error, code int) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == code
}

// IsForLater reports whether what was not sent is to be kept: the API server is away, or people can put right what keeps it from
// being sent.
func IsForLater(err error) bool { return IsAway(err) || IsUnauthorized(err) || IsForbidden(err) }

// Call makes one call, and decodes its answer.
func (c *Connection) Call(ctx context.Context, method, path, contentType string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Server+path, reader)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // the answer was read
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		var status metav1.Status
		_ = json.Unmarshal(raw, &status) // a proxy answers with something else
		if status.Message == "" {
			status.Message = http.StatusText(resp.StatusCode)
		}
		return &StatusError{resp.StatusCode, status.Message}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// DefectsPath returns the path of the Defects of a namespace.
func DefectsPath(namespace string) string {
	return "/apis/" + v1alpha1.GroupVersion.String() + "/namespaces/" + url.PathEscape(namespace) + "/defects"
}

// get reads an object, and tries again while the API server is away.
func (c *Connection) get(ctx context.Context, path string, into any) error {
	return c.Again(ctx, func() error { return c.Call(ctx, http.MethodGet, path, "", nil, into) })
}

// Again makes a call, and makes it again while the API server is away.
func (c *Connection) Again(ctx context.Context, call func() error) error {
	wait := c.Backoff
	for attempt := 1; ; attempt++ {
		err := call()
		if !IsAway(err) || attempt == ListAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// List returns the Defects of a suite by fingerprint, in pages.
func (c *Connection) List(ctx context.Context, namespace, suite string) (map[string]*v1alpha1.Defect, error) {
	out := map[string]*v1alpha1.Defect{}
	query := url.Values{"labelSelector": {v1alpha1.SuiteLabel + "=" + suite}, "limit": {"500"}}
	for {
		page := &v1alpha1.DefectList{}
		if err := c.get(ctx, DefectsPath(namespace)+"?"+query.Encode(), page); err != nil {
			return out, fmt.Errorf("listing the Defects of %s in %s: %w", suite, namespace, err)
		}
		for i := range page.Items {
			if d := &page.Items[i]; d.Spec.Fingerprint != "" {
				out[d.Spec.Fingerprint] = d
			}
		}
		if page.Continue == "" {
			return out, nil
		}
		query.Set("continue", page.Continue)
	}
}

// Rebase returns a Defect to apply in place of one, on what the cluster has now.
type Rebase func(d, now *v1alpha1.Defect) *v1alpha1.Defect

// Apply applies Defects, several at the same time. It returns how many were applied, those that are to be applied later, and
// the errors.
func (c *Connection) Apply(ctx context.Context, defects []*v1alpha1.Defect, onto Rebase) (sent int, unsent []*v1alpha1.Defect, err error) {
	ctx, cancel := context.WithTimeout(ctx, SendTimeout)
	defer cancel()
	errs := make([]error, len(defects))
	var wait sync.WaitGroup
	places := make(chan struct{}, parallel)
	for i, d := range defects {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			errs[i] = c.applyOne(ctx, d, onto)
		})
	}
	wait.Wait()
	var refused []error
	for i, err := range errs {
		switch {
		case IsForLater(err):
			unsent = append(unsent, defects[i])
			if len(unsent) == 1 {
				refused = append(refused, err)
			}
		case err != nil:
			refused = append(refused, err)
		default:
			sent++
		}
	}
	return sent, unsent, errors.Join(refused...)
}

// applyOne applies a Defect, and gives it the UID, the evidence and the status that it has in the cluster. When it has changed
// since it was listed, it is applied on what it is now.
func (c *Connection) applyOne(ctx context.Context, d *v1alpha1.Defect, onto Rebase) error {
	planned := d
	for attempt := 1; ; attempt++ {
		if d.ResourceVersion == "" && !c.IsUnlisted { // another run may have created it just now, and its outcome would be lost
			now, err := c.one(ctx, d.Namespace, d.Name)
			if err != nil {
				return fmt.Errorf("reading Defect %s in %s: %w", d.Name, d.Namespace, err)
			}
			if now != nil {
				d = onto(d, now)
			}
		}
		path := DefectsPath(d.Namespace) + "/" + url.PathEscape(d.Name) + "?fieldManager=" + FieldManager
		if !c.IsUnlisted {
			path += "&force=true"
		}
		var stored v1alpha1.Defect
		err := c.Call(ctx, http.MethodPatch, path, "application/apply-patch+yaml", Applied(d), &stored)
		var status *StatusError
		if errors.As(err, &status) && status.Code == http.StatusConflict && attempt < applyAttempts && !c.IsUnlisted {
			var now *v1alpha1.Defect
			if now, err = c.one(ctx, d.Namespace, d.Name); err == nil && now != nil {
				d = onto(d, now)
				continue
			}
			if err == nil { // it was deleted
				d.ResourceVersion = ""
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("applying Defect %s in %s: %w", d.Name, d.Namespace, err)
		}
		planned.UID = stored.UID
		planned.Spec.Evidence = stored.Spec.Evidence
		planned.Status = stored.Status
		return nil
	}
}

// one returns a Defect by its name; nil when there is none. It is listed: a Job needs no right to get it.
func (c *Connection) one(ctx context.Context, namespace, name string) (*v1alpha1.Defect, error) {
	page := &v1alpha1.DefectList{}
	query := url.Values{"fieldSelector": {"metadata.name=" + name}}
	if err := c.get(ctx, DefectsPath(namespace)+"?"+query.Encode(), page); err != nil || len(page.Items) == 0 {
		return nil, err
	}
	return &page.Items[0], nil
}

// Applied returns a Defect without the fields that the API server sets.
func Applied(d *v1alpha1.Defect) map[string]any {
	raw, _ := json.Marshal(d) // it has no value that JSON does not have
	var out map[string]any
	_ = json.Unmarshal(raw, &out)
	delete(out, "status")
	return out
}
