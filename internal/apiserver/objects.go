// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"net/http"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
)

// Match are the parameters of a write of what the caller has read.
type Match struct {
	IfMatch string `header:"If-Match" maxLength:"256" doc:"The ETag that was read: 412 when it is another one now."`
}

// NoneMatch are the parameters of a write of a new object.
type NoneMatch struct {
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"Only create: 412 when it exists already."`
}

// specTag returns the ETag of an object's spec. Unlike the resourceVersion it stays when only the status changes,
// which for an integration is all the time: an edit is not out of date because a message was sent meanwhile.
func specTag(o client.Object) string {
	uid := string(o.GetUID())
	return fmt.Sprintf(`"%s-%d"`, uid[:min(8, len(uid))], o.GetGeneration())
}

// wholeTag returns the ETag of an object with its status.
func wholeTag(o client.Object) string { return `"` + o.GetResourceVersion() + `"` }

// checkMatch returns a problem unless the tag of an object is one of those that a caller wants in If-Match.
func checkMatch(wanted, tag string) error {
	if wanted == "" || wanted == "*" {
		return nil
	}
	for _, w := range strings.Split(wanted, ",") {
		if strings.TrimSpace(w) == tag {
			return nil
		}
	}
	return problem.New(http.StatusPreconditionFailed, "it was changed since you read it: read it again (its ETag is %s now) and repeat", tag)
}
