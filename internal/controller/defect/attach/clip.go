// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/tracing"
)

const (
	// clipLane is the lane of recordings: a slow one delays no message.
	clipLane = "clip"
	// clipPrefix begins the key of a Defect in that lane. No object has such a name, and those of Notifications are others.
	clipPrefix = "clip of "
)

// clipKey returns the key of a Defect's recording.
func clipKey(defect types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: defect.Namespace, Name: clipPrefix + defect.Name}
}

// DefectOfClip returns the Defect whose recording has a key, and whether it is such a key.
func DefectOfClip(key types.NamespacedName) (types.NamespacedName, bool) {
	name, ok := strings.CutPrefix(key.Name, clipPrefix)
	return types.NamespacedName{Namespace: key.Namespace, Name: name}, ok
}

// Forget drops what is kept of a Defect that was deleted.
func (f *Files) Forget(defect types.NamespacedName) { f.Slack.Forget(clipKey(defect)) }

// clipOf returns the recording of the turn that failed, or nil.
func clipOf(d *v1alpha1.Defect) *v1alpha1.EvidenceFile {
	e := d.Spec.Evidence
	if e == nil || e.Clip == "" {
		return nil
	}
	if i := slices.IndexFunc(e.Files, func(f v1alpha1.EvidenceFile) bool { return f.Name == e.Clip }); i >= 0 {
		return &e.Files[i]
	}
	return nil
}

// tidyClips drops what the status has of another recording, and of messages that are not the Defect's any more.
func tidyClips(d *v1alpha1.Defect) {
	clip := clipOf(d)
	e := d.Status.Evidence
	e.Clips = slices.DeleteFunc(e.Clips, func(c v1alpha1.EvidenceClip) bool {
		return clip == nil || c.SHA256 != clip.SHA256 ||
			!slices.ContainsFunc(d.Status.Messages, func(m v1alpha1.DefectMessage) bool { return m.Rule == c.Rule })
	})
}

// share posts the recording to the next thread about the Defect that may have it. It reports whether nothing is left to do with
// the recording, and otherwise returns when that is so at the latest, or when to call it again.
func (f *Files) share(ctx context.Context, d *v1alpha1.Defect, now time.Time) (next time.Duration, isDone bool, err error) {
	e := d.Status.Evidence
	clip := clipOf(d)
	if clip == nil || e.RemovedTime != nil {
		e.ClipMessage = ""
		return 0, true, nil
	}
	left := d.Spec.Evidence.Time.Add(keepFor).Sub(now)
	if left <= 0 { // a thread that comes later has none
		e.ClipMessage = ""
		return 0, true, nil
	}
	m, i, err := f.nextThread(ctx, d)
	switch {
	case err != nil:
		return 0, false, err
	case m == nil:
		e.ClipMessage = ""
		if condition.Is(d, v1alpha1.ConditionNotified, metav1.ConditionFalse, v1alpha1.ReasonDelivering) {
			return left, false, nil
		}
		return 0, true, nil
	}
	lane := f.Slack.Get(client.ObjectKeyFromObject(i)).Lane(clipLane)
	req := f.shareRequest(d, i, m, *clip)
	req.Origin = tracing.OriginOf(ctx)
	a := lane.Submit(req)
	if isFinal(a) {
		lane.Forget(clipKey(keyOf(d)))
	}
	return min(left, recordClip(d, clip, m.Rule, a, now)), false, nil
}

// nextThread returns the next message to whose thread the recording is posted, with its integration; nil when there is none.
func (f *Files) nextThread(ctx context.Context, d *v1alpha1.Defect) (*v1alpha1.DefectMessage, *v1alpha1.SlackIntegration, error) {
	for n := range d.Status.Messages {
		m := &d.Status.Messages[n]
		if m.TS == "" || slices.ContainsFunc(d.Status.Evidence.Clips, func(c v1alpha1.EvidenceClip) bool { return c.Rule == m.Rule }) {
			continue
		}
		namespace, name, _ := cutName(m.Integration)
		i, err := connection.ResolveSlack(ctx, f.Client, d.Namespace, &v1alpha1.IntegrationReference{Namespace: namespace, Name: name})
		var refusal *connection.Refusal
		switch {
		case errors.As(err, &refusal):
			continue
		case err != nil:
			return nil, nil, err
		case i.Spec.Evidence == v1alpha1.EvidenceAll:
			return m, i, nil
		}
	}
	return nil, nil, nil
}

// shareRequest returns the call that posts the recording to a thread.
func (f *Files) shareRequest(
	d *v1alpha1.Defect, i *v1alpha1.SlackIntegration, m *v1alpha1.DefectMessage, clip v1alpha1.EvidenceFile,
) connection.Request[connection.SlackClient, chat.Posted] {
	defect := keyOf(d)
	uid := d.UID
	namespace := i.Namespace
	at := chat.Posted{Channel: m.Channel, TS: m.TS}
	record := f.Slack.Get(client.ObjectKeyFromObject(i)).Record
	return connection.Request[connection.SlackClient, chat.Posted]{
		Key: clipKey(defect), UID: uid, Version: fmt.Sprint(i.Generation), Endpoint: connection.ActionShare,
		Operation: connection.Operation{Name: "share/" + m.Rule + "/" + clip.SHA256},
		Call: func(ctx context.Context, c connection.SlackClient) (chat.Posted, error) {
			err := f.inTurn(ctx, namespace, func() error {
				r := f.open(ctx, defect, uid, clip)
				err := c.Share(ctx, at, chat.File{Name: evidence.AttachmentName(clip), Title: clip.Name, Bytes: clip.Bytes, Content: r})
				if r.Err() != nil {
					return unreadable(r.Err())
				}
				return err
			})
			if errors.Is(err, chat.ErrUnsupported) {
				err = fault.New(fault.Invalid, "This connection posts no files")
			}
			record.Add(connection.ActionShare, v1alpha1.KindDefect+"/"+defect.String(), at.Channel, err)
			return chat.Posted{}, err
		},
	}
}

// isFinal reports whether a call was made, and is not made again.
func isFinal[R any](a connection.Answer[R]) bool {
	return a.Done && (a.Err == nil || fault.Is(a.Err, fault.Invalid))
}

// recordClip records the answer to a call, and returns when to submit it again.
func recordClip(
	d *v1alpha1.Defect, clip *v1alpha1.EvidenceFile, rule string, a connection.Answer[chat.Posted], now time.Time,
) time.Duration {
	e := d.Status.Evidence
	switch {
	case isFinal(a):
		state := v1alpha1.EvidenceAttached
		why := ""
		if a.Err != nil {
			state = stateOf(fault.From(a.Err))
			why = text.Truncate(a.Err.Error(), maxMessage)
		}
		e.Clips = append(e.Clips, v1alpha1.EvidenceClip{
			Rule: rule, SHA256: clip.SHA256, State: state, Message: why, Time: metav1.NewTime(a.At),
		})
		e.ClipMessage = ""
		return time.Second // for the next thread, or to remove the content
	case a.Done:
		e.ClipMessage = text.Truncate(fault.From(a.Err).Error(), maxMessage)
		if !a.RetryAt.IsZero() {
			return max(a.RetryAt.Sub(now), time.Second)
		}
	case a.Pause != nil:
		e.ClipMessage = text.Truncate("Waits for the integration: "+a.Pause.Error(), maxMessage)
	}
	return keepFor
}
