// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"net/netip"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// TestNetworkPolicy checks that the NetworkPolicy selects the Pods of its installation, lets in every port that they
// serve, and lets nothing out but DNS and HTTPS.
func TestNetworkPolicy(t *testing.T) {
	const dir = "test/install/testdata/networkpolicy"
	found := build(t, dir)["NetworkPolicy"]
	if len(found) != 1 {
		t.Fatalf("%d NetworkPolicies", len(found))
	}
	policy := decode[networkingv1.NetworkPolicy](t, found[0])
	selector := labels.SelectorFromSet(policy.Spec.PodSelector.MatchLabels)
	pod := build(t, dir).deployment(t).Spec.Template
	if policy.Namespace != "fenced" || !selector.Matches(labels.Set(pod.Labels)) {
		t.Errorf("%s/%s does not select the Pods with %v", policy.Namespace, policy.Name, pod.Labels)
	}
	for _, other := range installations {
		if selector.Matches(labels.Set(build(t, other).deployment(t).Spec.Template.Labels)) {
			t.Errorf("the policy selects the Pods of %s", other)
		}
	}
	want := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	if !slices.Equal(policy.Spec.PolicyTypes, want) {
		t.Errorf("the policy limits %v", policy.Spec.PolicyTypes)
	}
	in := ports(policy.Spec.Ingress[0].Ports)
	for _, p := range pod.Spec.Containers[0].Ports {
		if !slices.Contains(in, int(p.ContainerPort)) {
			t.Errorf("port %s is closed", p.Name)
		}
	}
	for _, rule := range policy.Spec.Egress {
		out := ports(rule.Ports)
		if len(rule.To) == 0 && !slices.Equal(out, []int{53, 53}) || len(rule.To) > 0 && !slices.Equal(out, []int{443, 6443}) {
			t.Errorf("connections to %v are let out to ports %v", rule.To, out)
		}
		for _, to := range rule.To {
			checkBlock(t, to.IPBlock)
		}
	}
}

// ports returns the numbers of ports.
func ports(of []networkingv1.NetworkPolicyPort) []int {
	var out []int
	for _, p := range of {
		out = append(out, p.Port.IntValue())
	}
	return out
}

// checkBlock checks that a block is valid and leaves out the metadata services of clouds.
func checkBlock(t *testing.T, block *networkingv1.IPBlock) {
	t.Helper()
	within, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe"} {
		metadata := netip.MustParseAddr(text)
		isLeftOut := slices.ContainsFunc(block.Except, func(e string) bool { return netip.MustParsePrefix(e).Contains(metadata) })
		if within.Contains(metadata) && !isLeftOut {
			t.Errorf("%s may be reached", text)
		}
	}
}
