// SPDX-License-Identifier: Apache-2.0

package manifest

// document is the JSON of a manifest, as far as the app uses it.
type document struct {
	Display  display  `json:"display_information"`
	Features features `json:"features"`
	OAuth    oauth    `json:"oauth_config"`
	Settings settings `json:"settings"`
}

type display struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type features struct {
	BotUser       botUser        `json:"bot_user"`
	Shortcuts     []shortcut     `json:"shortcuts,omitempty"`
	SlashCommands []slashCommand `json:"slash_commands,omitempty"`
}

type botUser struct {
	DisplayName string `json:"display_name"`
}

type shortcut struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	CallbackID  string `json:"callback_id"`
	Description string `json:"description"`
}

type slashCommand struct {
	Command     string `json:"command"`
	URL         string `json:"url,omitempty"`
	Description string `json:"description"`
	UsageHint   string `json:"usage_hint"`
	// ShouldEscape would have Slack replace names of people and channels by their IDs. The app reads names of objects.
	ShouldEscape bool `json:"should_escape"`
}

type oauth struct {
	RedirectURLs []string `json:"redirect_urls,omitempty"`
	Scopes       scopes   `json:"scopes"`
}

type scopes struct {
	Bot []string `json:"bot"`
}

type settings struct {
	Events       events        `json:"event_subscriptions"`
	Interactions interactivity `json:"interactivity"`
	OrgDeploy    bool          `json:"org_deploy_enabled"`
	SocketMode   bool          `json:"socket_mode_enabled"`
	Rotation     bool          `json:"token_rotation_enabled"`
}

type events struct {
	RequestURL string   `json:"request_url,omitempty"`
	BotEvents  []string `json:"bot_events"`
}

type interactivity struct {
	IsEnabled  bool   `json:"is_enabled"`
	RequestURL string `json:"request_url,omitempty"`
}
