// SPDX-License-Identifier: Apache-2.0

// Command argodiff reads a JSON list of objects as they are in git and as they are in a cluster, and prints those of which
// Argo CD would say that they are out of sync, with what differs.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// pair is an object in git and in the cluster.
type pair struct {
	Desired *unstructured.Unstructured `json:"desired"`
	Live    *unstructured.Unstructured `json:"live"`
}

func main() {
	if err := compare(); err != nil {
		fmt.Fprintln(os.Stderr, "argodiff:", err)
		os.Exit(1)
	}
}

// compare prints what differs in the objects of the standard input.
func compare() error {
	var pairs []pair
	if err := json.NewDecoder(os.Stdin).Decode(&pairs); err != nil {
		return err
	}
	for _, p := range pairs {
		result, err := diff.Diff(p.Desired, p.Live)
		if err != nil {
			return fmt.Errorf("%s %s: %w", p.Desired.GetKind(), p.Desired.GetName(), err)
		}
		if result.Modified {
			fmt.Printf("%s %s\n  in the cluster: %s\n  after a sync: %s\n",
				p.Desired.GetKind(), p.Desired.GetName(), result.NormalizedLive, result.PredictedLive)
		}
	}
	return nil
}
