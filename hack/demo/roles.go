// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

// rolePrefix begins the names of roles, as in config/installation.
const rolePrefix = "voiceai-integrations-"

// installRoles creates the roles of people that an installation has, so that view, edit and admin cover the operator's
// kinds. Kubernetes' own controller adds them; the demo's control plane runs that one alone.
func installRoles(ctx context.Context, processes *stage.Stage, c client.Client) error {
	files, err := filepath.Glob(filepath.Join("config", "rbac", "*_role.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := installRole(ctx, c, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if err := processes.ControllerManager(ctx, "clusterrole-aggregation-controller"); err != nil {
		return err
	}
	return processes.Poll(ctx, "the roles view and edit", func() (bool, error) {
		view := &rbacv1.ClusterRole{}
		err := c.Get(ctx, client.ObjectKey{Name: "view"}, view)
		covers := func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "defects") }
		return slices.ContainsFunc(view.Rules, covers), client.IgnoreNotFound(err)
	})
}

func installRole(ctx context.Context, c client.Client, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(raw, role); err != nil {
		return err
	}
	if role.Name == "" || strings.HasPrefix(role.Name, rolePrefix) {
		return errors.New("a role with a name without prefix is expected")
	}
	role.Name = rolePrefix + role.Name
	if err := c.Create(ctx, role); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}
