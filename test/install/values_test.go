// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// everything turns on every option of the chart.
const everything = "testdata/everything.yaml"

// templateEverything returns the objects of a release with every option.
func templateEverything(t *testing.T) manifests {
	t.Helper()
	out, err := helm(t, "template", release, chart, "--namespace", namespace, "--values", "test/install/"+everything)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

// TestEveryValue checks what the chart's options do to the Pods.
func TestEveryValue(t *testing.T) {
	built := templateEverything(t)
	d := built.deployment(t)
	pod := d.Spec.Template.Spec
	container := pod.Containers[0]
	for what, got := range map[string]bool{
		"replicas":          *d.Spec.Replicas == 2,
		"digest":            container.Image == "registry.example.com/operator@sha256:"+strings.Repeat("0123456789abcdef", 4),
		"pullPolicy":        container.ImagePullPolicy == corev1.PullAlways,
		"imagePullSecrets":  pod.ImagePullSecrets[0].Name == "registry",
		"resources":         container.Resources.Limits.Memory().String() == "512Mi",
		"nodeSelector":      pod.NodeSelector["disk"] == "fast",
		"affinity":          pod.Affinity.PodAntiAffinity != nil,
		"tolerations":       pod.Tolerations[0].Key == "spot",
		"topologySpread":    pod.TopologySpreadConstraints[0].LabelSelector.MatchLabels["app.kubernetes.io/instance"] == release+"-operator",
		"priorityClassName": pod.PriorityClassName == "high",
		"podAnnotations":    d.Spec.Template.Annotations["note"] == "x",
		"podLabels":         d.Spec.Template.Labels["team"] == "qa",
		"extraArgs":         slices.Contains(container.Args, "--call-timeout=20s"),
		"dashboardURL":      slices.Contains(container.Args, "--dashboard-url=https://voiceai.example.com"),
		"extraEnv":          slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == "HTTPS_PROXY" }),
		"trustedCAs": slices.Contains(container.Env, corev1.EnvVar{Name: "SSL_CERT_FILE", Value: "/etc/trusted-cas/all.pem"}) &&
			container.VolumeMounts[1].MountPath == "/etc/trusted-cas" && pod.Volumes[1].ConfigMap.Name == "cas",
		"secretName": pod.Volumes[0].Secret.SecretName == "api-cert",
	} {
		if !got {
			t.Errorf("%s has no effect: %+v", what, d.Spec)
		}
	}
}

// TestEveryObject checks the objects that options add, and the names in them.
func TestEveryObject(t *testing.T) {
	built := templateEverything(t)
	for kind, want := range map[string]int{
		"PodDisruptionBudget": 1, "NetworkPolicy": 1, "Ingress": 2, "HTTPRoute": 2, "BackendTLSPolicy": 1, "Certificate": 1, "ConfigMap": 2, "PrometheusRule": 1,
		"ServiceMonitor": 1, "PodMonitor": 1,
	} {
		if len(built[kind]) < want {
			t.Errorf("there are %d objects of kind %s, want %d", len(built[kind]), kind, want)
		}
	}
	pods := built.deployment(t).Spec.Template.Labels
	budget := decode[policyv1.PodDisruptionBudget](t, built["PodDisruptionBudget"][0])
	for key, value := range budget.Spec.Selector.MatchLabels {
		if pods[key] != value {
			t.Errorf("the PodDisruptionBudget selects Pods with %s: %s", key, value)
		}
	}
	var services []string
	for _, o := range built["Service"] {
		services = append(services, o.GetName())
	}
	for _, o := range built["Ingress"] {
		ingress := decode[networkingv1.Ingress](t, o)
		path := ingress.Spec.Rules[0].HTTP.Paths[0]
		if !slices.Contains(services, path.Backend.Service.Name) || ingress.Spec.TLS[0].SecretName == "" {
			t.Errorf("Ingress %s: %+v", ingress.Name, ingress.Spec)
		}
		if strings.HasSuffix(ingress.Name, "-edge") && path.Path != "/api/v1/webhooks/" {
			t.Errorf("the Ingress of the edge serves %s", path.Path)
		}
	}
	checkRoutes(t, built, services)
	monitor := labelsOf(t, built["PodMonitor"][0], "spec", "selector", "matchLabels")
	if !monitor.Matches(labels.Set(pods)) {
		t.Errorf("the PodMonitor selects %v", monitor)
	}
	if !slices.ContainsFunc(built["ConfigMap"], func(o unstructured.Unstructured) bool { return o.GetName() == release+"-extra" }) {
		t.Error("a string in extraObjects is no template")
	}
}

// labelsOf returns a selector of labels in an object.
func labelsOf(t *testing.T, o unstructured.Unstructured, fields ...string) labels.Selector {
	t.Helper()
	of, _, err := unstructured.NestedStringMap(o.Object, fields...)
	if err != nil || len(of) == 0 {
		t.Fatalf("%s %s has no %v: %v", o.GetKind(), o.GetName(), fields, err)
	}
	return labels.SelectorFromSet(of)
}

// checkRoutes checks that HTTPRoutes lead to Services that exist, by ports that they have, and those of the edge to
// webhooks only.
func checkRoutes(t *testing.T, built manifests, services []string) {
	t.Helper()
	for _, o := range built["HTTPRoute"] {
		rules, _, err := unstructured.NestedSlice(o.Object, "spec", "rules")
		if err != nil {
			t.Fatal(err)
		}
		rule, _ := json.Marshal(rules)
		wantPath, wantPort := `"value":"/"`, `"port":443`
		if strings.HasSuffix(o.GetName(), "-edge") {
			wantPath, wantPort = `"value":"/api/v1/webhooks/"`, `"port":8080`
		}
		isServed := slices.ContainsFunc(services, func(s string) bool { return strings.Contains(string(rule), `"name":"`+s+`"`) })
		if !isServed || !strings.Contains(string(rule), wantPath) || !strings.Contains(string(rule), wantPort) {
			t.Errorf("HTTPRoute %s: %s", o.GetName(), rule)
		}
	}
}

// TestChartIsAccepted applies what the chart renders, with the defaults and with every option, to an API server.
func TestChartIsAccepted(t *testing.T) {
	c, kubeconfig := cluster(t)
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	for _, args := range [][]string{nil, {"--values", "test/install/" + everything}} {
		out, err := helm(t, append([]string{"template", release, chart, "--namespace", namespace}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		apply := exec.CommandContext(t.Context(), kubectl, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
		apply.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
		apply.Stdin = strings.NewReader(withoutForeignKinds(string(out)))
		if printed, err := apply.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, printed)
		}
	}
}

// withoutForeignKinds removes the objects whose CRDs belong to other projects.
func withoutForeignKinds(text string) string {
	objects := slices.DeleteFunc(strings.Split(text, "\n---\n"), func(object string) bool {
		return slices.ContainsFunc([]string{"cert-manager.io", "gateway.networking.k8s.io", "monitoring.coreos.com"}, func(group string) bool {
			return strings.Contains(object, "apiVersion: "+group)
		})
	})
	return strings.Join(objects, "\n---\n")
}
