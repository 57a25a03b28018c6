// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// waitForDefect waits until the Defect has its ticket and its notifications are delivered.
func waitForDefect(ctx context.Context, c client.Client, d *v1alpha1.Defect) error {
	return stage.Poll(ctx, "the Defect to be Ready", nil, func() (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(d), d); err != nil {
			return false, err
		}
		if s := condition.Get(d, v1alpha1.ConditionStalled); s != nil && s.Reason != v1alpha1.ReasonSuspended {
			return false, fmt.Errorf("the Defect is stalled: %s: %s", s.Reason, s.Message)
		}
		if condition.Is(d, v1alpha1.ConditionReady, metav1.ConditionTrue, "") {
			return d.Status.Jira != nil && d.Status.Jira.Key != "" && len(d.Status.Events) == 2, nil
		}
		return os.Getenv("SLACK_NOTIFICATIONS_ENABLED") == "false" &&
			condition.Is(d, v1alpha1.ConditionTicketed, metav1.ConditionTrue, ""), nil
	})
}

// sandboxState is the part of the sandbox's state that the demo reads.
type sandboxState struct {
	Slack struct {
		Channels []struct {
			Name     string
			Messages []struct {
				Text        string
				Blocks      []block
				Attachments []struct{ Blocks []block }
			}
		}
	}
	Jira struct {
		Counts struct{ Creates int }
	}
}

// A block is a block of a Slack message.
type block struct {
	Text     *struct{ Text string }
	Fields   []struct{ Text string }
	Elements []struct{ Text words }
}

// words is the text of an element: a string or, of a button, an object with one.
type words string

// UnmarshalJSON decodes either.
func (w *words) UnmarshalJSON(raw []byte) error {
	var button struct{ Text string }
	if json.Unmarshal(raw, &button) == nil {
		*w = words("[" + button.Text + "]")
		return nil
	}
	return json.Unmarshal(raw, (*string)(w))
}

// report prints the ticket and the messages of the Defect. It returns an error unless the sandbox received exactly
// one ticket and one message for each Notification.
func report(ctx context.Context, c client.Client, v *services, d *v1alpha1.Defect) error {
	j := d.Status.Jira
	step("Ticket: %s  %s", j.Key, j.URL)
	if v.sandbox == "" {
		return nil
	}
	state, err := v.state(ctx)
	if err != nil {
		return err
	}
	var wrong []error
	if n := state.Jira.Counts.Creates; !v.realJira && n != 1 {
		wrong = append(wrong, fmt.Errorf("%d tickets were created for one Defect", n))
	}
	list := &v1alpha1.NotificationList{}
	if err := c.List(ctx, list, client.InNamespace(d.Namespace)); err != nil {
		return err
	}
	messages := 0
	for _, ch := range state.Slack.Channels {
		for _, m := range ch.Messages {
			messages++
			step("Message in #%s:", strings.TrimPrefix(ch.Name, "#"))
			for _, b := range m.Blocks {
				b.print()
			}
			for _, a := range m.Attachments {
				for _, b := range a.Blocks {
					b.print()
				}
			}
		}
	}
	if !v.realSlack && !v.slackDisabled && messages != len(list.Items) {
		wrong = append(wrong, fmt.Errorf("%d messages were posted for %d notifications", messages, len(list.Items)))
	}
	return errors.Join(wrong...)
}

// state reads the state of the sandbox.
func (v *services) state(ctx context.Context) (*sandboxState, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.sandbox+"/_sandbox/state", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reading the sandbox's state: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	state := &sandboxState{}
	if err := json.NewDecoder(res.Body).Decode(state); err != nil {
		return nil, fmt.Errorf("decoding the sandbox's state: %w", err)
	}
	return state, nil
}

// print prints the block as plain text, with a bar on its left.
func (b *block) print() {
	plain := strings.NewReplacer("\u2060", "", "\u200b", "", "&lt;", "<", "&gt;", ">", "&amp;", "&")
	line := func(s string) {
		for l := range strings.SplitSeq(plain.Replace(s), "\n") {
			fmt.Println("    ┃ " + l)
		}
	}
	if b.Text != nil {
		line(b.Text.Text)
	}
	for _, f := range b.Fields {
		line(strings.Replace(f.Text, "\n", " ", 1))
	}
	var small []string
	for _, e := range b.Elements {
		small = append(small, string(e.Text))
	}
	if len(small) > 0 {
		line(strings.Join(small, "  ·  "))
	}
}

// printLinks prints where to look next.
func printLinks(s *stage.Stage, v *services, d *dashboard) {
	step("Dashboard, and a token to sign in:")
	fmt.Printf("%s\n%s\n", d.url, d.token)
	if v.sandbox != "" {
		step("Slack: %s/slack/C0ALERTS, where buttons and /voiceai work  Jira: %s/jira/board", v.sandbox, v.sandbox)
	}
	if v.sandbox != "" && !v.realSlack {
		step("Install an app: %s/integrations/slack/%s/%s  Its tokens in Slack: %s/apps", d.url, namespace, installName, v.sandbox)
	}
	kubectl := filepath.Join("bin", "k8s", "kubectl")
	if _, err := os.Stat(kubectl); err != nil {
		kubectl = "kubectl"
	}
	step("Try: KUBECONFIG=%s %s get voiceai", s.Kubeconfig, kubectl)
}
