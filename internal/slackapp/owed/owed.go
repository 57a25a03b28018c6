// SPDX-License-Identifier: Apache-2.0

// Package owed keeps the answers for which people in Slack wait, so that each comes although the process that owes it is
// killed. Any replica records one as an annotation of the SlackIntegration, and removes it once it has answered. The leader
// gives the answers that no replica gave in time, and those that wait for the end of a run.
//
// A record has no secret: the leader answers by the bot token, not by the response URL of what the person did.
package owed

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

const (
	// maxOwed bounds the answers that an integration owes. The annotations of an object have 256 KiB.
	maxOwed = 200
	// maxRecord bounds a record, in bytes.
	maxRecord = 1024
	// maxAsked bounds what was asked for, in bytes.
	maxAsked = 200
)

// Answer is an answer for which a person waits.
type Answer struct {
	// User is the person. Channel and ThreadTS are where the person acted; a form has neither.
	User     string `json:"user"`
	Channel  string `json:"channel,omitempty"`
	ThreadTS string `json:"thread,omitempty"`
	// Asked is what the person did, in words such as "the command run".
	Asked string `json:"asked"`
	// At is when. Due is when the leader answers instead of the replica that was to do so.
	At  time.Time `json:"at"`
	Due time.Time `json:"due"`
	// Namespace and Run name the Job at whose end the answer is due; empty for an act.
	Namespace string `json:"namespace,omitempty"`
	Run       string `json:"run,omitempty"`
}

// key returns the annotation of an answer.
func key(id string) string {
	sum := sha256.Sum256([]byte(id))
	return v1alpha1.SlackAnswerAnnotationPrefix + hex.EncodeToString(sum[:10])
}

var (
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]{1,31}$`)
	channelID = regexp.MustCompile(`^([A-Z][A-Z0-9]{1,31})?$`)
	timestamp = regexp.MustCompile(`^([0-9]{1,12}\.[0-9]{1,8})?$`)
)

// errMalformed is the error of an annotation that the operator did not write.
var errMalformed = errors.New("it is not a record of an answer")

// decode decodes a record. All users who may write the integration can write one, so its form is checked.
func decode(raw string) (Answer, error) {
	a := Answer{}
	if len(raw) > maxRecord {
		return a, errMalformed
	}
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		return a, err
	}
	isRun := a.Run != "" || a.Namespace != ""
	switch {
	case !userID.MatchString(a.User), !channelID.MatchString(a.Channel), !timestamp.MatchString(a.ThreadTS),
		len(a.Asked) > maxAsked, a.At.IsZero(),
		isRun && len(validation.IsDNS1123Label(a.Namespace))+len(validation.IsDNS1123Subdomain(a.Run)) > 0:
		return a, errMalformed
	}
	return a, nil
}

// count returns how many answers an integration owes.
func count(i *v1alpha1.SlackIntegration) (n int) {
	for k := range i.Annotations {
		if strings.HasPrefix(k, v1alpha1.SlackAnswerAnnotationPrefix) {
			n++
		}
	}
	return n
}
