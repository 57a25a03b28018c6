// SPDX-License-Identifier: Apache-2.0

package chat

import "context"

// App answers the people who use an app in one workspace. Its errors are faults, as those of a Poster. What it sends is
// an answer to a request of Slack and goes past the lanes, whose limits are for what the operator sends by itself.
type App interface {
	Poster
	// Respond answers by the URL that came with a command or click. It needs no token. Slack accepts five answers within
	// 30 minutes.
	Respond(ctx context.Context, url string, r Response) error
	// PostEphemeral posts a message that only one person sees.
	PostEphemeral(ctx context.Context, user string, m Message) error
	// OpenForm shows a form within three seconds of what the person did, and returns the form's ID.
	OpenForm(ctx context.Context, trigger string, f Form) (id string, err error)
	// UpdateForm replaces a form that is shown.
	UpdateForm(ctx context.Context, id string, f Form) error
	// Permalink returns the URL that opens a message.
	Permalink(ctx context.Context, channel, ts string) (string, error)
	// UserGroups returns the IDs of the user groups that each person is in, by the person's ID.
	UserGroups(ctx context.Context) (map[string][]string, error)
}

// Response is an answer to a command or a click.
type Response struct {
	Message
	Place ResponsePlace
}

// ResponsePlace is where an answer appears.
type ResponsePlace string

const (
	// ToUser shows an answer to the person alone.
	ToUser ResponsePlace = ""
	// InPlace replaces the message with the button.
	InPlace ResponsePlace = "replace"
)

// Button is a button below a message.
type Button struct {
	// ID is what the button does, unique in its message.
	ID string
	// Label is plain text of at most 75 characters.
	Label string
	// Value comes back with a click; at most 2000 characters.
	Value string
	Style ButtonStyle
}

// ButtonStyle is the look of a button.
type ButtonStyle string

// The looks of a button.
const (
	PlainButton   ButtonStyle = ""
	PrimaryButton ButtonStyle = "primary"
	DangerButton  ButtonStyle = "danger"
)

// Form is a dialog with inputs.
type Form struct {
	// CallbackID comes back when the form is submitted, and so does Metadata, of at most 3000 characters.
	CallbackID, Metadata string
	// Title and Submit are plain text of at most 24 characters. A form without Submit cannot be submitted.
	Title, Submit string
	// Text is shown above the inputs, as mrkdwn.
	Text   string
	Inputs []Input
}

// Input is a line of a form.
type Input struct {
	// ID comes back with what was entered.
	ID    string
	Label string
	// Initial is what the input has at first.
	Initial string
	// Choices are the values to choose from. Without any the input is a text.
	Choices []string
	// MaxLength bounds a text, in characters.
	MaxLength int
	Kind      InputKind
}

// InputKind is the form of an input without choices, and whether it may be empty.
type InputKind string

// The kinds of an input.
const (
	Line          InputKind = "line"
	OptionalLine  InputKind = "optional line"
	OptionalLines InputKind = "optional lines"
)
