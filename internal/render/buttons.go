// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/button"
)

// buttonsBlock identifies the block of a message with the buttons.
const buttonsBlock = "voiceai_buttons"

// buttons returns the row of buttons that apply to an event's subject now; nil if there are none, or if the integration
// receives no clicks.
func buttons(e *event.Event, o Options) []chat.Block {
	if o.Button.Integration == "" || e.Subject == nil {
		return nil
	}
	about := o.Button
	about.Namespace = e.Subject.Namespace
	about.Name = e.Subject.Name
	about.UID = e.Subject.UID
	var row []chat.Button
	switch {
	case e.Subject.Kind == v1alpha1.KindDefect:
		row = DefectButtons(e, about)
	case e.Type == v1alpha1.EventTestRunCompleted && e.Subject.Kind == event.KindJob:
		about.Suite = e.Text("suite")
		row = []chat.Button{{ID: button.Rerun, Label: button.Label(button.Rerun), Value: about.Encode()}}
	}
	if len(row) == 0 {
		return nil
	}
	return []chat.Block{{ID: buttonsBlock, Buttons: row}}
}

// DefectButtons returns the buttons that apply to a Defect in the state of an event. about is what they carry.
func DefectButtons(now *event.Event, about button.Object) []chat.Button {
	value := about.Encode()
	create := chat.Button{ID: button.CreateTicket, Label: button.Label(button.CreateTicket), Value: value}
	start := chat.Button{ID: button.StartWork, Label: button.Label(button.StartWork), Value: value}
	resolve := chat.Button{ID: button.Resolve, Label: button.Label(button.Resolve), Value: value, Style: chat.PrimaryButton}
	wontFix := chat.Button{ID: button.WontFix, Label: button.Label(button.WontFix), Value: value}
	var row []chat.Button
	switch v1alpha1.State(now.Text("state")) {
	case v1alpha1.StateResolved, v1alpha1.StateClosed:
		return []chat.Button{{ID: button.Reopen, Label: button.Label(button.Reopen), Value: value}}
	case v1alpha1.StateInProgress:
		row = []chat.Button{resolve, wontFix}
	default:
		row = []chat.Button{start, resolve, wontFix}
	}
	if now.Text("ticketKey") == "" {
		row = append([]chat.Button{create}, row...)
	}
	return row
}
