// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

// TestFixAWrongToken goes from the red card to the form, enters the right token and sees the card turn green.
func TestFixAWrongToken(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.signIn(w.admin)
	w.writeToken("jira", "wrong")
	p.open("/")
	p.seeCard(jiraName, "error")
	p.look("overview-wrong-token")
	p.open("/integrations/jira/" + w.namespace + "/" + jiraName)
	p.look("jira-wrong-token")
	p.absent("wrong\"", jira.BotToken)
	p.fill("API token", jira.BotToken)
	p.follow("button", "save")
	p.absent(jira.BotToken)
	p.open("/")
	p.seeCard(jiraName, "healthy")

	p.open("/integrations/jira/" + w.namespace + "/" + jiraName)
	p.follow("button", "test connection")
	p.seeIn("test connection", "Succeeded", "Credentials", "Project", "Priorities")
	p.look("jira-tested")
}

func TestSendATestNotification(t *testing.T) {
	w := newWorld(t)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/integrations/slack/" + w.namespace + "/" + slackName)
	p.look("slack")
	p.follow("button", "test notification")
	p.seeIn("test notification", "Succeeded")
	p.look("slack-tested")
	if n := len(w.messages()); n != 1 {
		t.Errorf("Slack has %d messages", n)
	}
	p.openURL(w.server.URL + "/slack/C0ALERTS")
	p.see("test")
}

// TestSlowAnswer clicks twice while Slack is slow: one message is sent. The result is visible on a phone too.
func TestSlowAnswer(t *testing.T) {
	w := newWorld(t)
	w.control(http.MethodPost, "/_sandbox/faults", sandbox.Fault{Service: sandbox.Slack, Route: "chat.postMessage", DelayMS: 1000})
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/integrations/slack/" + w.namespace + "/" + slackName)
	p.window(360, 740, "light")
	_, err := eval[bool](p, `addEventListener("submit", () => setTimeout(() => {
		const clicked = document.querySelector("[aria-busy=true][aria-disabled=true]")
		sessionStorage.setItem("shown", clicked.innerText + " " + clicked.form.querySelector("[role=status]").innerText)
		clicked.click()
	}), { once: true }), true`)
	p.must(err)
	p.follow("button", "send test notification")
	shown, err := eval[string](p, `sessionStorage.getItem("shown")`)
	if err != nil || shown != "Sending… Waiting for Slack, for up to 10 s." {
		t.Errorf("while the test runs, the page shows %q: %v", shown, err)
	}
	p.seeIn("test notification", "Succeeded")
	p.shoot("sent")
	p.seeInWindow("#test .badge")
	if n := len(w.messages()); n != 1 {
		t.Errorf("Slack has %d messages", n)
	}

	p.allow(http.StatusUnprocessableEntity)
	suspend := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))
	w.must(kube.Patch(t.Context(), &v1alpha1.SlackIntegration{ObjectMeta: w.meta(slackName)}, suspend))
	p.follow("button", "send test notification")
	p.seeInWindow("[role=alert]") // the reason why nothing was sent
	p.look("slack-test-rejected")
}

// seeInWindow waits until the first element that a selector matches is inside the window, without scrolling.
func (p *tab) seeInWindow(selector string) {
	p.Helper()
	p.until(selector+" to be inside the window", func() error {
		inside, err := eval[bool](p, fmt.Sprintf(`(box => box !== undefined && box.top >= 0 && box.bottom <= innerHeight)(
			document.querySelector(%q)?.getBoundingClientRect())`, selector))
		if err == nil && !inside {
			err = errors.New("it is outside")
		}
		return err
	})
}

func TestCreateATicketAndFollowIt(t *testing.T) {
	w := newWorld(t)
	d := w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects")
	p.look("defects")
	p.follow("link", d.Spec.Title)
	p.look("defect")
	p.createTicket("VOICE-1")
	p.look("defect-ticketed")
	if p.has("button", "create jira ticket") {
		t.Error("the page of a Defect with a ticket has a button for another")
	}
	p.openURL(p.href("VOICE-1"))
	p.see(d.Spec.Title, "VOICE-1")
	if n := len(w.box.Jira().Issues()); n != 1 {
		t.Errorf("Jira has %d issues", n)
	}

	// The ticket links to this page.
	back := dashboard + "/defects/" + w.namespace + "/" + d.Name
	raw := fmt.Sprintf("%+v", w.box.Jira().Issues()[0])
	if !strings.Contains(raw, back) {
		t.Errorf("the ticket has no link to %s: %s", back, raw)
	}
	p.openURL(back)
	p.see(d.Spec.Title)
}

// createTicket clicks the button and waits for the ticket.
func (p *tab) createTicket(key string) {
	p.Helper()
	p.click("button", "create jira ticket")
	p.until("the ticket", func() error {
		if !p.has("link", key) {
			return errors.New("there is no link to the ticket")
		}
		return nil
	})
}

// href returns the address of a link.
func (p *tab) href(name string) string {
	p.Helper()
	to, err := eval[string](p, fmt.Sprintf(`[...document.links].find(a => a.innerText.includes(%q))?.href ?? ""`, name))
	p.must(err)
	if to == "" {
		p.Fatalf("there is no link %q", name)
	}
	return to
}

func TestFilterActivity(t *testing.T) {
	w := newWorld(t)
	w.defect("first", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	w.defect("second", "Repeats the date three times", v1alpha1.SeverityLow)
	w.until("the messages", func() (bool, error) { return len(w.messages()) == 2, nil })
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/activity")
	p.see("Defect first", "Defect second", "2 entries")
	p.look("activity")
	p.fill(p.textFilter(), "second")
	p.follow("button", p.filterButton())
	p.see("Defect second", "1 entry")
	if p.shows("Defect first") {
		t.Error("the filter by text shows an entry that does not match")
	}
	p.look("activity-filtered")
	p.choose("outcome", "Failed")
	p.follow("button", p.filterButton())
	p.gone("Defect second")
	p.see("No matches")
	p.choose("outcome", "Succeeded")
	p.choose("integration", slackName)
	p.follow("button", p.filterButton())
	p.see("Defect second")
	p.choose("integration", jiraName)
	p.follow("button", p.filterButton())
	p.see("No matches")

	p.open("/activity?q=second")
	p.follow("link", "Defect created")
	p.see("Repeats the date", "Attempts", "Slack accepted the message")
	p.look("notification")
}

// TestRejectedMessage finds the reason why Slack rejected a message in the log.
func TestRejectedMessage(t *testing.T) {
	w := newWorld(t)
	w.control(http.MethodPost, "/_sandbox/faults", sandbox.Fault{
		Service: sandbox.Slack, Route: "chat.postMessage", Status: http.StatusOK, ContentType: "application/json",
		Body: `{"ok":false,"error":"is_archived"}`,
	})
	w.defect("first", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/activity?outcome=Failed")
	p.see("Defect first", "archived")
	p.follow("link", "Defect created")
	p.see("What went wrong", "archived", "Confirms a booking")
	p.look("notification-failed")
	p.open("/")
	p.see("archived")
	p.look("overview-attention")
}

// TestRejectedTicket finds the reason why Jira rejected a ticket in the log. The entry has no page of its own.
func TestRejectedTicket(t *testing.T) {
	w := newWorld(t)
	w.control(http.MethodPost, "/_sandbox/faults", sandbox.Fault{
		Service: sandbox.Jira, Route: "POST /issue", Status: http.StatusBadRequest, ContentType: "application/json",
		Body: `{"errorMessages":[],"errors":{"customfield_1":"Team is required."}}`,
	})
	d := w.defect("first", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects/" + w.namespace + "/" + d.Name)
	p.click("button", "create jira ticket")
	p.see("Team is required")
	p.open("/activity?outcome=Failed")
	p.click("DisclosureTriangle", "create issue")
	p.see("What went wrong", "Team is required")
	p.look("activity-open")
	p.open("/activity?outcome=Failed")
	p.window(360, 740, "light")
	p.see("Team is required")
}

// TestManagedIntegration opens an integration that Flux applies, and a form as a user who may not write Secrets.
func TestManagedIntegration(t *testing.T) {
	w := newWorld(t)
	applied := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "SlackIntegration",
		"metadata": map[string]any{"namespace": w.namespace, "name": slackName},
		"spec":     map[string]any{"defaultChannel": channel},
	}}
	w.must(kube.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied),
		client.FieldOwner("kustomize-controller"), client.ForceOwnership))
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/integrations/slack/" + w.namespace + "/" + slackName)
	p.see("kustomize-controller")
	if p.has("button", "save") || p.has("button", "disconnect") {
		t.Error("the page has buttons to change what Flux manages")
	}
	p.look("slack-managed")
	p.follow("button", "test notification")
	p.seeIn("test notification", "Succeeded")

	q := w.tab(t)
	q.signIn(w.account("without-secrets",
		rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"*"}}))
	q.open("/integrations/jira/" + w.namespace + "/" + jiraName)
	q.see("you may not write Secrets")
	q.look("jira-without-secrets")
	q.fill("issue type", "Task")
	q.follow("button", "save")
	q.see("Saved.")
}

// textFilter returns the name of the field that filters by text.
func (p *tab) textFilter() string {
	p.Helper()
	names := p.names("searchbox")
	if len(names) != 1 {
		p.Fatalf("the fields that filter by text are %q", names)
	}
	return names[0]
}

// filterButton returns the name of the button that applies filters.
func (p *tab) filterButton() string {
	p.Helper()
	for _, name := range p.names("button") {
		for _, word := range []string{"filter", "apply", "show", "search"} {
			if strings.Contains(strings.ToLower(name), word) {
				return name
			}
		}
	}
	p.Fatalf("there is no button that filters; there are %q", p.names("button"))
	return ""
}

// TestKeyboardOnly signs in and creates a ticket with the keyboard.
func TestKeyboardOnly(t *testing.T) {
	w := newWorld(t)
	d := w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	p := w.tab(t)
	p.open("/defects")
	p.tabTo("textbox", "token")
	p.write(w.admin)
	p.navigates("Enter", func() {
		p.tabTo("button", "sign in")
		p.write(kb.Enter)
	})
	p.tabTo("link", d.Spec.Title)
	p.navigates("Enter", func() { p.write(kb.Enter) })
	p.see(d.Spec.Description)
	p.tabTo("button", "create jira ticket")
	p.write(kb.Enter)
	p.until("the ticket", func() error {
		if !p.has("link", "VOICE-1") {
			return errors.New("there is no link to the ticket")
		}
		return nil
	})
	p.tabTo("button", "sign out")
	p.navigates("Enter", func() { p.write(kb.Enter) })
	p.see("kubectl create token")
}

// TestWithoutScripts does the same with scripts turned off. Pages do not update themselves, so they are opened again.
func TestWithoutScripts(t *testing.T) {
	w := newWorld(t)
	d := w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	w.until("the message", func() (bool, error) { return len(w.messages()) == 1, nil })
	p := w.tab(t)
	p.scripts(false)
	p.signIn(w.admin)
	p.open("/")
	p.seeCard(slackName, "healthy")
	p.look("overview-without-scripts")

	p.open("/defects")
	p.fill(p.textFilter(), "booking")
	p.follow("button", p.filterButton())
	p.follow("link", d.Spec.Title)
	p.follow("button", "create jira ticket")
	p.until("the ticket", func() error {
		if p.has("link", "VOICE-1") {
			return nil
		}
		p.open("/defects/" + w.namespace + "/" + d.Name)
		return errors.New("there is no link to the ticket")
	})
	p.openURL(p.href("VOICE-1"))
	p.see(d.Spec.Title)

	there := "/integrations/slack/" + w.namespace + "/" + slackName
	p.open(there)
	p.follow("button", "test notification")
	p.until("the result of the test", func() error {
		if p.shows("Succeeded") {
			return nil
		}
		p.open(there)
		return errors.New("the page does not show it")
	})
	p.seeIn("test notification", "Succeeded")
	if n := len(w.messages()); n != 2 {
		t.Errorf("Slack has %d messages", n)
	}
	p.open("/activity?q=unmade")
	p.follow("link", "Defect created")
	p.see("Confirms a booking", "Attempts")
	p.follow("button", "sign out")
	p.see("kubectl create token")
}

// TestRules opens the rules and tests two of them. One has an expression that fails for the event.
func TestRules(t *testing.T) {
	w := newWorld(t)
	failing := &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Name: "long-calls"}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}, When: "event.data.minutes > 5",
	}}
	w.create(failing)
	w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	w.until("the message", func() (bool, error) { return len(w.messages()) == 1, nil })
	w.until("the error of the rule", func() (bool, error) {
		err := kube.Get(t.Context(), client.ObjectKeyFromObject(failing), failing)
		return failing.Status.LastError != nil, err
	})
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/rules")
	p.see("no such key: minutes")
	p.look("rules")
	p.follow("link", failing.Name)
	p.see("could not be evaluated for 1 event", "no such key: minutes")
	p.look("rule-with-error")
	p.open("/rules")
	p.follow("link", ruleName)
	p.follow("button", "test")
	p.see("Matches", "Confirms a booking it has not made")
	p.look("rule")
	if n := len(w.messages()); n != 1 {
		t.Errorf("after a dry run Slack has %d messages", n)
	}
	p.fill("defect or run", "no-such-defect")
	p.allow(http.StatusNotFound, http.StatusUnprocessableEntity)
	p.follow("button", "test")
	if p.alert() == "" {
		t.Error("there is no alert for an unknown event")
	}
	p.look("rule-without-event")
}

// TestConnect begins without integrations and creates both with the forms.
func TestConnect(t *testing.T) {
	w := newWorld(t)
	w.disconnect()
	p := w.tab(t)
	p.allow(http.StatusUnprocessableEntity)
	p.signIn(w.admin)
	p.open("/")
	p.see("No integration yet")
	p.look("overview-empty")
	p.open("/integrations")
	p.look("integrations-empty")

	p.follow("link", "connect slack")
	p.look("slack-new")
	p.fill("name", "team")
	p.fill("default channel", "no channel at all")
	p.fill("bot token", slack.BotToken)
	p.follow("button", "connect slack")
	if p.alert() == "" || p.shows("Credentials and target were accepted") {
		t.Error("an invalid channel was accepted")
	}
	if name, err := eval[string](p, `document.querySelector("main input[name$=name]").value`); err != nil || name != "team" {
		t.Errorf("after an error the name is %q: %v", name, err)
	}
	p.look("slack-new-rejected")
	p.fill("default channel", channel)
	p.fill("bot token", slack.BotToken)
	p.openAll()
	p.fill("Slack API URL", w.server.URL+sandbox.SlackAPIPath)
	p.follow("button", "connect slack")
	p.absent(slack.BotToken)
	p.see("Healthy", "kind: SlackIntegration", "defaultChannel:")
	p.look("slack-connected")
	p.follow("button", "test notification")
	p.seeIn("test notification", "Succeeded")
	if n := len(w.messages()); n != 1 {
		t.Errorf("Slack has %d messages", n)
	}

	p.open("/integrations/jira/new")
	p.look("jira-new")
	p.fill("name", "board")
	p.fill("Jira URL", w.server.URL+sandbox.JiraPath)
	p.fill("user", jira.BotUser)
	p.fill("API token", jira.BotToken)
	p.fill("project key", jira.VoiceProject)
	p.follow("button", "connect jira")
	p.absent(jira.BotToken)
	p.see("Healthy", "kind: JiraIntegration", "projectKey: VOICE")

	p.fill("type board", "board")
	p.follow("button", "disconnect")
	p.open("/integrations")
	p.see("team")
	p.gone("board")
}

// openAll opens all details elements.
func (p *tab) openAll() {
	p.Helper()
	_, err := eval[bool](p, `document.querySelectorAll("main details").forEach(d => { d.open = true }), true`)
	p.must(err)
}

// TestMoveADefect changes the state of a Defect, and finds it in the list by its state and severity.
func TestMoveADefect(t *testing.T) {
	w := newWorld(t)
	d := w.defect("unmade", "Confirms a booking it has not made", v1alpha1.SeverityCritical)
	w.defect("other", "Repeats the date three times", v1alpha1.SeverityLow)
	p := w.tab(t)
	p.signIn(w.admin)
	p.open("/defects/" + w.namespace + "/" + d.Name)
	p.choose("state", "Resolved")
	p.follow("button", "change")
	p.seeHead("Resolved")
	p.look("defect-resolved")

	titles := func() string { return strings.Join(p.names("link"), "|") }
	p.open("/defects")
	p.choose("state", "Unresolved")
	p.follow("button", p.filterButton())
	p.see("Repeats the date")
	if p.shows(d.Spec.Title) {
		t.Error("the resolved Defect is among the unresolved ones")
	}
	p.open("/defects")
	p.choose("sort by", "Severity")
	p.follow("button", p.filterButton())
	if all := titles(); strings.Index(all, d.Spec.Title) > strings.Index(all, "Repeats the date") {
		t.Errorf("sorted by severity, the order is %s", all)
	}
}
