// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// leaseName is the name of the Lease in each namespace of an operator that watches some namespaces.
	leaseName = "voiceai-integrations"
	// clusterLeaseName is the name of the Lease of an operator that watches all namespaces.
	clusterLeaseName = "voiceai-integrations-cluster"
)

// Territory is the namespaces on whose objects an operator acts.
type Territory struct {
	// Namespaces are the namespaces; empty means all.
	Namespaces []string
	// ClusterNamespace is the namespace of the Lease of an operator that watches all namespaces. Operators exclude each
	// other only if they agree on it.
	ClusterNamespace string
}

// isCluster reports whether the territory is all namespaces.
func (t Territory) isCluster() bool { return len(t.Namespaces) == 0 }

// clusterLease returns the Lease of an operator that watches all namespaces.
func (t Territory) clusterLease() types.NamespacedName {
	return types.NamespacedName{Namespace: t.ClusterNamespace, Name: clusterLeaseName}
}

// leases returns the Leases that an operator of the territory holds, in the order in which all operators acquire them.
func (t Territory) leases() []types.NamespacedName {
	if t.isCluster() {
		return []types.NamespacedName{t.clusterLease()}
	}
	out := make([]types.NamespacedName, 0, len(t.Namespaces))
	for _, namespace := range t.Namespaces {
		out = append(out, types.NamespacedName{Namespace: namespace, Name: leaseName})
	}
	slices.SortFunc(out, func(a, b types.NamespacedName) int { return strings.Compare(a.Namespace, b.Namespace) })
	return slices.Compact(out)
}

// Replica is one process of an installation.
type Replica struct {
	// Installation identifies the installation; all its replicas have the same.
	Installation string
	// Name differs between all replicas. It has no slash.
	Name string
	// Namespace is the namespace of the replica's Pod; empty outside a Pod.
	Namespace string
}

// identity returns what a Lease names as its holder.
func (r Replica) identity() string { return r.Installation + "/" + r.Name }

// isOfSameInstallation reports whether the holder of a Lease is a replica of the same installation. Versions that held
// a Lease in their Pod's namespace named no installation.
func (r Replica) isOfSameInstallation(holder string, lease types.NamespacedName) bool {
	installation := installationOf(holder)
	if installation == "" {
		return lease.Namespace == r.Namespace
	}
	return installation == r.Installation
}

// installationOf returns the installation of a Lease's holder; empty when it names none.
func installationOf(holder string) string {
	return holder[:max(strings.LastIndex(holder, "/"), 0)]
}

// ConflictError reports that another installation acts on the same objects.
type ConflictError struct {
	// Lease is held by the other installation, as Holder.
	Lease  types.NamespacedName
	Holder string
}

func (e *ConflictError) Error() string {
	where := fmt.Sprintf("namespace %s", e.Lease.Namespace)
	if e.Lease.Name == clusterLeaseName {
		where = "all namespaces"
	}
	return fmt.Sprintf("another installation acts on the objects of %s: %s holds Lease %s. "+
		"This one does nothing. Remove one of them, or give both --watch-namespaces without a common namespace", where, e.Holder, e.Lease)
}
