// SPDX-License-Identifier: Apache-2.0

package rotation

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
)

// checkWritable returns why the operator cannot store a refreshed token in a Secret; nil if it can. It looks before Slack is
// called, because Slack soon accepts the refresh token of before no more.
func (r *Rotator) checkWritable(ctx context.Context, secret *corev1.Secret) (*result, error) {
	if manager := appliedBy(secret); manager != "" {
		return r.refuse(v1alpha1.ReasonSecretManaged, "The operator does not refresh it, because %s applies Secret %q and would "+
			"revert that. Store the token in another Secret, which nothing applies, and name that in spec.bot.tokenSecretRef.",
			manager, secret.Name), nil
	}
	if secret.Immutable != nil && *secret.Immutable {
		return r.refuse(v1alpha1.ReasonRefreshForbidden, "The operator cannot refresh it, because Secret %q is immutable. "+
			"Store the token in another Secret, and name that in spec.bot.tokenSecretRef.", secret.Name), nil
	}
	err := r.Client.Update(ctx, secret.DeepCopy(), client.DryRunAll)
	switch {
	case err == nil, apierrors.IsConflict(err), apierrors.IsNotFound(err): // a watch shows the change
		return nil, nil
	case apierrors.IsBadRequest(err): // an admission webhook refuses dry runs
		return nil, nil
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return r.forbidden(secret, err), nil
	}
	return nil, fmt.Errorf("checking whether Secret %s can be written: %w", client.ObjectKeyFromObject(secret), err)
}

// forbidden returns the result of a write that the API server forbids.
func (r *Rotator) forbidden(secret *corev1.Secret, err error) *result {
	return r.refuse(v1alpha1.ReasonRefreshForbidden, "The operator may not store a refreshed token in Secret %q: %s",
		secret.Name, r.grant(secret, err))
}

// refuse returns a result that a person has to change.
func (r *Rotator) refuse(reason, format string, args ...any) *result {
	return &result{
		status: metav1.ConditionFalse, reason: reason, message: fmt.Sprintf(format, args...), degrades: true,
		next: r.Clock.Now().Add(recheckAfter),
	}
}

// appliedBy returns the name of the tool that applies a Secret and would revert a change; empty if none does. kubectl does not
// by itself, and what it applied has no token that Slack refreshes.
func appliedBy(secret *corev1.Secret) string {
	for _, field := range []string{"data", "stringData"} {
		if manager := action.Manager(secret, field); manager != "" && !action.IsKubectl(manager) {
			return manager
		}
	}
	switch {
	case secret.Annotations["argocd.argoproj.io/tracking-id"] != "":
		return "Argo CD"
	case secret.Labels["kustomize.toolkit.fluxcd.io/name"] != "", secret.Labels["helm.toolkit.fluxcd.io/name"] != "":
		return "Flux"
	case secret.Annotations["meta.helm.sh/release-name"] != "":
		return "Helm"
	}
	return ""
}

// grant returns what a person has to apply so that the operator may write a Secret.
func (r *Rotator) grant(secret *corev1.Secret, err error) string {
	subject := "--user=" + r.Account
	if account, ok := strings.CutPrefix(r.Account, "system:serviceaccount:"); ok {
		subject = "--serviceaccount=" + account
	}
	if !strings.Contains(err.Error(), "cannot update resource") { // an admission policy
		return err.Error()
	}
	name := "voiceai-refresh-" + secret.Name
	return fmt.Sprintf("grant it with kubectl -n %[1]s create role %[2]s --verb=update --resource=secrets --resource-name=%[3]s "+
		"&& kubectl -n %[1]s create rolebinding %[2]s --role=%[2]s %[4]s", secret.Namespace, name, secret.Name, subject)
}
