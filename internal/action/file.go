// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// FileDefect creates a Defect. created is false when the caller created one of this name before: the name makes repeated
// requests one Defect.
func (a *Actions) FileDefect(ctx context.Context, t Target, spec v1alpha1.DefectSpec) (d *v1alpha1.Defect, created bool, err error) {
	if err := a.require(ctx, t.Caller, Defects.In("create", t.Namespace)); err != nil {
		return nil, false, err
	}
	d = &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: t.Name}, Spec: spec}
	err = a.Client.Create(ctx, d, FieldOwner)
	if !apierrors.IsAlreadyExists(err) {
		return d, err == nil, err
	}
	return d, false, a.Live.Get(ctx, client.ObjectKeyFromObject(d), d)
}
