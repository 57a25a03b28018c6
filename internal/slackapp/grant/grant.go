// SPDX-License-Identifier: Apache-2.0

// Package grant makes what an admin applies to allow a user something. It is shown, and never applied.
package grant

import (
	"fmt"
	"regexp"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// Grant is what an admin applies to give a user a permission in a namespace.
type Grant struct {
	role    rbacv1.Role
	binding rbacv1.RoleBinding
}

// notName matches what a name in Kubernetes may not have.
var notName = regexp.MustCompile(`[^a-z0-9]+`)

// New returns the grant of an access to a user. It allows exactly that, and for each object of the kind.
func New(user string, access identity.Access) Grant {
	name := notName.ReplaceAllString(strings.ToLower(fmt.Sprintf("%s-%s-%s", user, access.Verb, access.Resource)), "-")
	meta := metav1.ObjectMeta{Name: name, Namespace: access.Namespace}
	return Grant{
		role: rbacv1.Role{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
			ObjectMeta: meta,
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{access.Group}, Resources: []string{access.Resource}, Verbs: []string{access.Verb},
			}},
		},
		binding: rbacv1.RoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		},
	}
}

// YAML returns the objects for kubectl apply.
func (g Grant) YAML() string {
	role, err := yaml.Marshal(g.role)
	if err != nil {
		return err.Error()
	}
	binding, err := yaml.Marshal(g.binding)
	if err != nil {
		return err.Error()
	}
	return string(role) + "---\n" + string(binding)
}

// Code returns the objects as a block of code. Names of users and resources have no marks of markup.
func (g Grant) Code() string { return "```\n" + g.YAML() + "```" }
