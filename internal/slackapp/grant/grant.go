// SPDX-License-Identifier: Apache-2.0

// Package grant makes what an admin applies to allow a user something. It is shown, and never applied.
package grant

import (
	"crypto/sha256"
	"encoding/hex"
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

// New returns the grant of accesses in one namespace to a user. It allows exactly these, and for each object of the kinds.
func New(user string, accesses ...identity.Access) Grant {
	name := nameOf(user, accesses)
	meta := metav1.ObjectMeta{Name: name, Namespace: accesses[0].Namespace}
	g := Grant{
		role: rbacv1.Role{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
			ObjectMeta: meta,
		},
		binding: rbacv1.RoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		},
	}
	for _, a := range accesses {
		g.role.Rules = append(g.role.Rules, rbacv1.PolicyRule{
			APIGroups: []string{a.Group}, Resources: []string{a.Resource}, Verbs: []string{a.Verb},
		})
	}
	return g
}

// nameOf returns the name of a grant. Another set of accesses has another name, so that no grant replaces another one.
func nameOf(user string, accesses []identity.Access) string {
	what := fmt.Sprintf("%s-%s", accesses[0].Verb, accesses[0].Resource)
	if len(accesses) > 1 {
		sum := sha256.Sum256(fmt.Append(nil, accesses))
		what = hex.EncodeToString(sum[:4])
	}
	return notName.ReplaceAllString(strings.ToLower(user+"-"+what), "-")
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
