// SPDX-License-Identifier: Apache-2.0

// Package paths has the paths of the REST API that are not treated like all others.
package paths

import "net/http"

const (
	// Watch is a stream: it does not count as in flight, and allows only GET.
	Watch = "/api/v1/watch"
	// Access may be read by every authenticated caller. Its answer has no position.
	Access = "/api/v1/access"
	// Events brings CloudEvents.
	Events = "/api/v1/events"
	// Alertmanager brings alerts.
	Alertmanager = "/api/v1/webhooks/alertmanager"
)

// BringsEvents reports whether a request brings events.
func BringsEvents(r *http.Request) bool { return r.URL.Path == Events || r.URL.Path == Alertmanager }
