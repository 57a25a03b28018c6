// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
)

// content returns the options for what a message shows. The first block is at the top, because mentions notify there,
// and the rest is beside the coloured bar. With blocks at the top, Slack uses the text for notifications and screen
// readers only.
func content(m chat.Message) []slack.MsgOption {
	top, rest := parts(m)
	options := []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(top...)}
	if rest == nil {
		return append(options, slack.MsgOptionAttachments())
	}
	return append(options, slack.MsgOptionAttachments(*rest))
}

// parts returns the blocks at the top and the attachment with the rest, which is nil when there is none.
func parts(m chat.Message) (top []slack.Block, rest *slack.Attachment) {
	all := blocks(m.Blocks)
	if m.Color == "" || len(all) < 2 {
		return all, nil
	}
	return all[:1], &slack.Attachment{Color: m.Color, Fallback: m.Text, Blocks: slack.Blocks{BlockSet: all[1:]}}
}

// blocks returns the blocks as Slack expects them.
func blocks(in []chat.Block) []slack.Block {
	text := func(s string) *slack.TextBlockObject {
		return &slack.TextBlockObject{Type: slack.MarkdownType, Text: s, Verbatim: true} // makes no links of its own
	}
	var out []slack.Block
	for _, b := range in {
		switch {
		case len(b.Buttons) > 0:
			out = append(out, buttons(b))
		case b.Divider:
			out = append(out, slack.NewDividerBlock())
		case len(b.Context) > 0:
			var elements []slack.MixedElement
			for _, c := range b.Context {
				elements = append(elements, text(c))
			}
			out = append(out, slack.NewContextBlock("", elements...))
		case len(b.Fields) > 0:
			var fields []*slack.TextBlockObject
			for _, f := range b.Fields {
				fields = append(fields, text(f))
			}
			out = append(out, slack.NewSectionBlock(nil, fields, nil))
		default:
			out = append(out, slack.NewSectionBlock(text(b.Section), nil, nil))
		}
	}
	return out
}

// buttons returns a row of buttons.
func buttons(b chat.Block) slack.Block {
	var row []slack.BlockElement
	for _, button := range b.Buttons {
		e := slack.NewButtonBlockElement(button.ID, button.Value, plain(button.Label))
		row = append(row, e.WithStyle(slack.Style(button.Style)))
	}
	return slack.NewActionBlock(b.ID, row...)
}

// plain returns a text without markup.
func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}
