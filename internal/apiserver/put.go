// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

// putOf is an object to create or change.
type putOf struct {
	key       types.NamespacedName
	before    client.Object
	isNew     bool
	match     Match
	noneMatch NoneMatch
	// editAnyway lets the caller change an object that kubectl applied.
	editAnyway bool
}

// checkPut checks permissions, preconditions and managers of an object to create or change.
func (s *Server) checkPut(ctx context.Context, r action.Resource, p putOf) error {
	if p.isNew {
		if p.match.IfMatch != "" {
			return problem.New(http.StatusPreconditionFailed, "%s does not exist any more: leave out If-Match to create it", p.key)
		}
		return s.permissions.Require(ctx, "create", r, caller.In(p.key.Namespace))
	}
	if err := s.permissions.Require(ctx, "update", r, p.key); err != nil {
		return err
	}
	if p.noneMatch.IfNoneMatch == "*" {
		return problem.New(http.StatusPreconditionFailed, "%s exists already: leave out If-None-Match to change it", p.key)
	}
	if err := checkMatch(p.match.IfMatch, specTag(p.before)); err != nil {
		return err
	}
	if p.editAnyway && action.IsKubectl(action.Manager(p.before, "spec")) {
		return nil
	}
	return action.CheckUnmanaged(p.before, "spec")
}

// retryConflicts repeats a write while another client is faster.
func retryConflicts[T any](write func() (T, error)) (out T, err error) {
	for range action.MaxAttempts {
		out, err = write()
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			break
		}
	}
	return out, err
}

// write creates an object, or updates it if before is not nil.
func (s *Server) write(ctx context.Context, before, o client.Object) error {
	if before == nil {
		return s.o.Client.Create(ctx, o, action.FieldOwner)
	}
	return s.updater().Update(ctx, before, o)
}

// dryRun returns the error of the API server that write would return, and changes nothing.
func (s *Server) dryRun(ctx context.Context, before, o client.Object) error {
	attempt, _ := o.DeepCopyObject().(client.Object)
	if before == nil {
		return s.o.Client.Create(ctx, attempt, client.DryRunAll, action.FieldOwner)
	}
	return s.updater().Update(ctx, before, attempt, client.DryRunAll)
}

func (s *Server) updater() action.Updater { return action.Updater{Client: s.o.Client, Live: s.o.Live} }

func putStatus(isNew bool) int {
	if isNew {
		return http.StatusCreated
	}
	return http.StatusOK
}

// remove deletes an object that was read, if it is still what the caller read, and no tool manages it.
func (s *Server) remove(ctx context.Context, o client.Object, wanted, kind string) error {
	var err error
	for range action.MaxAttempts {
		if err := checkMatch(wanted, specTag(o)); err != nil {
			return err
		}
		if err := action.CheckUnmanaged(o, "spec"); err != nil {
			return problem.From(ctx, err, "")
		}
		uid := o.GetUID()
		version := o.GetResourceVersion()
		err = s.o.Client.Delete(ctx, o, client.Preconditions{UID: &uid, ResourceVersion: &version})
		if !apierrors.IsConflict(err) {
			break
		}
		if err = s.o.Live.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			break
		}
	}
	return problem.From(ctx, err, "deleting "+kind+" "+o.GetName())
}
