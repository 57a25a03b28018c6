// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// writeToken writes a token into the Secret. The annotation makes it a change even if the token is the same.
func (w *world) writeToken(key, value string) {
	w.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "tokens"}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"written":%q}},"stringData":{%q:%q}}`, time.Now(), key, value)
	w.must(kube.Patch(w.t.Context(), s, client.RawPatch("application/merge-patch+json", []byte(patch))))
}

// messages returns the messages in Slack.
func (w *world) messages() []slack.Message { return w.box.Slack().Messages(slack.AlertsChannel) }

// TestOverviewUpdatesItself watches the overview while a token is revoked in Slack and becomes valid again.
func TestOverviewUpdatesItself(t *testing.T) {
	w := newWorld(t)
	w.run("booking-regression")
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/")
	p.seeIn("recent runs", "booking-regression")
	p.seeLive()
	p.seeCard(slackName, "healthy")
	p.seeCard(jiraName, "healthy")
	p.look("overview-healthy")
	p.seeLive()
	checkNotReloaded := p.markPage()

	w.credential(sandbox.Slack, slack.BotToken, "revoked")
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical) // Slack rejects its message
	p.seeCard(slackName, "error")
	p.seeCard(jiraName, "healthy")
	p.seeCard(slackName, "revoked")
	checkNotReloaded()
	p.look("overview-error")

	w.credential(sandbox.Slack, slack.BotToken, "valid")
	w.writeToken("slack", slack.BotToken)
	p.seeCard(slackName, "healthy")
	checkNotReloaded()
	w.until("the delayed message", func() (bool, error) { return len(w.messages()) == 1, nil })
}

// TestLiveUpdatesKeepInput types while the page updates itself.
func TestLiveUpdatesKeepInput(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects")
	p.seeLive()
	checkNotReloaded := p.markPage()
	p.focus("searchbox", p.textFilter())
	p.write("book")
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p.see("Confirms a booking it has not made")
	p.write("ing")
	typed, err := eval[string](p, `document.activeElement.value ?? ""`)
	p.must(err)
	if typed != "booking" {
		t.Errorf("the field with the focus contains %q", typed)
	}
	checkNotReloaded()
}

// TestManyTabs opens more tabs than a browser has connections. All but one are in the background.
func TestManyTabs(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects")
	p.seeLive()
	p.background(true)
	for range 7 {
		other := p.another()
		other.navigates("the address", func() {
			address := dashboard + "/defects?namespace=" + w.namespace
			_, err := eval[bool](other, fmt.Sprintf(`location.href = %q, true`, address))
			other.must(err)
		})
		other.seeLive()
		other.background(true)
	}
	checkNotReloaded := p.markPage()
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p.background(false)
	p.see("Confirms a booking it has not made")
	checkNotReloaded()
}

// background makes the page believe that its tab is in the background, or in front again. In a headless browser all
// tabs are in front.
func (p *tab) background(hidden bool) {
	p.Helper()
	_, err := eval[bool](p, fmt.Sprintf(`Object.defineProperty(document, "hidden", { configurable: true, get: () => %t }),
		document.dispatchEvent(new Event("visibilitychange"))`, hidden))
	p.must(err)
}

// TestRejectedFormStaysLive shows a form with errors while the integration breaks.
func TestRejectedFormStaysLive(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.allow(http.StatusUnprocessableEntity)
	p.signIn(w.admin)
	p.open("/integrations/slack/" + w.namespace + "/" + slackName)
	p.fill("default channel", "no channel at all")
	p.follow("button", "save")
	p.look("slack-rejected")
	p.seeLive()
	checkNotReloaded := p.markPage()
	w.writeToken("slack", "xoxb-wrong")
	p.seeHead("Error")
	checkNotReloaded()
	if typed, err := eval[string](p, `document.getElementById("f-spec-defaultChannel").value`); err != nil || typed != "no channel at all" {
		t.Errorf("the field contains %q: %v", typed, err)
	}
	p.openURL(p.url()) // as when the user reloads it without sending the form again
	if at := p.path(); strings.Contains(at, "/save") || !strings.HasPrefix(at, "/integrations/slack/") {
		t.Errorf("the address leads to %s", at)
	}
}

// seeHead waits until the head of the page shows a text.
func (p *tab) seeHead(text string) {
	p.Helper()
	p.until(fmt.Sprintf("the head to show %q", text), func() error {
		head, err := eval[string](p, `document.querySelector("h1").parentElement.innerText`)
		if err == nil && !strings.Contains(head, text) {
			err = fmt.Errorf("it shows %q", head)
		}
		return err
	})
}

// seeLive waits until the page shows that it is live.
func (p *tab) seeLive() {
	p.Helper()
	p.until("the page to be live", func() error {
		status, err := eval[string](p, `[...document.querySelectorAll("[aria-live=polite], [role=status], output")]
			.map(e => e.innerText.trim().toLowerCase()).join("|")`)
		if err == nil && !containsWord(status, "live") {
			err = fmt.Errorf("its status is %q", status)
		}
		return err
	})
}

// markPage returns a function that fails when the page has been reloaded since.
func (p *tab) markPage() func() {
	p.Helper()
	_, err := eval[bool](p, `window.marked = true`)
	p.must(err)
	return func() {
		p.Helper()
		marked, err := eval[bool](p, `window.marked === true`)
		if err != nil || !marked {
			p.Errorf("the page was reloaded: %v", err)
		}
	}
}

func containsWord(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }), word)
}

// seeCard waits until the overview's card of an integration shows a state.
func (p *tab) seeCard(name, state string) {
	p.Helper()
	p.until(fmt.Sprintf("the card of %s to show %q", name, state), func() error {
		cards, err := eval[[]string](p, `[...document.querySelectorAll("main article, main section, main li")]
			.filter(e => !e.querySelector("article, section, li")).map(e => e.innerText)`)
		if err != nil {
			return err
		}
		for _, text := range cards {
			text = strings.ToLower(text)
			if containsWord(text, name) && containsWord(text, state) {
				return nil
			}
		}
		return fmt.Errorf("the cards are %q", cards)
	})
}

// TestLostConnection loses the connection of a page, and finds it again.
func TestLostConnection(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects")
	p.seeLive()
	checkNotReloaded := p.markPage()
	p.background(true) // what is open already stays open without a network
	p.disconnect(true)
	p.background(false)
	p.until("the alert", func() error {
		if text := p.alert(); !strings.Contains(text, "The connection is lost") {
			return fmt.Errorf("the alerts are %q", text)
		}
		return nil
	})
	p.look("connection-lost")
	w.defect("meanwhile", "Hangs up meanwhile", v1alpha1.SeverityLow)
	p.disconnect(false)
	p.until("no alert", func() error {
		if text := p.alert(); text != "" {
			return fmt.Errorf("the alerts are %q", text)
		}
		return nil
	})
	p.see("Hangs up meanwhile")
	checkNotReloaded()
}
