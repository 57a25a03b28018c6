// SPDX-License-Identifier: Apache-2.0

// Package button describes the buttons of messages: their IDs, and what comes back with a click. Package render writes
// them, package slackapp acts on them.
package button

import "encoding/json"

// The IDs of buttons.
const (
	CreateTicket = "voiceai_create_ticket"
	StartWork    = "voiceai_start_work"
	Resolve      = "voiceai_resolve"
	Reopen       = "voiceai_reopen"
	WontFix      = "voiceai_wont_fix"
	Rerun        = "voiceai_rerun"
	AskAdmin     = "voiceai_ask_admin"
	Newer        = "voiceai_newer"
	Older        = "voiceai_older"
)

// labels are the labels of buttons.
var labels = map[string]string{
	CreateTicket: "Create ticket", StartWork: "Start work", Resolve: "Resolve", Reopen: "Reopen", WontFix: "Won't fix",
	Rerun: "Rerun", AskAdmin: "Ask an admin", Newer: "Newer", Older: "Older",
}

// Label returns the label of a button; empty for an unknown ID.
func Label(id string) string { return labels[id] }

// Object is what a click on a button of a Defect or run is about.
type Object struct {
	// Integration is the UID of the SlackIntegration that posted the button. No other cluster has it.
	Integration string `json:"i"`
	// Namespace, Name and UID identify the object.
	Namespace string `json:"n"`
	Name      string `json:"o"`
	UID       string `json:"u"`
	// Suite is the suite of a run.
	Suite string `json:"s,omitempty"`
	// Rule is the NotificationRule by which the message was posted; empty for an answer to a command.
	Rule string `json:"r,omitempty"`
}

// Page is the page of a list that a button turns to.
type Page struct {
	Integration string `json:"i"`
	Namespace   string `json:"n,omitempty"`
	Suite       string `json:"s,omitempty"`
	Severity    string `json:"v,omitempty"`
	From        int    `json:"f,omitempty"`
}

// Permission is what a person asks an admin for.
type Permission struct {
	Integration string `json:"i"`
	// Verb, Group, Resource and Namespace are as in RBAC rules.
	Verb      string `json:"v"`
	Group     string `json:"g,omitempty"`
	Resource  string `json:"r"`
	Namespace string `json:"n"`
}

// Encode returns the value of a button.
func (o Object) Encode() string { return encode(o) }

// Encode returns the value of a button.
func (p Page) Encode() string { return encode(p) }

// Encode returns the value of a button.
func (p Permission) Encode() string { return encode(p) }

func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil { // strings and numbers only
		panic(err)
	}
	return string(raw)
}

// Decode decodes the value of a button. It reports whether it is one.
func Decode[T any](value string) (v T, ok bool) {
	return v, json.Unmarshal([]byte(value), &v) == nil
}
