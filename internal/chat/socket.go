// SPDX-License-Identifier: Apache-2.0

package chat

import (
	"context"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// SocketConfig describes an app that receives by Socket Mode what people do.
type SocketConfig struct {
	// Token is an app-level token. It is a secret.
	Token string
	// APIURL is the base of the Web API. Empty means Slack's own.
	APIURL string
	// Namespace is the namespace on whose behalf the connections are opened.
	Namespace string
}

// Socket is a connection on which Slack sends to an app. All methods but Read may be called at any time.
type Socket interface {
	// Read returns the next message. It returns an error once the connection is closed or nothing is heard any more.
	Read() ([]byte, error)
	// Write sends a message. After an error the other side has not got it.
	Write(message []byte) error
	Close() error
}

// OpenSocket opens a connection for an app. Its error is a fault.
type OpenSocket func(context.Context, SocketConfig) (Socket, error)

// Codes of faults of Socket Mode: the reasons for which Slack closes connections, and CodeTooManyApps, which is ours.
const (
	CodeLinkDisabled      = "link_disabled"
	CodeTooManyWebSockets = "too_many_websockets"
	CodeTooManyApps       = "too_many_apps"
)

// SocketState is the state of an app's connections.
type SocketState struct {
	// Connected reports whether Slack sends to the app. It stays true while a connection is replaced.
	Connected bool
	// Fault is why a connection is missing; nil if none is, or if it is being opened.
	Fault *fault.Fault
}
