// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
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

// TestNetworkPolicyFrom checks who reaches which port where values of the chart say so.
func TestNetworkPolicyFrom(t *testing.T) {
	policy := decode[networkingv1.NetworkPolicy](t, templateEverything(t)["NetworkPolicy"][0])
	got := map[int]string{}
	for _, rule := range policy.Spec.Ingress {
		var from []string
		for _, peer := range rule.From {
			from = append(from, peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName])
		}
		for _, port := range ports(rule.Ports) {
			got[port] += strings.Join(from, ",")
		}
	}
	if want := map[int]string{8090: "ingress", 8091: "", 8443: "monitoring", 8081: ""}; !maps.Equal(got, want) {
		t.Errorf("the ports are reached from %v, want %v", got, want)
	}
	if out := ports(policy.Spec.Egress[1].Ports); !slices.Equal(out, []int{443}) {
		t.Errorf("connections are let out to ports %v", out)
	}
}

// TestPoliciesOfTwoInstallers checks that config/policy has what the API server would set, in lists and maps that have one
// owner as a whole: otherwise the second one has a conflict.
func TestPoliciesOfTwoInstallers(t *testing.T) {
	for _, o := range build(t, "config/policy")["ValidatingAdmissionPolicy"] {
		policy := decode[admissionv1.ValidatingAdmissionPolicy](t, o)
		match := policy.Spec.MatchConstraints
		rule := match.ResourceRules[0].Rule
		if ptr.Deref(match.MatchPolicy, "") != admissionv1.Equivalent || match.NamespaceSelector == nil || match.ObjectSelector == nil ||
			ptr.Deref(rule.Scope, "") != admissionv1.AllScopes {
			t.Errorf("%s leaves something to the API server: %+v", policy.Name, match)
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
