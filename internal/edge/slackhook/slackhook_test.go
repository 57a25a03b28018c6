// SPDX-License-Identifier: Apache-2.0

package slackhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
)

const (
	commandsPath     = "/api/v1/webhooks/slack/commands"
	interactionsPath = "/api/v1/webhooks/slack/interactions"
	eventsPath       = "/api/v1/webhooks/slack/events"
)

// The vector that Slack publishes, https://docs.slack.dev/authentication/verifying-requests-from-slack.
const (
	publishedSecret    = "8f742231b10e8888abcd99yyyzzz85a5"
	publishedTime      = 1531420618
	publishedSignature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	publishedBody      = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&" +
		"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&" +
		"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&" +
		"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

var at = time.Unix(publishedTime, 0)

// receiver records what is handed over.
type receiver struct {
	got []slackapp.Delivery
	err error
}

func (r *receiver) Receive(_ context.Context, d slackapp.Delivery) (json.RawMessage, error) {
	r.got = append(r.got, d)
	if d.Event != nil && d.Event.Challenge != "" {
		return json.RawMessage(`{"challenge":"` + d.Event.Challenge + `"}`), r.err
	}
	return json.RawMessage(`{"text":"done"}`), r.err
}

type fixture struct {
	*receiver
	handler http.Handler
	client  client.Client
	clock   *testingclock.FakePassiveClock
}

// integration returns an integration of a workspace, in a namespace of its name, with a Secret.
func integration(name, team, app, secret string) []client.Object {
	i := &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "slack", UID: types.UID("uid-" + name)},
		Spec: v1alpha1.SlackIntegrationSpec{
			AppID: v1alpha1.SlackAppID(app), SigningSecretRef: &v1alpha1.SecretKeyReference{Name: "slack", Key: "signing-secret"},
		},
	}
	i.Status.TeamID = team
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "slack"}}
	s.Data = map[string][]byte{"signing-secret": []byte(secret)}
	return []client.Object{i, s}
}

func newFixture(t *testing.T, objects ...[]client.Object) *fixture {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(slices.Concat(objects...)...).Build()
	f := &fixture{receiver: &receiver{}, client: c, clock: testingclock.NewFakePassiveClock(at)}
	o := Options{Client: c, Live: c, Clock: f.clock, Receiver: f.receiver}
	f.handler = edge.New("", Routes(o)...).Handler
	return f
}

func (f *fixture) send(path, body, signature string, seconds int64) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("X-Slack-Signature", signature)
	r.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(seconds))
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// signed sends a request that is signed with a secret.
func (f *fixture) signed(path, body, secret string) *httptest.ResponseRecorder {
	return f.send(path, body, sign(secret, body, publishedTime), publishedTime)
}

func sign(secret, body string, seconds int64) string {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(h, "v0:%d:%s", seconds, body)
	return "v0=" + hex.EncodeToString(h.Sum(nil))
}

func TestPublishedVector(t *testing.T) {
	f := newFixture(t, integration("qa", "T1DC2JH3J", "", publishedSecret))
	w := f.send(commandsPath, publishedBody, publishedSignature, publishedTime)
	if w.Code != http.StatusOK || w.Body.String() != `{"text":"done"}` || len(f.got) != 1 {
		t.Fatalf("status %d, body %s, %d requests", w.Code, w.Body, len(f.got))
	}
	c := f.got[0].Command
	if c.Name != "/webhook-collect" || c.ID != "U2CERLKJA" || !strings.HasSuffix(c.ResponseURL, "96rGlfmibIGlgcZRskXaIFfN") {
		t.Errorf("the command is %+v", c)
	}
}

// TestRefusals checks that no request that is not signed is handed over, and that all are answered alike.
func TestRefusals(t *testing.T) {
	f := newFixture(t, integration("qa", "T1DC2JH3J", "A1", publishedSecret),
		integration("other", "T2", "", "secret of T2"))
	const ofAnotherApp = publishedBody + "&api_app_id=A2"
	flipped := strings.Replace(publishedSignature, "a", "b", 1)
	for name, c := range map[string]struct {
		body, signature string
		seconds         int64
	}{
		"forged signature":     {publishedBody, flipped, publishedTime},
		"changed body":         {publishedBody + "x", publishedSignature, publishedTime},
		"changed time":         {publishedBody, publishedSignature, publishedTime + 1},
		"no signature":         {publishedBody, "", publishedTime},
		"another version":      {publishedBody, "v1" + publishedSignature[2:], publishedTime},
		"short signature":      {publishedBody, publishedSignature[:20], publishedTime},
		"six minutes old":      {publishedBody, sign(publishedSecret, publishedBody, publishedTime-360), publishedTime - 360},
		"six minutes ahead":    {publishedBody, sign(publishedSecret, publishedBody, publishedTime+360), publishedTime + 360},
		"no secret":            {publishedBody, sign("", publishedBody, publishedTime), publishedTime},
		"an unknown secret":    {publishedBody, sign("unknown", publishedBody, publishedTime), publishedTime},
		"another app":          {ofAnotherApp, sign(publishedSecret, ofAnotherApp, publishedTime), publishedTime},
		"what Slack sends not": {"a=b", sign(publishedSecret, "a=b", publishedTime), publishedTime},
	} {
		w := f.send(commandsPath, c.body, c.signature, c.seconds)
		if w.Code != http.StatusUnauthorized || w.Body.String() != "Unauthorized\n" {
			t.Errorf("%s: status %d, body %q", name, w.Code, w.Body)
		}
	}
	if w := f.signed(commandsPath, strings.Repeat("x", 600<<10), publishedSecret); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body: status %d", w.Code)
	}
	if len(f.got) != 0 {
		t.Errorf("%d of these were handed over", len(f.got))
	}
}

// TestFindsTheIntegration finds the integrations of a request by workspace and app, and proves them by the signature.
func TestFindsTheIntegration(t *testing.T) {
	f := newFixture(t, integration("a", "T1", "A1", "one"), integration("b", "T1", "A1", "one"),
		integration("c", "T1", "A2", "two"), integration("d", "T2", "A1", "one"), integration("e", "T3", "", "three"))
	for name, c := range map[string]struct{ team, app, secret, want string }{
		"two of one app":         {"T1", "A1", "one", "a b"},
		"another app":            {"T1", "A2", "two", "c"},
		"another workspace":      {"T2", "A1", "one", "d"},
		"no app named":           {"T1", "", "one", "a b"},
		"a secret of another":    {"T1", "A1", "two", ""},
		"an app that is not set": {"T3", "A9", "three", "e"},
		"an unknown workspace":   {"T9", "A1", "one", "a"},
	} {
		f.got = nil
		body := url.Values{"team_id": {c.team}, "api_app_id": {c.app}, "user_id": {"U1"}, "command": {"/voiceai"}}.Encode()
		w := f.signed(commandsPath, body, c.secret)
		var got []string
		for _, d := range f.got {
			for _, i := range d.Integrations {
				got = append(got, i.Namespace)
			}
		}
		if strings.Join(got, " ") != c.want || (w.Code == http.StatusOK) != (c.want != "") {
			t.Errorf("%s: status %d, integrations %v, want %q", name, w.Code, got, c.want)
		}
	}
}

// TestProbes answers what Slack sends to check an endpoint, before an integration has a workspace.
func TestProbes(t *testing.T) {
	f := newFixture(t, integration("qa", "", "", publishedSecret))
	w := f.signed(eventsPath, `{"type":"url_verification","token":"x","challenge":"3eZbrw1aB"}`, publishedSecret)
	if w.Code != http.StatusOK || w.Body.String() != `{"challenge":"3eZbrw1aB"}` {
		t.Errorf("url_verification: status %d, body %s", w.Code, w.Body)
	}
	f.got = nil
	for _, path := range []string{commandsPath, interactionsPath} {
		w := f.signed(path, "ssl_check=1&token=x", publishedSecret)
		if w.Code != http.StatusOK || w.Body.Len() != 0 || len(f.got) != 0 {
			t.Errorf("ssl_check: status %d, body %s", w.Code, w.Body)
		}
	}
}

// TestPayloadInTheQuery is not read: only the body is signed.
func TestPayloadInTheQuery(t *testing.T) {
	f := newFixture(t, integration("qa", "T1", "", "one"))
	payload := url.QueryEscape(`{"type":"block_actions","team":{"id":"T1"},"user":{"id":"U1"}}`)
	if w := f.signed(interactionsPath+"?payload="+payload, "", "one"); w.Code != http.StatusUnauthorized || len(f.got) != 0 {
		t.Errorf("status %d, %d requests", w.Code, len(f.got))
	}
	if w := f.signed(interactionsPath, "payload="+payload, "one"); w.Code != http.StatusOK || len(f.got) != 1 {
		t.Errorf("status %d, %d requests", w.Code, len(f.got))
	}
}

// TestBusy asks Slack to show that the request failed.
func TestBusy(t *testing.T) {
	f := newFixture(t, integration("qa", "T1DC2JH3J", "", publishedSecret))
	f.err = slackapp.ErrBusy
	if w := f.send(commandsPath, publishedBody, publishedSignature, publishedTime); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", w.Code)
	}
}

// TestRepeated hands a repeated request over, which the receiver recognises and answers.
func TestRepeated(t *testing.T) {
	f := newFixture(t, integration("qa", "T1DC2JH3J", "", publishedSecret))
	for range 2 {
		f.send(commandsPath, publishedBody, publishedSignature, publishedTime)
	}
	if len(f.got) != 2 {
		t.Errorf("%d requests were handed over, want 2", len(f.got))
	}
}
