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

// token writes a credential into the Secret, as somebody does who mends or breaks it; the operator notices every write.
func (w *world) token(key, value string) {
	w.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "tokens"}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"written":%q}},"stringData":{%q:%q}}`, time.Now(), key, value)
	w.must(kube.Patch(w.t.Context(), s, client.RawPatch("application/merge-patch+json", []byte(patch))))
}

func (w *world) messages() []slack.Message { return w.box.Slack().Messages(slack.AlertsChannel) }

// TestRedAndBackWithoutReload looks at the overview while a token is revoked in Slack, and becomes good again.
func TestRedAndBackWithoutReload(t *testing.T) {
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
	stays := p.mark()

	w.credential(sandbox.Slack, slack.BotToken, "revoked")
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical) // its message is what Slack refuses
	p.seeCard(slackName, "error")
	p.seeCard(jiraName, "healthy")
	p.seeCard(slackName, "revoked")
	stays()
	p.look("overview-error")

	w.credential(sandbox.Slack, slack.BotToken, "valid")
	w.token("slack", slack.BotToken)
	p.seeCard(slackName, "healthy")
	stays()
	w.until("the message that waited", func() (bool, error) { return len(w.messages()) == 1, nil })
}

// TestLiveUpdatesDisturbNobody types while things change.
func TestLiveUpdatesDisturbNobody(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects")
	p.seeLive()
	stays := p.mark()
	p.focus("searchbox", p.textFilter())
	p.write("book")
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p.see("Confirms a booking it has not made")
	p.write("ing")
	typed, err := eval[string](p, `document.activeElement.value ?? ""`)
	p.must(err)
	if typed != "booking" {
		t.Errorf("the field with the focus has %q", typed)
	}
	stays()
}

// TestManyTabs has more tabs open than a browser has connections. All but one are in the background.
func TestManyTabs(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects")
	p.seeLive()
	p.background(true)
	for range 7 {
		other := p.beside()
		other.goes("the address", func() {
			_, err := eval[bool](other, fmt.Sprintf(`location.href = %q, true`, dashboard+"/defects?namespace="+w.namespace))
			other.must(err)
		})
		other.seeLive()
		other.background(true)
	}
	stays := p.mark()
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p.background(false)
	p.see("Confirms a booking it has not made")
	stays()
}

// background has the page believe that nobody sees it, or that somebody does again: a browser without windows shows all of its tabs.
func (p *tab) background(hidden bool) {
	p.Helper()
	_, err := eval[bool](p, fmt.Sprintf(`Object.defineProperty(document, "hidden", { configurable: true, get: () => %t }), document.dispatchEvent(new Event("visibilitychange"))`, hidden))
	p.must(err)
}

// TestARefusedFormStaysLive shows what is wrong with a form while the integration breaks.
func TestARefusedFormStaysLive(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.allow(http.StatusUnprocessableEntity)
	p.signIn(w.admin)
	p.open("/integrations/slack/" + w.namespace + "/" + slackName)
	p.fill("default channel", "no channel at all")
	p.follow("button", "save")
	p.look("slack-refused")
	p.seeLive()
	stays := p.mark()
	w.token("slack", "xoxb-wrong")
	p.seeHead("Error")
	stays()
	if typed, err := eval[string](p, `document.getElementById("f-spec-defaultChannel").value`); err != nil || typed != "no channel at all" {
		t.Errorf("what was typed is %q: %v", typed, err)
	}
	p.openURL(p.url()) // as somebody does who reloads it without sending the form again
	if at := p.path(); strings.Contains(at, "/save") || !strings.HasPrefix(at, "/integrations/slack/") {
		t.Errorf("the address leads to %s", at)
	}
}

// seeHead waits until the head of the page says something.
func (p *tab) seeHead(text string) {
	p.Helper()
	p.until(fmt.Sprintf("the head to say %q", text), func() error {
		head, err := eval[string](p, `document.querySelector("h1").parentElement.innerText`)
		if err == nil && !strings.Contains(head, text) {
			err = fmt.Errorf("it says %q", head)
		}
		return err
	})
}

// seeLive waits until the page says that it updates itself.
func (p *tab) seeLive() {
	p.Helper()
	p.until("the page to say that it is live", func() error {
		said, err := eval[string](p, `[...document.querySelectorAll("[aria-live=polite], [role=status], output")].map(e => e.innerText.trim().toLowerCase()).join("|")`)
		if err == nil && said != "live" && !containsWord(said, "live") {
			err = fmt.Errorf("it says %q", said)
		}
		return err
	})
}

// mark returns what fails when the page was loaded anew since.
func (p *tab) mark() func() {
	p.Helper()
	_, err := eval[bool](p, `window.marked = true`)
	p.must(err)
	return func() {
		p.Helper()
		marked, err := eval[bool](p, `window.marked === true`)
		if err != nil || !marked {
			p.Errorf("the page was loaded anew: %v", err)
		}
	}
}

func containsWord(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }), word)
}

// seeCard waits until the overview says of an integration how it is.
func (p *tab) seeCard(name, state string) {
	p.Helper()
	p.until(fmt.Sprintf("the card of %s to say %q", name, state), func() error {
		cards, err := eval[[]string](p, `[...document.querySelectorAll("main article, main section, main li")].filter(e => !e.querySelector("article, section, li")).map(e => e.innerText)`)
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
