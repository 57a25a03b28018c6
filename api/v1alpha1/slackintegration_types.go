package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SlackIntegrationSpec says how to reach one Slack workspace.
// +kubebuilder:validation:ExactlyOneOf=webhook;bot
// +kubebuilder:validation:XValidation:rule="!has(self.bot) || has(self.defaultChannel)",message="defaultChannel is required with bot: name the channel that messages go to when a rule names none",fieldPath=".defaultChannel"
// +kubebuilder:validation:XValidation:rule="!has(self.oauth) || has(self.bot)",message="oauth needs bot: bot.tokenSecretRef says where the installed token is kept",fieldPath=".oauth"
type SlackIntegrationSpec struct {
	// default makes this the integration that rules of this namespace use when they name none. Mark at most one in a namespace: with two,
	// such rules are IntegrationAmbiguous.
	// +optional
	Default bool `json:"default,omitempty"`

	// webhook posts through an incoming webhook: one channel, no edits, no threads, and delivery at least once. Set either webhook or
	// bot.
	// +optional
	Webhook *SlackWebhook `json:"webhook,omitempty"`

	// bot posts as a bot user, to any channel it is a member of, and edits and threads its messages. Set either webhook or bot.
	// +optional
	Bot *SlackBot `json:"bot,omitempty"`

	// signingSecretRef names the app's signing secret, with which slash commands and buttons are verified.
	// +optional
	SigningSecretRef *SecretKeyReference `json:"signingSecretRef,omitempty"`

	// appTokenSecretRef names an app-level token (xapp-...) for Socket Mode, by which clusters without a way in take commands.
	// +optional
	AppTokenSecretRef *SecretKeyReference `json:"appTokenSecretRef,omitempty"`

	// oauth is the Slack app that can be installed from the browser; the token is written to bot.tokenSecretRef.
	// +optional
	OAuth *SlackOAuth `json:"oauth,omitempty"`

	// defaultChannel is where messages go when a rule names no channel: a name such as #voice-ai-alerts or an ID such as
	// C0123456789. For a webhook it only says which channel Slack bound it to.
	// +optional
	DefaultChannel SlackChannel `json:"defaultChannel,omitempty"`

	// apiURL is the base of Slack's Web API: https://slack.com/api/ when empty, https://slack-gov.com/api/ for GovSlack.
	// +optional
	APIURL HTTPURL `json:"apiURL,omitempty"`

	// rateLimit lowers or raises what is sent, for workspaces with other limits than Slack's usual ones.
	// +optional
	RateLimit *SlackRateLimit `json:"rateLimit,omitempty"`

	// allowedNamespaces says which other namespaces may use this integration; none when empty.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// probeIntervalSeconds is how often the credentials are checked while all is well; 300 when empty. In trouble it is checked
	// sooner.
	// +optional
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	ProbeIntervalSeconds int32 `json:"probeIntervalSeconds,omitempty"`

	// suspend stops all calls to Slack. What is to be sent waits until suspend is false again, or expires.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// SlackChannel is a channel's name with its #, or a channel's or user's ID.
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=81
// +kubebuilder:validation:XValidation:rule="self.matches('^(#[\\\\p{Ll}\\\\p{Lo}\\\\p{Lm}\\\\p{N}_-]{1,80}|[CGDUW][A-Z0-9]{2,24})$')",message="must be a channel name such as #voice-ai-alerts (lower case, no spaces) or an ID such as C0123456789"
type SlackChannel string

// HTTPURL is an absolute http or https URL without credentials, query or fragment.
// +kubebuilder:validation:MinLength=8
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && size(url(self).getHost()) > 0 && !self.matches('[@?#\\\\s]')",message="must be an absolute URL such as https://example.com/path, with http or https and without credentials, query or fragment"
type HTTPURL string

// SlackWebhook is an incoming webhook.
type SlackWebhook struct {
	// urlSecretRef names the webhook's URL, which is a secret: whoever has it can post.
	// +required
	URLSecretRef SecretKeyReference `json:"urlSecretRef"`
}

// SlackBot is a bot user's token.
type SlackBot struct {
	// tokenSecretRef names the bot token (xoxb-...). With oauth set it may be empty until the app is installed.
	// +required
	TokenSecretRef SecretKeyReference `json:"tokenSecretRef"`
}

// SlackOAuth is a Slack app's OAuth client.
type SlackOAuth struct {
	// clientID of the app, from its page "Basic Information".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ClientID string `json:"clientID"`

	// clientSecretRef names the app's client secret.
	// +required
	ClientSecretRef SecretKeyReference `json:"clientSecretRef"`
}

// SlackRateLimit bounds what is sent.
type SlackRateLimit struct {
	// channelMessagesPerMinute is the steady rate for one channel; 60 when empty, as Slack documents.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	ChannelMessagesPerMinute int32 `json:"channelMessagesPerMinute,omitempty"`

	// workspaceMessagesPerMinute is the steady rate for all channels together; 300 when empty.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	WorkspaceMessagesPerMinute int32 `json:"workspaceMessagesPerMinute,omitempty"`
}

// SlackIntegrationStatus is what the operator knows of the workspace.
type SlackIntegrationStatus struct {
	// conditions are Ready, Authenticated and Healthy, and Reconciling or Stalled while they hold.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// team is the workspace's name.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Team string `json:"team,omitempty"`

	// teamID is the workspace's ID.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TeamID string `json:"teamID,omitempty"`

	// botUserID is the user as which the bot posts.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	BotUserID string `json:"botUserID,omitempty"`

	// delivery says what is guaranteed: ExactlyOnce, or AtLeastOnce where Slack cannot be asked whether a message arrived (an
	// incoming webhook, a token without a history scope).
	// +optional
	Delivery DeliveryGuarantee `json:"delivery,omitempty"`

	// lastProbeTime is when the credentials were last checked.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`

	// channels are the IDs of channels that are named, as Slack told them when something was posted there.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Channels []KnownChannel `json:"channels,omitempty"`

	// sentTotal counts the messages that Slack accepted.
	// +optional
	SentTotal int64 `json:"sentTotal,omitempty"`

	// failedTotal counts the attempts that Slack did not accept.
	// +optional
	FailedTotal int64 `json:"failedTotal,omitempty"`

	// lastTest is what came of the last test that was asked for by the annotation test-requested-at.
	// +optional
	LastTest *IntegrationTest `json:"lastTest,omitempty"`

	Health `json:",inline"`
}

// KnownChannel is a channel's name and ID.
type KnownChannel struct {
	// name of the channel, with #.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=81
	Name string `json:"name"`

	// id of the channel.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=81
	ID string `json:"id"`
}

// DeliveryGuarantee says how often a message can arrive.
// +kubebuilder:validation:Enum=ExactlyOnce;AtLeastOnce
type DeliveryGuarantee string

const (
	// DeliveryExactlyOnce: after a broken connection the channel is asked whether the message is there.
	DeliveryExactlyOnce DeliveryGuarantee = "ExactlyOnce"
	// DeliveryAtLeastOnce: after a broken connection the message is sent again, and may then be there twice.
	DeliveryAtLeastOnce DeliveryGuarantee = "AtLeastOnce"
)

// SlackIntegration says how to reach one Slack workspace, by incoming webhook or by bot token, and shows whether it works.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=voiceai,shortName=slack
// +kubebuilder:printcolumn:name="Team",type=string,JSONPath=`.status.team`
// +kubebuilder:printcolumn:name="Channel",type=string,JSONPath=`.spec.defaultChannel`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Sent",type=integer,JSONPath=`.status.sentTotal`,priority=1
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failedTotal`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type SlackIntegration struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is how to reach the workspace.
	// +required
	Spec SlackIntegrationSpec `json:"spec"`

	// status is what was found there.
	// +optional
	// +structType=atomic
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SlackIntegrationStatus `json:"status,omitzero"`
}

// SlackIntegrationList is a list of SlackIntegrations.
// +kubebuilder:object:root=true
type SlackIntegrationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []SlackIntegration `json:"items"`
}

// GetConditions returns the conditions, for those who set and read them.
func (s *SlackIntegration) GetConditions() *[]metav1.Condition { return &s.Status.Conditions }

// SetObservedGeneration records which generation of the spec the status describes.
func (s *SlackIntegration) SetObservedGeneration(g int64) { s.Status.ObservedGeneration = g }
