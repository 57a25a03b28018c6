package main

import (
	"context"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update,namespace=system

const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// leader is whether this process may act, and since when it is the leader.
type leader struct {
	fence func() error
	since func() leadership.Start
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
	lock, err := newLock(config, f, clock)
	if err != nil {
		return leader{}, err
	}
	// If no replica holds the lease, this process counts as the leader since this read. See leadership.Lock.
	if _, _, err := lock.Get(ctx); err != nil && !apierrors.IsNotFound(err) {
		return leader{}, fmt.Errorf("reading the lease: %w", err)
	}
	times := leadership.TimesOf(f.leaseDuration)
	o.LeaderElection = true
	o.LeaderElectionResourceLockInterface = lock
	o.LeaderElectionReleaseOnCancel = true
	o.LeaseDuration = &times.Duration
	o.RenewDeadline = &times.Deadline
	o.RetryPeriod = &times.Period
	return leader{fence: lock.Fence, since: lock.LeaderSince}, nil
}

// newLock returns the lock of the leader: a lease in the Pod's namespace, or in the one that the flags name.
func newLock(config *rest.Config, f leaderFlags, clock *leadership.ServerClock) (*leadership.Lock, error) {
	namespace := f.namespace
	if namespace == "" {
		raw, err := os.ReadFile(namespaceFile)
		if err != nil {
			return nil, fmt.Errorf("finding the Pod's namespace; outside a Pod set --leader-election-namespace: %w", err)
		}
		namespace = string(raw)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("finding the host's name: %w", err)
	}
	core, err := corev1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	coordination, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, "voiceai-integrations", core, coordination,
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())})
	if err != nil {
		return nil, fmt.Errorf("setting up the lease: %w", err)
	}
	return leadership.NewLock(lock, f.leaseDuration, time.Now, clock), nil
}
