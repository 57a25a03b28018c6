// SPDX-License-Identifier: Apache-2.0

// Package paths has the paths of the REST API that are not treated like all others, and those of objects.
package paths

import (
	"net/http"

	"k8s.io/apimachinery/pkg/types"
)

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

// Of returns the path of an object in a collection, such as defects.
func Of(collection string, key types.NamespacedName) string {
	return "/api/v1/" + collection + "/" + key.Name + "?namespace=" + key.Namespace
}
