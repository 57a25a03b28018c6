// SPDX-License-Identifier: Apache-2.0

package scope

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/index"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Severities are the severities from the worst on.
var Severities = []v1alpha1.Severity{
	v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow,
}

// DefectFilter selects defects. Empty members select all.
type DefectFilter struct {
	Namespace, Suite string
	Severity         v1alpha1.Severity
}

// OpenDefect is what is kept of a defect while all are looked at: there may be a hundred thousand.
type OpenDefect struct {
	types.NamespacedName
	Severity v1alpha1.Severity
	Suite    string
	created  time.Time
}

// OpenDefects returns the defects that the person may see, that are not resolved or closed and that a filter selects;
// the newest first.
func (s *Scope) OpenDefects(ctx context.Context, f DefectFilter) ([]OpenDefect, error) {
	namespaces, err := s.Where(ctx, "list", action.Defects, f.Namespace)
	if err != nil {
		return nil, err
	}
	var out []OpenDefect
	for _, n := range namespaces {
		err := index.EachOpen(ctx, s.Client, n, func(d *v1alpha1.Defect) bool {
			if (f.Severity == "" || d.Spec.Severity == f.Severity) && (f.Suite == "" || d.Spec.Suite == f.Suite) {
				out = append(out, OpenDefect{client.ObjectKeyFromObject(d), d.Spec.Severity, d.Spec.Suite, d.CreationTimestamp.Time})
			}
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("listing the Defects of namespace %s: %w", n, err)
		}
	}
	slices.SortFunc(out, func(a, b OpenDefect) int {
		return cmp.Or(b.created.Compare(a.created), cmp.Compare(a.String(), b.String()))
	})
	return out, nil
}

// Defect returns the Defect of a name that the person may see. The error for a mistyped name has the nearest one.
func (s *Scope) Defect(ctx context.Context, argument string) (*v1alpha1.Defect, error) {
	namespace, name := Cut(argument)
	namespaces, err := s.whereOne(ctx, "get", action.Defects, types.NamespacedName{Namespace: namespace, Name: name})
	if err != nil {
		return nil, err
	}
	var found []*v1alpha1.Defect
	var names, places []string
	for _, n := range namespaces {
		d := &v1alpha1.Defect{}
		err := s.Client.Get(ctx, types.NamespacedName{Namespace: n, Name: name}, d)
		if err == nil {
			found = append(found, d)
			places = append(places, n+"/"+name)
		} else if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading Defect %s/%s: %w", n, name, err)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
	default:
		return nil, &action.ConflictError{Message: "several defects have this name: write one of " + strings.Join(places, ", ")}
	}
	if all, err := s.OpenDefects(ctx, DefectFilter{Namespace: namespace}); err == nil {
		for _, d := range all {
			names = append(names, d.Name)
		}
	}
	message := fmt.Sprintf("there is no defect %s in %s", name, strings.Join(namespaces, ", "))
	if near := text.Nearest(name, names); near != "" {
		message += ": did you mean " + near + "?"
	}
	return nil, &action.NotFoundError{Message: message}
}
