// SPDX-License-Identifier: Apache-2.0

// Package upgrade_test upgrades from an earlier version of the operator. testdata has the CRDs of that version, what its
// operator had stored in etcd, and its calls to Slack and Jira. Record them again after each release:
//
//	go test ./test/upgrade -run TestRecord -timeout 20m -args -record v0.1.0
package upgrade_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

const (
	root      = "../.."
	namespace = "default"
	// group is the prefix of the keys of the project's objects in etcd.
	group = "/registry/integrations.voiceai.dev/"
	// placeholder is the address of the sandbox in testdata.
	placeholder = "http://sandbox.example"
	// patience bounds each step.
	patience = 5 * time.Minute
)

// A world is a control plane with the CRDs of some version.
type world struct {
	t       *testing.T
	kube    client.Client
	etcd    string
	testbed *stage.Stage
}

// newWorld starts a control plane with the CRDs of a directory. The operator is the program of a directory.
func newWorld(t *testing.T, crds, programs string) *world {
	t.Helper()
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	environment, config, err := stage.StartEnvironment(stage.WithCRDs(crds))
	must(t, err)
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	must(t, err)
	kubeconfig, err := admin.KubeConfig()
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "kubeconfig"), kubeconfig, 0o600))
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	kube, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	return &world{t: t, kube: kube, etcd: environment.ControlPlane.Etcd.URL.String(), testbed: &stage.Stage{
		Dir: dir, Root: root, Bin: programs, Kubeconfig: filepath.Join(dir, "kubeconfig"), Exited: make(chan error, 1),
	}}
}

// must ends the test with an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a program in a directory with an input, and returns what it prints.
func run(t *testing.T, dir, input, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = dir
	command.Stdin = strings.NewReader(input)
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", program, args, err, out, log.String())
	}
	return string(out)
}

// kubectl runs kubectl on the cluster.
func (w *world) kubectl(input string, args ...string) {
	w.t.Helper()
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	run(w.t, root, input, kubectl, append([]string{"--kubeconfig", w.testbed.Kubeconfig, "-n", namespace}, args...)...)
}

// startOperator starts the operator and waits until it is ready.
func (w *world) startOperator(flags ...string) *stage.Process {
	w.t.Helper()
	port, err := stage.FreePort(w.t.Context())
	must(w.t, err)
	flags = append([]string{fmt.Sprintf("--health-probe-bind-address=127.0.0.1:%d", port)}, flags...)
	p, err := w.testbed.Start(context.Background(), "operator", []string{"KUBECONFIG=" + w.testbed.Kubeconfig},
		filepath.Join(w.testbed.Bin, "operator"), flags...)
	must(w.t, err)
	w.t.Cleanup(p.Kill)
	w.poll("the operator to be ready", func() string {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", port))
		if err != nil {
			return err.Error()
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return res.Status
		}
		return ""
	})
	return p
}

// poll waits until done returns "". Before that it returns what is missing.
func (w *world) poll(what string, done func() string) {
	w.t.Helper()
	missing := ""
	if err := w.testbed.Poll(w.t.Context(), what, func() (bool, error) {
		missing = done()
		return missing == "", nil
	}); err != nil {
		log, _ := os.ReadFile(filepath.Join(w.testbed.Dir, "operator.log"))
		w.t.Fatalf("%v: %s\n%s", err, missing, log[max(0, len(log)-8000):])
	}
}

// A pair is a key in etcd and its value. In JSON, etcd has both in base64.
type pair struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// callEtcd sends a request to etcd's gateway.
func (w *world) callEtcd(method string, in, out any) {
	w.t.Helper()
	body, err := json.Marshal(in)
	must(w.t, err)
	res, err := http.Post(w.etcd+"/v3/kv/"+method, "application/json", bytes.NewReader(body))
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(w.t, err)
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("etcd answers %s: %s", res.Status, raw)
	}
	must(w.t, json.Unmarshal(raw, out))
}

// stored returns the project's objects as the API server has stored them.
func (w *world) stored() map[string]json.RawMessage {
	w.t.Helper()
	end := []byte(group)
	end[len(end)-1]++
	var found struct {
		Kvs []pair `json:"kvs"`
	}
	w.callEtcd("range", map[string]string{
		"key": base64.StdEncoding.EncodeToString([]byte(group)), "range_end": base64.StdEncoding.EncodeToString(end),
	}, &found)
	out := map[string]json.RawMessage{}
	for _, p := range found.Kvs {
		out[string(p.Key)] = p.Value
	}
	return out
}

// store stores objects as the API server does. So they keep their UIDs.
func (w *world) store(objects map[string]json.RawMessage) {
	w.t.Helper()
	for key, value := range objects {
		w.callEtcd("put", pair{Key: []byte(key), Value: value}, &struct{}{})
	}
}
