// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

type (
	request = connection.Request[connection.JiraClient, ticket.Ticket]
	call    = connection.Call[connection.JiraClient, ticket.Ticket]
)

// upload is one file on its way to a ticket.
type upload struct {
	defect     types.NamespacedName
	uid        types.UID
	ticketID   string
	key        string
	file       v1alpha1.EvidenceFile
	policy     v1alpha1.EvidencePolicy
	activities *activity.Record
}

// request returns the call that attaches a file, or comments on links when there is none.
func (f *Files) request(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, file *v1alpha1.EvidenceFile) request {
	j := d.Status.Jira
	out := request{
		Key: keyOf(d), UID: d.UID, Version: fmt.Sprint(i.Generation),
		Operation: connection.Operation{Name: "links", Number: d.Spec.Evidence.Time.Unix()}, Endpoint: connection.ActionComment,
	}
	record := f.Jira.Get(client.ObjectKeyFromObject(i)).Record
	id := j.ID
	if id == "" {
		id = j.Key
	}
	if file == nil {
		out.Call = onTicket(d, id, comment(d, id, i.Spec.Evidence, record))
		return out
	}
	u := upload{keyOf(d), d.UID, id, j.Key, *file, i.Spec.Evidence, record}
	out.Operation = connection.Operation{Name: "attach/" + file.Name + "/" + file.SHA256}
	out.Endpoint = connection.ActionAttach
	namespace := i.Namespace
	out.Call = onTicket(d, id, func(ctx context.Context, c connection.JiraClient) (attached ticket.Ticket, err error) {
		err = f.inTurn(ctx, namespace, func() error {
			attached.URL, err = f.attach(ctx, c, u)
			return err
		})
		return attached, err
	})
	return out
}

// inTurn sends a file to a server of a namespace when there is a place for it.
func (f *Files) inTurn(ctx context.Context, namespace string, send func() error) error {
	free, err := f.places.take(ctx, namespace)
	if err != nil {
		return err
	}
	defer free()
	return send()
}

// open returns a reader of a file of a Defect.
func (f *Files) open(ctx context.Context, defect types.NamespacedName, uid types.UID, file v1alpha1.EvidenceFile) *evidence.Reader {
	return evidence.NewReader(file, func(n int) ([]byte, error) {
		part := &v1alpha1.Evidence{}
		err := f.Live.Get(ctx, types.NamespacedName{Namespace: defect.Namespace, Name: v1alpha1.EvidenceName(uid, file, n)}, part)
		return part.Data, err
	})
}

// onTicket returns a call that reads the ticket first if it is unknown at which site it is: an issue of another site may have
// the same number.
func onTicket(d *v1alpha1.Defect, id string, next call) call {
	if d.Status.Jira.Site != "" {
		return next
	}
	marker := d.TicketMarker()
	key := d.Status.Jira.Key
	return func(ctx context.Context, c connection.JiraClient) (ticket.Ticket, error) {
		t, err := c.Get(ctx, id)
		if err == nil && !t.Has(marker) && t.Key != key {
			err = fault.New(fault.NotFound, "%s is not the ticket of the Defect", t.Key)
		}
		if err != nil {
			return ticket.Ticket{}, err
		}
		return next(ctx, c)
	}
}

// attach attaches a file whose content may leave the cluster, and returns where people open it. Faults that are final are
// Invalid.
func (f *Files) attach(ctx context.Context, c connection.JiraClient, u upload) (url string, err error) {
	r := f.open(ctx, u.defect, u.uid, u.file)
	start, err := r.Start()
	if err != nil {
		return "", unreadable(err)
	}
	if why := evidence.Withheld(u.policy, u.file.Name, start); why != "" {
		return "", final(v1alpha1.EvidenceWithheld, why)
	}
	url, err = c.Attach(ctx, u.ticketID, ticket.Attachment{
		Name: evidence.AttachmentName(u.file), ContentType: evidence.ContentType(u.file.Name), Bytes: u.file.Bytes, Content: r,
	})
	if r.Err() != nil {
		return "", unreadable(r.Err())
	}
	if fault.Is(err, fault.NotFound) {
		if _, gone := c.Get(ctx, u.ticketID); gone == nil { // Jira answers 404 to both
			err = fault.New(fault.Invalid, "%s exists, but Jira does not accept attachments: %v. Is the feature switched off?", u.key, err)
		}
	}
	u.activities.Add(connection.ActionAttach, v1alpha1.KindDefect+"/"+u.defect.String(), u.key+" "+u.file.Name, err)
	return url, err
}

// unreadable returns the fault of content that could not be read.
func unreadable(err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return final(v1alpha1.EvidenceMissing, "The content is not in the cluster")
	case errors.Is(err, evidence.ErrBroken):
		return final(v1alpha1.EvidenceMissing, "T"+strings.TrimPrefix(err.Error(), "t"))
	}
	return fault.New(fault.Unavailable, "Reading the content of the file: %v", err)
}

// final returns the fault of a file that is not sent.
func final(state v1alpha1.EvidenceState, why string) error {
	return &fault.Fault{Kind: fault.Invalid, Code: string(state), Message: why}
}

// comment returns the call that comments on the files that are somewhere else. A policy that lets no file leave the
// cluster lets no link leave it either.
func comment(d *v1alpha1.Defect, id string, policy v1alpha1.EvidencePolicy, record *activity.Record) call {
	c := ticket.Comment{
		Ref: fmt.Sprintf("evidence-%d-%s", d.Spec.Evidence.Time.Unix(), d.UID), Body: render.EvidenceComment(d.Spec.Evidence),
	}
	object := v1alpha1.KindDefect + "/" + keyOf(d).String()
	key := d.Status.Jira.Key
	return func(ctx context.Context, client connection.JiraClient) (ticket.Ticket, error) {
		if policy == v1alpha1.EvidenceNone {
			return ticket.Ticket{}, nil
		}
		err := client.Comment(ctx, id, c)
		record.Add(connection.ActionComment, object, key, err)
		return ticket.Ticket{}, err
	}
}

// cutName returns the parts of a name as namespace/name.
func cutName(s string) (namespace, name string, ok bool) { return strings.Cut(s, "/") }
