// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// version is the version of the operator. make build sets it from the tags in git.
var version string

// versionText returns the version, and what the operator was built with.
func versionText() string {
	return fmt.Sprintf("%s (%s, %s/%s)", operatorVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// operatorVersion returns the version that the build set or, after go install, that of the module.
func operatorVersion() string {
	module := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		module = info.Main.Version
	}
	return cmp.Or(version, module, "(devel)")
}

func init() {
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "voiceai_build_info",
		Help: "1, by the version of the operator and of Go.",
	}, []string{"version", "goversion"})
	build.WithLabelValues(operatorVersion(), runtime.Version()).Set(1)
	metrics.Registry.MustRegister(build)
}
