// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// fakeSockets records what it keeps.
type fakeSockets struct {
	state   chat.SocketState
	config  map[types.NamespacedName]chat.SocketConfig
	version map[types.NamespacedName]string
	kept    int
}

func (f *fakeSockets) Keep(n types.NamespacedName, version string, c chat.SocketConfig) {
	f.config[n] = c
	f.version[n] = version
	f.kept++
}
func (f *fakeSockets) Version(n types.NamespacedName) string       { return f.version[n] }
func (f *fakeSockets) State(types.NamespacedName) chat.SocketState { return f.state }
func (f *fakeSockets) Drop(n types.NamespacedName) {
	delete(f.config, n)
	delete(f.version, n)
}

// withSockets gives a world Socket Mode, and the Secret "app" with a token.
func withSockets(w *world) *fakeSockets {
	f := &fakeSockets{config: map[types.NamespacedName]chat.SocketConfig{}, version: map[types.NamespacedName]string{}}
	w.slackReconcile.Sockets = f
	w.create(appSecret("xapp-1"))
	return f
}

func appSecret(token string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "app"}, Data: map[string][]byte{"token": []byte(token)},
	}
}

func socketMode(i *v1alpha1.SlackIntegration) {
	i.Spec.AppTokenSecretRef = &v1alpha1.SecretKeyReference{Name: "app", Key: "token"}
}

// receiving returns the condition Receiving as status, reason and message.
func receiving(w *world, i *v1alpha1.SlackIntegration) string {
	c := condition.Get(get(w, i), v1alpha1.ConditionReceiving)
	if c == nil {
		return ""
	}
	return string(c.Status) + "/" + c.Reason + " " + c.Message
}

// TestReceiving checks how the state of the connections is shown. Without them messages are sent all the same.
func TestReceiving(t *testing.T) {
	const degraded = "True/Accepted True/Degraded True/Ready"
	f := func(kind fault.Kind, code string) *fault.Fault {
		return &fault.Fault{Kind: kind, Code: code, Message: "Why."}
	}
	for name, c := range map[string]struct {
		state                 chat.SocketState
		receiving, conditions string
	}{
		"connecting":      {chat.SocketState{}, "Unknown/Progressing The operator is connecting", works},
		"connected":       {chat.SocketState{Connected: true}, "True/Connected Slack sends by Socket Mode", works},
		"by one":          {chat.SocketState{Connected: true, Fault: f(fault.Unavailable, "")}, "True/Connected Slack sends by one connection instead of two: Why.", works},
		"wrong token":     {chat.SocketState{Fault: f(fault.Unauthorized, "invalid_auth")}, "False/Unauthorized Why.", degraded},
		"no answer":       {chat.SocketState{Fault: f(fault.Unavailable, "")}, "False/Unavailable Why.", degraded},
		"rate limit":      {chat.SocketState{Fault: f(fault.RateLimited, "429")}, "False/RateLimited Why.", degraded},
		"refused address": {chat.SocketState{Fault: f(fault.Invalid, "AddressRefused")}, "False/AddressRefused Why.", degraded},
		"turned off":      {chat.SocketState{Fault: f(fault.Unavailable, chat.CodeLinkDisabled)}, "False/SocketModeOff Why.", degraded},
		"too many":        {chat.SocketState{Fault: f(fault.Unavailable, chat.CodeTooManyWebSockets)}, "False/TooManyConnections Why.", degraded},
	} {
		inWorld(t, func(w *world) {
			sockets := withSockets(w)
			sockets.state = c.state
			i := bot(socketMode)
			w.create(i)
			w.settle()
			if got := receiving(w, i); !strings.HasPrefix(got, c.receiving) {
				t.Errorf("%s: got %q, want %q", name, got, c.receiving)
			}
			message := ""
			if c.conditions == degraded {
				message = "Commands and clicks in Slack do not arrive. Why."
			}
			wantConditions(w, i, c.conditions, message)
		})
	}
}

// TestTheAppToken follows the token of Socket Mode in its Secret.
func TestTheAppToken(t *testing.T) {
	inWorld(t, func(w *world) {
		sockets := withSockets(w)
		sockets.state = chat.SocketState{Connected: true}
		i := bot(socketMode)
		w.create(i)
		w.settle()
		want := chat.SocketConfig{Token: "xapp-1", Namespace: "a"}
		if sockets.config[slackName] != want || sockets.kept != 1 {
			t.Errorf("kept %d times: %+v", sockets.kept, sockets.config)
		}
		w.run(time.Hour)
		if sockets.kept != 1 {
			t.Errorf("without a change it is kept %d times", sockets.kept)
		}
		change(w, appSecret(""), func(s *corev1.Secret) { s.Data["token"] = []byte("xapp-2") })
		w.settle()
		if sockets.config[slackName].Token != "xapp-2" {
			t.Errorf("after a change of the Secret: %+v", sockets.config)
		}
		change(w, i, func(i *v1alpha1.SlackIntegration) {
			i.Spec.APIURL = "https://slack-gov.com/api/"
			i.Spec.Suspend = true
		})
		w.settle()
		if sockets.config[slackName].APIURL != "https://slack-gov.com/api/" || receiving(w, i) == "" {
			t.Errorf("of a suspended integration: %+v", sockets.config)
		}
		for token, want := range map[string]string{
			"": "False/SecretKeyNotFound", "xoxb-1": "False/SecretInvalid", "two words": "False/SecretInvalid",
		} {
			change(w, appSecret(""), func(s *corev1.Secret) { s.Data = map[string][]byte{"token": []byte(token)} })
			w.settle()
			if got := receiving(w, i); !strings.HasPrefix(got, want) || len(sockets.config) > 0 {
				t.Errorf("token %q: got %q, kept %+v", token, got, sockets.config)
			}
		}
		w.delete(appSecret(""))
		w.settle()
		if got := receiving(w, i); !strings.HasPrefix(got, "False/SecretNotFound") || !strings.Contains(got, "spec.appTokenSecretRef") {
			t.Errorf("without a Secret: %q", got)
		}
		w.create(appSecret("xapp-3"))
		w.settle()
		if sockets.config[slackName].Token != "xapp-3" || !strings.HasPrefix(receiving(w, i), "True/Connected") {
			t.Errorf("once the Secret is there: %+v", sockets.config)
		}
		change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.AppTokenSecretRef = nil })
		w.settle()
		if len(sockets.config) > 0 || receiving(w, i) != "" {
			t.Errorf("without the field: %+v, %q", sockets.config, receiving(w, i))
		}
		change(w, i, socketMode)
		w.settle()
		w.delete(i)
		w.settle()
		if len(sockets.config) > 0 {
			t.Errorf("of a deleted integration: %+v", sockets.config)
		}
	})
}

// TestListeningGoesOnWithoutABot connects even if the bot token does not work.
func TestListeningGoesOnWithoutABot(t *testing.T) {
	inWorld(t, func(w *world) {
		sockets := withSockets(w)
		sockets.state = chat.SocketState{Connected: true}
		w.setSecret(map[string][]byte{})
		i := bot(socketMode)
		w.create(i)
		w.settle()
		if len(sockets.config) != 1 || !strings.HasPrefix(receiving(w, i), "True/") {
			t.Errorf("kept %+v, %q", sockets.config, receiving(w, i))
		}
	})
}
