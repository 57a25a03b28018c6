// SPDX-License-Identifier: Apache-2.0

package main

import "go.uber.org/zap/zapcore"

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
