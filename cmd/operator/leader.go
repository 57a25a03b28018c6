// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,resourceNames=voiceai-integrations,verbs=get;list;create;update
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,resourceNames=voiceai-integrations-cluster,verbs=get;list;create;update

const (
	namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	// serviceAccountPrefix begins the names of users that are ServiceAccounts.
	serviceAccountPrefix = "system:serviceaccount:"
)

// leader is whether this process may act, and since when it is the leader.
type leader struct {
	fence func() error
	since func() leadership.Start
	// conflict returns an error if another installation acts on the same objects; nil means none does.
	conflict func() error
}

// electLeader adds leader election to the options of the manager, if the flags ask for it. Otherwise this process
// leads since started.
func electLeader(
	ctx context.Context, config *rest.Config, f leaderFlags, clock *leadership.ServerClock, o *ctrl.Options,
) (leader, error) {
	if !f.elect {
		started := time.Now()
		return leader{
			fence: func() error { return nil }, since: func() leadership.Start { return clock.StartAt(started) },
		}, nil
	}
	claims, err := newClaims(ctx, config, f)
	if err != nil {
		return leader{}, err
	}
	lock := leadership.NewLock(claims, f.leaseDuration, time.Now, clock)
	// If no replica holds the lease, this process counts as the leader since this read. See leadership.Lock.
	if _, _, err := lock.Get(ctx); err != nil && claims.Conflict() == nil {
		return leader{}, fmt.Errorf("reading the lease: %w", err)
	}
	times := leadership.TimesOf(f.leaseDuration)
	o.LeaderElection = true
	o.LeaderElectionID = "voiceai-integrations" // the label name of leader_election_master_status
	o.LeaderElectionResourceLockInterface = lock
	o.LeaderElectionReleaseOnCancel = true
	o.LeaseDuration = &times.Duration
	o.RenewDeadline = &times.Deadline
	o.RetryPeriod = &times.Period
	return leader{fence: lock.Fence, since: lock.LeaderSince, conflict: claims.Conflict}, nil
}

// newClaims returns the claims of this replica on the namespaces that it watches.
func newClaims(ctx context.Context, config *rest.Config, f leaderFlags) (*leadership.Claims, error) {
	leases, err := coordinationclient.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	reviews, err := authenticationclient.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	replica, err := thisReplica(ctx, reviews)
	if err != nil {
		return nil, err
	}
	territory := leadership.Territory{Namespaces: f.watch, ClusterNamespace: f.namespace}
	return leadership.NewClaims(leases, territory, replica, f.leaseDuration, time.Now, logConflict), nil
}

// thisReplica identifies this process. Its installation is its ServiceAccount, which differs between two overlays of the
// manifests also in one namespace.
func thisReplica(ctx context.Context, reviews authenticationclient.SelfSubjectReviewsGetter) (leadership.Replica, error) {
	host, err := os.Hostname()
	if err != nil {
		return leadership.Replica{}, fmt.Errorf("finding the host's name: %w", err)
	}
	namespace, err := os.ReadFile(namespaceFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return leadership.Replica{}, fmt.Errorf("finding the Pod's namespace: %w", err)
	}
	user, err := ownAccount(ctx, reviews)
	if err != nil {
		return leadership.Replica{}, err
	}
	if account, ok := strings.CutPrefix(user, serviceAccountPrefix); ok {
		user = strings.Replace(account, ":", "/", 1)
	}
	return leadership.Replica{
		Installation: user, Name: host + "_" + string(uuid.NewUUID()), Namespace: string(namespace),
	}, nil
}

// ownAccount returns the user name of this process at the API server.
func ownAccount(ctx context.Context, reviews authenticationclient.SelfSubjectReviewsGetter) (string, error) {
	self, err := reviews.SelfSubjectReviews().Create(
		ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("finding the own ServiceAccount: %w", err)
	}
	return self.Status.UserInfo.Username, nil
}

// logConflict logs that another installation acts on the same objects, and with nil that none does any more.
func logConflict(err error) {
	if err != nil {
		ctrl.Log.Error(err, "Not ready")
		return
	}
	ctrl.Log.Info("No other installation acts on the same objects")
}
