// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	uberzap "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// newLogger returns the logger that flags ask for. It shows no bodies, and drops no lines when many are alike: the story
// of a Defect is whole in a burst, too.
func newLogger(o *zap.Options) logr.Logger {
	o.Level = withoutBodies(o.Level)
	var whole zapcore.Core
	o.ZapOpts = append(o.ZapOpts, uberzap.WrapCore(func(c zapcore.Core) zapcore.Core { whole = c; return c }))
	sampled := zap.NewRaw(zap.UseFlagOptions(o))
	return zapr.NewLogger(sampled.WithOptions(uberzap.WrapCore(func(zapcore.Core) zapcore.Core { return whole })))
}

// maxVerbosity is the highest --zap-log-level that counts. From 7 on, client-go logs headers, and from 8 on the bodies
// of requests and answers, which may be Secrets and tokens.
const maxVerbosity = 6

// withoutBodies returns a level that is at most as verbose as maxVerbosity; nil, which is the default, as it is.
func withoutBodies(level zapcore.LevelEnabler) zapcore.LevelEnabler {
	if level == nil || !level.Enabled(-maxVerbosity-1) {
		return level
	}
	return zapcore.Level(-maxVerbosity)
}
