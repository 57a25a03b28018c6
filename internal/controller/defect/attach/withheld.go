// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
)

// sendAgain says what happens to a file whose policy was changed too late.
const sendAgain = "spec.evidence of the integration lets it out now, but its content was removed. " +
	"The next run in which the test fails sends its files"

// policyOf returns the policy of an integration.
func policyOf(i *v1alpha1.JiraIntegration) v1alpha1.EvidencePolicy {
	return cmp.Or(i.Spec.Evidence, v1alpha1.EvidenceWithoutAudio)
}

// isWithheld reports whether a policy withholds a file of a Defect.
func isWithheld(d *v1alpha1.Defect) bool {
	return slices.ContainsFunc(d.Status.Evidence.Files, func(s v1alpha1.EvidenceFileStatus) bool {
		return s.State == v1alpha1.EvidenceWithheld
	})
}

// holds returns for how long the content of a Defect's files is kept, as a policy withholds some.
func holds(d *v1alpha1.Defect, now time.Time) time.Duration {
	if d.Spec.Evidence == nil || !isWithheld(d) {
		return 0
	}
	return d.Spec.Evidence.Time.Add(holdFor).Sub(now)
}

// reopen lets files be sent that another policy than the present one withheld. Those whose content was removed are Missing, so
// that the next run sends files again.
func (f *Files) reopen(ctx context.Context, d *v1alpha1.Defect) error {
	e := d.Status.Evidence
	if e.Policy == "" || d.Status.Jira == nil {
		return nil
	}
	i, err := f.integration(ctx, d)
	var refusal *connection.Refusal
	switch {
	case errors.As(err, &refusal):
		return nil
	case err != nil:
		return err
	case policyOf(i) == e.Policy:
		return nil
	}
	isOpen := func(s v1alpha1.EvidenceFileStatus) bool {
		return s.State == v1alpha1.EvidenceWithheld && evidence.Withheld(i.Spec.Evidence, s.Name, nil) == ""
	}
	if e.RemovedTime == nil {
		e.Files = slices.DeleteFunc(e.Files, isOpen)
	}
	for n := range e.Files {
		if isOpen(e.Files[n]) {
			e.Files[n].State = v1alpha1.EvidenceMissing
			e.Files[n].Message = sendAgain
		}
	}
	e.Policy = ""
	if isWithheld(d) {
		e.Policy = policyOf(i)
	}
	return nil
}
