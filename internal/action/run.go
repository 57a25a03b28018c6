// SPDX-License-Identifier: Apache-2.0

package action

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// +kubebuilder:rbac:groups=batch,resources=cronjobs,verbs=get;list;watch

// Start is the start of a run of a suite.
type Start struct {
	Caller    identity.Caller
	Namespace string
	// Suite is the suite's id: the suite label of its CronJob.
	Suite string
	// CronJob is the name of the CronJob, for a suite that several have. Optional. For a rerun, that of the run: another one
	// of the suite does if it was deleted.
	CronJob string
	// IdempotencyKey makes repeated starts of a caller one run. Each start is a run of its own when it is empty.
	IdempotencyKey string
	// RerunOf is the run that is started again. All reruns of a run, of all callers, are one run. Optional.
	RerunOf types.UID
	// Before is called with the Job before it is created, which it keeps from being by an error. Optional.
	Before func(context.Context, *batchv1.Job) error
}

// job returns the run to create.
func (s Start) job(suite *batchv1.CronJob) *batchv1.Job {
	if s.RerunOf != "" {
		return jobFrom(suite, "", "rerun/"+string(s.RerunOf))
	}
	return jobFrom(suite, s.Caller.GetName(), cmp.Or(s.IdempotencyKey, rand.Text()))
}

// StartRun creates a Job from the CronJob of a suite. created is false when the run was started before with the same
// key.
func (a *Actions) StartRun(ctx context.Context, s Start) (run *batchv1.Job, created bool, err error) {
	if err := a.require(ctx, s.Caller, Jobs.In("create", s.Namespace)); err != nil {
		return nil, false, err
	}
	suite, err := a.suite(ctx, s)
	if err != nil {
		return nil, false, err
	}
	// The cache does not keep the template of a CronJob.
	if err := a.Live.Get(ctx, client.ObjectKeyFromObject(suite), suite); err != nil {
		return nil, false, err
	}
	j := s.job(suite)
	if s.Before != nil {
		if err := s.Before(ctx, j); err != nil {
			return nil, false, err
		}
	}
	err = a.Client.Create(ctx, j, FieldOwner)
	switch {
	case err == nil:
		return j, true, nil
	case !apierrors.IsAlreadyExists(err):
		return nil, false, err
	}
	return j, false, a.Live.Get(ctx, client.ObjectKeyFromObject(j), j)
}

// suite returns the CronJob of a suite.
func (a *Actions) suite(ctx context.Context, s Start) (*batchv1.CronJob, error) {
	labeled := &batchv1.CronJobList{}
	inSuite := client.MatchingLabels{v1alpha1.SuiteLabel: s.Suite}
	if err := a.Client.List(ctx, labeled, client.InNamespace(s.Namespace), inSuite); err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(slices.Clone(labeled.Items), func(c batchv1.CronJob) bool {
		return s.CronJob != "" && c.Name != s.CronJob
	})
	if len(found) == 0 && s.RerunOf != "" { // the CronJob of the run was replaced since
		found = labeled.Items
	}
	switch len(found) {
	case 0:
		return nil, &NotFoundError{fmt.Sprintf("namespace %s has no suite %q: label a CronJob %s=%s",
			s.Namespace, s.Suite, v1alpha1.SuiteLabel, s.Suite)}
	case 1:
		return &found[0], nil
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].Name
	}
	slices.Sort(names)
	return nil, &ConflictError{fmt.Sprintf("several CronJobs are suite %q: choose one of them by name: %s",
		s.Suite, strings.Join(names, ", "))}
}

// jobFrom returns a run of a suite: the Job that kubectl create job --from would create. The same key of the same
// caller makes the same Job.
func jobFrom(c *batchv1.CronJob, caller, key string) *batchv1.Job {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", c.UID, caller, key))
	prefix := strings.TrimRight(c.Name[:min(len(c.Name), 42)], "-.")
	template := c.Spec.JobTemplate.DeepCopy()
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   c.Namespace,
			Name:        prefix + "-" + hex.EncodeToString(sum[:10]),
			Labels:      map[string]string{},
			Annotations: map[string]string{"cronjob.kubernetes.io/instantiate": "manual"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "batch/v1", Kind: "CronJob", Name: c.Name, UID: c.UID, Controller: ptr.To(true),
			}},
		},
		Spec: template.Spec,
	}
	maps.Copy(j.Labels, template.Labels)
	j.Labels[v1alpha1.SuiteLabel] = c.Labels[v1alpha1.SuiteLabel]
	maps.Copy(j.Annotations, template.Annotations)
	return j
}

// CronJobOf returns the name of the CronJob that a run is of; empty when it is of none.
func CronJobOf(j *batchv1.Job) string {
	if owner := metav1.GetControllerOf(j); owner != nil && owner.Kind == "CronJob" {
		return owner.Name
	}
	return ""
}
