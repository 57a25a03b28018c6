// SPDX-License-Identifier: Apache-2.0

// Package form describes the form by which people in Slack file a Defect.
package form

import (
	"encoding/json"
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/inbound"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	formTitle = "File a defect"
	// maxInput bounds a text that a form has at first; Slack's own limit is 3,000 characters.
	maxInput = 2500
	// maxTitle bounds the title of a defect, in characters.
	maxTitle = 150
	// maxChoices bounds the namespaces to choose from, as Slack does.
	maxChoices = 100
)

// The inputs of the form.
const (
	Title       = "title"
	Severity    = "severity"
	Suite       = "suite"
	Description = "description"
	Namespace   = "namespace"
)

// Source is what a form carries from its opening to its submission.
type Source struct {
	Integration string `json:"i"`
	// Namespace is the only one in which the person may file defects; empty if the form has a choice.
	Namespace string `json:"n,omitempty"`
	ChannelID string `json:"c,omitempty"`
	Permalink string `json:"p,omitempty"`
}

// Decode returns the source in a form's metadata.
func Decode(metadata string) (s Source, err error) {
	err = json.Unmarshal([]byte(metadata), &s)
	return s, err
}

// encode returns the source as a form's metadata.
func (s Source) encode() string {
	raw, err := json.Marshal(s)
	if err != nil { // strings only
		panic(err)
	}
	return string(raw)
}

// New returns the form to file a Defect in one of the namespaces, filled from the text of a message.
func New(source Source, message string, namespaces []string) chat.Form {
	words := plain(message)
	description := text.Truncate(words, maxInput)
	if source.Permalink != "" {
		description = strings.TrimSpace(description + "\n\n" + source.Permalink)
	}
	f := chat.Form{CallbackID: inbound.FileDefect, Title: formTitle, Submit: "File", Inputs: []chat.Input{
		{ID: Title, Label: "Title", Kind: chat.Line, MaxLength: maxTitle, Initial: firstLine(words)},
		{ID: Severity, Label: "Severity", Choices: severities, Initial: string(v1alpha1.SeverityMedium)},
		{ID: Suite, Label: "Suite", Kind: chat.OptionalLine, MaxLength: 63},
		{ID: Description, Label: "Description", Kind: chat.OptionalLines, MaxLength: 3000, Initial: description},
	}}
	if len(namespaces) == 1 {
		source.Namespace = namespaces[0]
	} else {
		choices := namespaces[:min(len(namespaces), maxChoices)]
		f.Inputs = append(f.Inputs, chat.Input{ID: Namespace, Label: "Namespace", Choices: choices, Initial: choices[0]})
	}
	f.Metadata = source.encode()
	return f
}

// Note returns a form that only shows a text of mrkdwn.
func Note(words string) chat.Form { return chat.Form{Title: formTitle, Text: words} }

// noField is the field of the cause that says that further rules were not checked because of the other causes.
const noField = "<nil>"

// Problems returns why the API server refused a defect, by input.
func Problems(err error) map[string]string {
	problems := map[string]string{}
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, c := range status.Status().Details.Causes {
			if c.Field == noField {
				continue
			}
			input := strings.TrimPrefix(c.Field, "spec.")
			switch input {
			case Title, Suite, Severity:
			default:
				input = Description
			}
			problems[input] = text.Truncate(c.Message, maxTitle)
		}
	}
	if len(problems) == 0 {
		problems[Title] = text.Truncate(err.Error(), maxTitle)
	}
	return problems
}

// severities are the choices of severity, from the worst on.
var severities = []string{
	string(v1alpha1.SeverityCritical), string(v1alpha1.SeverityHigh), string(v1alpha1.SeverityMedium), string(v1alpha1.SeverityLow),
}

// entities undoes the escaping of a message's text.
var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// plain returns the text of a message as it was written.
func plain(words string) string { return text.Plain(entities.Replace(words)) }

// firstLine returns the first line of a text that has one, as a title.
func firstLine(words string) string {
	for line := range strings.Lines(words) {
		if line = text.OneLine(line); line != "" {
			return text.Truncate(line, maxTitle)
		}
	}
	return ""
}
