// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// hanging is a Slack that never answers, and how long it was waited for.
type hanging struct {
	chat.Poster
	took time.Duration
}

func (h *hanging) Probe(ctx context.Context) (chat.Workspace, error) {
	begin := time.Now()
	<-ctx.Done()
	h.took = time.Since(begin)
	return chat.Workspace{}, fault.New(fault.Unavailable, "no answer")
}

// defectWithTicket returns a Defect that was filed an hour ago as issue VOICE-1 with the integration "jira".
func defectWithTicket(name string, with func(*v1alpha1.Defect)) *v1alpha1.Defect {
	hourAgo := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}}
	d.Status.Jira = &v1alpha1.DefectTicket{
		Integration: "a/jira", Key: "VOICE-1", ID: "10001", URL: "https://jira.example.com/browse/VOICE-1",
		Status: "To Do", StatusCategory: "new", CreatedTime: &hourAgo, UpdatedTime: &metav1.MicroTime{Time: hourAgo.Time},
	}
	if with != nil {
		with(d)
	}
	return d
}
