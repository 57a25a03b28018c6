// SPDX-License-Identifier: Apache-2.0

// Package attach brings the files of a Defect to its ticket, each once, and removes their content from the cluster when
// nothing is left to do with it.
package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=evidence,verbs=get;deletecollection

const (
	// Lane is the lane of files: a slow one delays nothing else.
	Lane = "attach"
	// keepFor is how long the content of files is kept for which there is no ticket, or no longer one.
	keepFor = 24 * time.Hour
	// RetryAfter is how long after a failure of the API server the next step is tried again.
	RetryAfter = 10 * time.Second
	// holdFor is how long the content of files is kept that a policy withholds: it may be changed for them.
	holdFor = time.Hour
	// maxMessage bounds a message, maxURL the address of an attachment.
	maxMessage = 1024
	maxURL     = 2048
)

// Files brings files to tickets. It is a phase of the reconciler of Defects.
type Files struct {
	Client client.Client
	// Live reads from the API server: the content of files is not in the cache.
	Live client.Reader
	Jira *connection.JiraPool
	// Slack has the connections for recordings.
	Slack *connection.SlackPool

	places *places
}

// New returns Files without any under way.
func New(c client.Client, live client.Reader, jira *connection.JiraPool, slack *connection.SlackPool) *Files {
	return &Files{Client: c, Live: live, Jira: jira, Slack: slack, places: newPlaces()}
}

// Bring does the next step with the files of a Defect, and records it in the status. It returns when to do the next one: 0
// when the Defect is enqueued by then, or nothing is left to do.
func (f *Files) Bring(ctx context.Context, d *v1alpha1.Defect, now time.Time) (next time.Duration, err error) {
	tidy(d)
	e := d.Status.Evidence
	if e == nil {
		return 0, nil
	}
	if err := f.reopen(ctx, d); err != nil {
		return 0, err
	}
	file := pending(d)
	if file != nil {
		e.RemovedTime = nil
	}
	left, isShared, err := f.share(ctx, d, now)
	if err != nil {
		return 0, err
	}
	if file == nil && (d.Spec.Evidence == nil || !hasLinks(d)) {
		e.Message = ""
		if isShared && e.RemovedTime == nil { // the status that is stored has what became of each file
			if hold := holds(d, now); hold > 0 {
				return hold, nil
			}
			return 0, f.remove(ctx, d, now)
		}
		return left, nil
	}
	if wait, waits := f.waitForTicket(d, now); waits {
		return kit.Sooner(left, wait), nil
	}
	wait, err := f.submit(ctx, d, file, now)
	return kit.Sooner(left, wait), err
}

// tidy drops what the status has of files that the spec does not have any more.
func tidy(d *v1alpha1.Defect) {
	e := d.Status.Evidence
	switch {
	case d.Spec.Evidence == nil && (e == nil || e.RemovedTime != nil):
		d.Status.Evidence = nil
	case d.Spec.Evidence == nil:
		e.Files = nil
		e.Clips = nil
	case e == nil:
		d.Status.Evidence = &v1alpha1.DefectEvidenceStatus{}
	default:
		e.Files = slices.DeleteFunc(e.Files, func(s v1alpha1.EvidenceFileStatus) bool {
			return !slices.ContainsFunc(d.Spec.Evidence.Files, func(file v1alpha1.EvidenceFile) bool { return isOf(s, file) })
		})
		tidyClips(d)
	}
}

// isOf reports whether a status is that of a file.
func isOf(s v1alpha1.EvidenceFileStatus, file v1alpha1.EvidenceFile) bool {
	return s.Name == file.Name && s.SHA256 == file.SHA256
}

// pending returns the first file with which nothing was done yet, or nil.
func pending(d *v1alpha1.Defect) *v1alpha1.EvidenceFile {
	if d.Spec.Evidence == nil {
		return nil
	}
	for i := range d.Spec.Evidence.Files {
		file := &d.Spec.Evidence.Files[i]
		if !slices.ContainsFunc(d.Status.Evidence.Files, func(s v1alpha1.EvidenceFileStatus) bool { return isOf(s, *file) }) {
			return file
		}
	}
	return nil
}

// hasLinks reports whether the ticket lacks a comment on files that are somewhere else.
func hasLinks(d *v1alpha1.Defect) bool {
	e := d.Spec.Evidence
	linked := d.Status.Evidence.LinkedTime
	return (len(e.Links) > 0 || e.More > 0) && (linked == nil || !linked.Equal(&e.Time))
}

// remove removes the content of a Defect's files from the cluster.
func (f *Files) remove(ctx context.Context, d *v1alpha1.Defect, now time.Time) error {
	if err := f.Client.DeleteAllOf(ctx, &v1alpha1.Evidence{}, client.InNamespace(d.Namespace),
		client.MatchingLabels{v1alpha1.DefectLabel: string(d.UID)}); err != nil {
		return fmt.Errorf("removing the content of evidence: %w", err)
	}
	d.Status.Evidence.RemovedTime = &metav1.Time{Time: now}
	return nil
}

// waitForTicket records that the files wait for the ticket, and returns for how long at most. When no ticket is wanted, or
// it is gone, they are given up in the end.
func (f *Files) waitForTicket(d *v1alpha1.Defect, now time.Time) (left time.Duration, waits bool) {
	e := d.Status.Evidence
	j := d.Status.Jira
	since := d.Spec.Evidence.Time.Time
	switch {
	case j != nil && j.Key != "" && j.MissingSince == nil:
		return 0, false
	case j != nil && j.MissingSince != nil:
		since = j.MissingSince.Time
		e.Message = "Waits for " + j.Key + ", which Jira does not have"
	case !condition.Is(d, v1alpha1.ConditionTicketed, metav1.ConditionTrue, v1alpha1.ReasonNotWanted):
		e.Message = "Waits for the ticket"
		return 0, true
	default:
		e.Message = "Waits for a ticket, which nothing requests"
	}
	if left = since.Add(keepFor).Sub(now); left > 0 {
		return left, true
	}
	for file := pending(d); file != nil; file = pending(d) {
		settle(d, file, v1alpha1.EvidenceExpired, "There was no ticket within a day", now)
	}
	e.LinkedTime = &d.Spec.Evidence.Time
	e.Message = ""
	return 0, true
}

// settle records what became of a file.
func settle(d *v1alpha1.Defect, file *v1alpha1.EvidenceFile, state v1alpha1.EvidenceState, why string, at time.Time) {
	d.Status.Evidence.Files = append(d.Status.Evidence.Files, v1alpha1.EvidenceFileStatus{
		Name: file.Name, SHA256: file.SHA256, State: state, Message: text.Truncate(why, maxMessage), Time: metav1.NewTime(at),
	})
}

// submit submits the call that attaches a file, or comments on links when there is none, and records its answer.
func (f *Files) submit(
	ctx context.Context, d *v1alpha1.Defect, file *v1alpha1.EvidenceFile, now time.Time,
) (next time.Duration, err error) {
	e := d.Status.Evidence
	i, err := f.integration(ctx, d)
	if err != nil {
		var refusal *connection.Refusal
		if errors.As(err, &refusal) { // the Defect's own conditions say more
			e.Message = text.Truncate(refusal.Error(), maxMessage)
			return 0, nil
		}
		return 0, err
	}
	if site := d.Status.Jira.Site; site != "" && site != string(i.Spec.APIURL) {
		e.Message = "Waits until the ticket is found at " + string(i.Spec.APIURL)
		return 0, nil
	}
	lane := f.Jira.Get(client.ObjectKeyFromObject(i)).Lane(Lane)
	req := f.request(d, i, file)
	req.Origin = tracing.OriginOf(ctx)
	a := lane.Submit(req)
	if isFinal(a) {
		lane.Forget(client.ObjectKeyFromObject(d))
	}
	next = record(d, file, a, now)
	if isWithheld(d) {
		e.Policy = policyOf(i)
	}
	return next, nil
}

// integration returns the integration of the ticket.
func (f *Files) integration(ctx context.Context, d *v1alpha1.Defect) (*v1alpha1.JiraIntegration, error) {
	namespace, name, _ := cutName(d.Status.Jira.Integration)
	return connection.ResolveJira(ctx, f.Client, d.Namespace, &v1alpha1.IntegrationReference{Namespace: namespace, Name: name})
}

// record records the answer to a call, and returns when to submit it again.
func record(d *v1alpha1.Defect, file *v1alpha1.EvidenceFile, a connection.Answer[ticket.Ticket], now time.Time) (next time.Duration) {
	e := d.Status.Evidence
	final := isFinal(a)
	switch {
	case final && file == nil: // a comment that Jira refuses is given up
		e.LinkedTime = &d.Spec.Evidence.Time
	case final && a.Err == nil:
		settle(d, file, v1alpha1.EvidenceAttached, "", a.At)
		if url := a.Result.URL; len(url) <= maxURL {
			e.Files[len(e.Files)-1].URL = url
		}
	case final:
		refused := fault.From(a.Err)
		settle(d, file, stateOf(refused), refused.Error(), a.At)
	case a.Done:
		e.Message = text.Truncate(fault.From(a.Err).Error(), maxMessage)
		if !a.RetryAt.IsZero() {
			return max(a.RetryAt.Sub(now), time.Second)
		}
		return 0
	case a.Pause != nil:
		e.Message = text.Truncate("Waits for the integration: "+a.Pause.Error(), maxMessage)
		return 0
	default: // the call is in flight, or waits for its turn
		return 0
	}
	e.Message = ""
	return 0
}

// stateOf returns the state of a file that was refused: here, as the fault's code says, or by Jira.
func stateOf(f *fault.Fault) v1alpha1.EvidenceState {
	switch state := v1alpha1.EvidenceState(f.Code); state {
	case v1alpha1.EvidenceWithheld, v1alpha1.EvidenceMissing:
		return state
	}
	return v1alpha1.EvidenceRefused
}

// keyOf returns the name of a Defect.
func keyOf(d *v1alpha1.Defect) types.NamespacedName { return client.ObjectKeyFromObject(d) }
