// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CreateAccount creates a ServiceAccount with the given rules in its namespace, unless it exists, and returns a token
// for it that is valid for a day.
func CreateAccount(ctx context.Context, c client.Client, namespace, name string, rules ...rbacv1.PolicyRule) (token string, err error) {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	account := &corev1.ServiceAccount{ObjectMeta: meta}
	for _, o := range []client.Object{
		account,
		&rbacv1.Role{ObjectMeta: meta, Rules: rules},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
		},
	} {
		if err := client.IgnoreAlreadyExists(c.Create(ctx, o)); err != nil {
			return "", fmt.Errorf("creating %T %s: %w", o, name, err)
		}
	}
	// The authorizer sees a new Role with a delay, and clients may cache a refusal: wait until it sees this one.
	for _, r := range rules {
		err := Poll(ctx, "the permissions of "+name, nil, func() (bool, error) {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + namespace + ":" + name,
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: namespace, Verb: r.Verbs[0], Group: r.APIGroups[0], Resource: r.Resources[0],
				},
			}}
			err := c.Create(ctx, review)
			return review.Status.Allowed, err
		})
		if err != nil {
			return "", err
		}
	}
	day := int64(24 * 60 * 60)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}
	if err := c.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("creating a token for ServiceAccount %s: %w", name, err)
	}
	if request.Status.Token == "" {
		return "", errors.New("the API server returned an empty token")
	}
	return request.Status.Token, nil
}

// DeleteAccount deletes what CreateAccount created, which revokes the token.
func DeleteAccount(ctx context.Context, c client.Client, namespace, name string) error {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	var errs []error
	for _, o := range []client.Object{
		&rbacv1.RoleBinding{ObjectMeta: meta}, &rbacv1.Role{ObjectMeta: meta}, &corev1.ServiceAccount{ObjectMeta: meta},
	} {
		if err := client.IgnoreNotFound(c.Delete(ctx, o)); err != nil {
			errs = append(errs, fmt.Errorf("deleting %T %s: %w", o, name, err))
		}
	}
	return errors.Join(errs...)
}
