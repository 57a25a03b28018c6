// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// maxPicture is the largest size of a picture of the documentation, in bytes.
const maxPicture = 200_000

// TestPictures takes the pictures of the documentation. make pictures stores them in docs/images.
func TestPictures(t *testing.T) {
	w := newWorldIn(t, "qa")
	w.createExamples()
	p := w.tab(t)
	p.window(1280, 920, "light")
	p.signIn(w.admin)
	p.seeIn("recent runs", "booking", "billing")
	p.seeIn("needs attention", "Unauthorized")
	p.picture("dashboard", "")
	p.window(1280, 800, "light")
	p.open("/defects/" + w.namespace + "/unmade-booking")
	p.seeIn("jira ticket", "VOICE-1")
	p.picture("dashboard-defect", "")
	p.open("/runs/" + w.namespace + "/booking-7")
	p.seeIn("defects", "Confirms a booking")
	p.picture("dashboard-run", "")
	p.openURL(w.server.URL + "/jira/browse/VOICE-1")
	p.see("Confirms a booking")
	p.picture("jira-ticket", "")

	at := w.server.URL + "/slack/C0ALERTS"
	p.window(960, 2400, "light")
	p.openURL(at)
	p.see("Start work")
	p.picture("slack-message", fmt.Sprintf("article[id='m%s']", w.messageAbout("Confirms a booking").TS))
	p.fill("/voiceai", "status")
	p.follow("button", "send")
	p.see("only visible to you")
	p.picture("slack-command", "article:has(.tag ~ .tag)")
	p.follow("button", "file a defect")
	p.until("the form", func() error {
		p.openURL(at)
		if !p.shows("severity critical") {
			return errors.New("the page does not show it")
		}
		return nil
	})
	p.picture("slack-form", "section.message")
}

// createExamples creates what the pictures show: a suite of calls, of which the last run found two defects.
func (w *world) createExamples() {
	w.t.Helper()
	w.must(w.box.Slack().SetApp(slack.App{URL: "http://" + edge + "/api/v1/webhooks/slack"}))
	everything := []string{"*"}
	w.account("people", rbacv1.PolicyRule{APIGroups: everything, Resources: everything, Verbs: []string{"get", "list", "create", "update"}})
	w.create(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "workspace"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "people"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "slack:" + slack.TeamID}},
	})
	w.patch(&v1alpha1.SlackIntegration{ObjectMeta: w.meta(slackName)},
		`{"spec":{"signingSecretRef":{"name":"tokens","key":"signing-secret"}}}`)
	w.patch(&v1alpha1.JiraIntegration{ObjectMeta: w.meta(jiraName)}, `{"spec":{"autoCreate":{"enabled":true,"minSeverity":"Critical"}}}`)
	w.patch(&v1alpha1.NotificationRule{ObjectMeta: w.meta(ruleName)},
		`{"spec":{"eventTypes":["DefectCreated","DefectTicketed","TestRunCompleted"]}}`)
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "revoked"}, StringData: map[string]string{"slack": "xoxb-revoked-1"}})
	revoked := w.slack()
	revoked.Name = "slack-billing"
	revoked.Spec.Default = false
	revoked.Spec.Bot.TokenSecretRef.Name = "revoked"
	w.create(revoked)
	w.suite("booking")
	for i := range 6 {
		w.ended(fmt.Sprintf("booking-%d", i+1), "booking", 7*(6-i), fmt.Sprintf(`{"passed":%d,"failed":0,"commit":"4f2c1d9"}`, 38+i))
	}
	for i := range 4 {
		w.ended(fmt.Sprintf("billing-%d", i+1), "billing", 9*(3-i)+1, `{"passed":17,"failed":0}`)
	}
	w.tested("wrong-day", "Books the wrong day", v1alpha1.SeverityHigh, "PPPPPPF")
	w.tested("hangs-up", "Hangs up while the caller spells a name", v1alpha1.SeverityLow, "P~P~P~P")
	offset := int32(41_200)
	p50 := int32(900)
	p95 := int32(2_400)
	d := &v1alpha1.Defect{ObjectMeta: w.meta("unmade-booking"), Spec: v1alpha1.DefectSpec{
		Title: "Confirms a booking it has not made", Severity: v1alpha1.SeverityCritical, Suite: "booking", Run: "booking-7",
		TestCase: "books_a_table", Description: "The agent says that the table is booked. The booking system has no such booking.",
		ExpectedResult: "A booking for Tuesday, 19:00, for four", ActualResult: "No booking",
		Voice: &v1alpha1.Voice{Turn: 5, TurnOffsetMilliseconds: &offset, Utterance: "So it is booked?",
			ExpectedTranscript: "I am still waiting for the booking system.", HeardTranscript: "Yes, your table is booked for Tuesday at seven.",
			Latencies: []v1alpha1.VoiceLatency{{Stage: "response", P50Milliseconds: &p50, P95Milliseconds: &p95}}, Locale: "en-GB",
			AgentVersion: "2026.11.3"},
		Outcomes: []v1alpha1.TestOutcome{{Run: "booking-7", Result: v1alpha1.TestFailed, Time: metav1.NewTime(time.Now())}},
	}}
	w.create(d)
	w.ended("booking-7", "booking", 0, `{"passed":41,"failed":2,"skipped":1,"commit":"a81c07e"}`)
	w.until("the ticket and its message", func() (bool, error) {
		err := kube.Get(w.t.Context(), client.ObjectKeyFromObject(d), d)
		return condition.Is(d, v1alpha1.ConditionReady, metav1.ConditionTrue, "") && d.Status.Jira != nil && len(d.Status.Messages) > 0, err
	})
}

// patch merges a patch into an object.
func (w *world) patch(o client.Object, merged string) {
	w.t.Helper()
	w.must(kube.Patch(w.t.Context(), o, client.RawPatch(types.MergePatchType, []byte(merged))))
}

// messageAbout returns the message in the channel that has a text.
func (w *world) messageAbout(text string) slack.Message {
	w.t.Helper()
	for _, m := range w.messages() {
		if strings.Contains(fmt.Sprintf("%+v", m), text) && m.ThreadTS == "" {
			return m
		}
	}
	w.t.Fatalf("no message is about %q", text)
	return slack.Message{}
}

// picture takes a picture for the documentation: of the window, or of the element that a selector matches. It fails if
// the documentation has none of that name, or the picture is large.
func (p *tab) picture(name, selector string) {
	p.Helper()
	raw, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	p.must(err)
	shown, err := png.Decode(bytes.NewReader(raw))
	p.must(err)
	if selector != "" {
		const side, above = 16, 2
		box, err := eval[struct{ Left, Top, Right, Bottom float64 }](p, fmt.Sprintf(`(({left, top, right, bottom}) =>
			({left, top, right, bottom}))(document.querySelector(%q).getBoundingClientRect())`, selector))
		p.must(err)
		part := image.Rect(int(box.Left)-side, int(box.Top)+above, int(box.Right)+side, int(box.Bottom)-above)
		shown = shown.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(part)
	}
	var out bytes.Buffer
	p.must((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, shown))
	if size := shown.Bounds(); out.Len() > maxPicture || size.Dx() < 300 || size.Dy() < 80 {
		p.Errorf("the picture %s has %d bytes and %v", name, out.Len(), size)
	}
	directory := filepath.Join("..", "..", "docs", "images")
	if _, err := os.Stat(filepath.Join(directory, name+".png")); err != nil && os.Getenv("PICTURES") == "" {
		p.Errorf("run make pictures: %v", err)
	}
	if os.Getenv("PICTURES") == "" {
		directory = filepath.Join("screenshots", p.Name())
	}
	p.must(os.MkdirAll(directory, 0o755))
	p.must(os.WriteFile(filepath.Join(directory, name+".png"), out.Bytes(), 0o644)) //nolint:gosec // it is no secret
}
