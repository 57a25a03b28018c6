// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SlackIntegrationSpec configures the connection to one Slack workspace.
// +kubebuilder:validation:ExactlyOneOf=webhook;bot
// +kubebuilder:validation:XValidation:rule="!has(self.bot) || has(self.defaultChannel)",message="defaultChannel is required with bot; set it to the channel for rules that name no channel",fieldPath=".defaultChannel"
// +kubebuilder:validation:XValidation:rule="!has(self.oauth) || has(self.bot)",message="oauth requires bot; bot.tokenSecretRef names the Secret key that the operator writes the token to",fieldPath=".oauth"
type SlackIntegrationSpec struct {
	// default makes this the integration of all rules in this namespace that name none. Set it on at most one
	// integration in a namespace: with two, such rules get the reason IntegrationAmbiguous.
	// +optional
	Default bool `json:"default,omitempty"`

	// webhook posts through an incoming webhook: one channel, no edits, no threads, and delivery at least once. Set
	// either webhook or bot.
	// +optional
	Webhook *SlackWebhook `json:"webhook,omitempty"`

	// bot posts as a bot user, to any channel it is a member of, and edits and threads its messages. Set either webhook
	// or bot.
	// +optional
	Bot *SlackBot `json:"bot,omitempty"`

	// appID is the ID of the Slack app, from its page "Basic Information". Set it if several apps of this workspace
	// send commands to this cluster; each request then finds its integration by workspace and app.
	// +optional
	AppID SlackAppID `json:"appID,omitempty"`

	// signingSecretRef names the Secret key that holds the app's signing secret, which verifies slash commands and
	// buttons. With it, messages about Defects and runs have buttons.
	// +optional
	SigningSecretRef *SecretKeyReference `json:"signingSecretRef,omitempty"`

	// adminChannel is the channel that a user who lacks a permission can send a request to. The request shows the
	// RoleBinding that would grant it; nothing is granted. Without it no request is offered.
	// +optional
	AdminChannel SlackChannel `json:"adminChannel,omitempty"`

	// appTokenSecretRef names the Secret key that holds an app-level token (xapp-...) with the scope connections:write.
	// With it, the operator receives commands and buttons by Socket Mode, also in clusters that Slack cannot reach, and
	// messages about Defects and runs have buttons.
	// +optional
	AppTokenSecretRef *SecretKeyReference `json:"appTokenSecretRef,omitempty"`

	// oauth is the client of a Slack app that people install from the dashboard. Its token is stored in the Secret of
	// bot.tokenSecretRef, with the rights of who installs it. If the app has token rotation on, the operator refreshes the
	// token there, and needs the right to update that Secret.
	// +optional
	OAuth *SlackOAuth `json:"oauth,omitempty"`

	// defaultChannel is the channel of rules that name none: a name such as #voice-ai-alerts or an ID such as
	// C0123456789. For a webhook it is informational: Slack has bound the webhook to its channel.
	// +optional
	DefaultChannel SlackChannel `json:"defaultChannel,omitempty"`

	// apiURL is the base URL of Slack's Web API. Defaults to https://slack.com/api/. Use https://slack-gov.com/api/ for
	// GovSlack.
	// +optional
	APIURL HTTPURL `json:"apiURL,omitempty"`

	// rateLimit changes the limits on messages, for workspaces whose limits differ from Slack's usual ones.
	// +optional
	RateLimit *SlackRateLimit `json:"rateLimit,omitempty"`

	// transcripts is Masked to mask telephone numbers, e-mail addresses and card numbers in what messages quote of a call,
	// or Verbatim. Defaults to Masked.
	// +optional
	Transcripts TranscriptPolicy `json:"transcripts,omitempty"`

	// evidence is All to post the recording of the turn that failed to the thread about its Defect. The token then needs the
	// scope files:write. Defaults to WithoutAudio, which posts none.
	// +optional
	Evidence EvidencePolicy `json:"evidence,omitempty"`

	// allowedNamespaces selects other namespaces that may use this integration. If empty, none may.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// probeIntervalSeconds is how often the operator checks the credentials of a healthy integration. Defaults to 300.
	// An unhealthy integration is checked more often.
	// +optional
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	ProbeIntervalSeconds int32 `json:"probeIntervalSeconds,omitempty"`

	// suspend stops all calls to Slack. Messages wait until suspend is false again, or expire. Commands and clicks are
	// answered that the integration is suspended.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// SlackChannel is the name of a channel with its #, or the ID of a channel or user.
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=81
// +kubebuilder:validation:XValidation:rule="self.matches('^(#[\\\\p{Ll}\\\\p{Lo}\\\\p{Lm}\\\\p{M}\\\\p{N}_-]{1,80}|[CGDUW][A-Z0-9]{2,24})$')",message="must be a channel name such as #voice-ai-alerts (lowercase, no spaces) or an ID such as C0123456789"
type SlackChannel string

// SlackAppID is the ID of a Slack app.
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^A[A-Z0-9]+$')",message="must be the ID of a Slack app such as A0123456789, from its page \"Basic Information\""
type SlackAppID string

// HTTPURL is an absolute http or https URL without credentials, query or fragment.
// +kubebuilder:validation:MinLength=8
// +kubebuilder:validation:MaxLength=1024
// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && size(url(self).getHost()) > 0 && !self.matches('[@?#\\\\s]')",message="must be an absolute URL such as https://example.com/path, with http or https and without credentials, query or fragment"
type HTTPURL string

// SlackWebhook is an incoming webhook.
// +structType=atomic
type SlackWebhook struct {
	// urlSecretRef names the Secret key that holds the webhook's URL. The URL is a secret: anyone who has it can post.
	// +required
	URLSecretRef SecretKeyReference `json:"urlSecretRef"`
}

// SlackBot is a bot user.
// +structType=atomic
type SlackBot struct {
	// tokenSecretRef names the Secret key that holds the bot token (xoxb-...). With oauth, it may be empty until the app
	// is installed.
	// +required
	TokenSecretRef SecretKeyReference `json:"tokenSecretRef"`
}

// SlackOAuth is a Slack app's OAuth client.
// +structType=atomic
type SlackOAuth struct {
	// clientID is the app's client ID, from its page "Basic Information".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ClientID string `json:"clientID"`

	// clientSecretRef names the Secret key that holds the app's client secret.
	// +required
	ClientSecretRef SecretKeyReference `json:"clientSecretRef"`
}

// SlackRateLimit limits the messages to Slack.
// +structType=atomic
type SlackRateLimit struct {
	// channelMessagesPerMinute is the sustained rate for one channel. Defaults to 60, as Slack documents.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	ChannelMessagesPerMinute int32 `json:"channelMessagesPerMinute,omitempty"`

	// workspaceMessagesPerMinute is the sustained rate for all channels together. Defaults to 300.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	WorkspaceMessagesPerMinute int32 `json:"workspaceMessagesPerMinute,omitempty"`
}

// SlackIntegrationStatus is the observed state of a SlackIntegration.
type SlackIntegrationStatus struct {
	// conditions are Ready, Authenticated and Healthy, Receiving with Socket Mode, Refreshing for a token that expires, plus
	// Reconciling or Stalled while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// team is the name of the workspace.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Team string `json:"team,omitempty"`

	// teamID is the ID of the workspace.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TeamID string `json:"teamID,omitempty"`

	// botUserID is the ID of the bot user.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	BotUserID string `json:"botUserID,omitempty"`

	// grantedScopes are the scopes of the bot token, as Slack lists them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	GrantedScopes []SlackScope `json:"grantedScopes,omitempty"`

	// delivery is the delivery guarantee: ExactlyOnce, or AtLeastOnce if the operator cannot look up whether a message
	// arrived (an incoming webhook, or a token without a history scope).
	// +optional
	Delivery DeliveryGuarantee `json:"delivery,omitempty"`

	// lastProbeTime is when the operator last checked the credentials.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`

	// channels are the IDs of channels that are configured by name. Slack returns the ID when a message is posted. A
	// channel that is renamed in Slack is posted to by its ID.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Channels []KnownChannel `json:"channels,omitempty"`

	// sentTotal counts the messages that Slack accepted.
	// +optional
	SentTotal int64 `json:"sentTotal,omitempty"`

	// failedTotal counts the attempts that failed.
	// +optional
	FailedTotal int64 `json:"failedTotal,omitempty"`

	// lastTest is the result of the last test that was requested by the annotation test-requested-at. A test calls the
	// other side, and the conditions follow its result at once.
	// +optional
	LastTest *IntegrationTest `json:"lastTest,omitempty"`

	Health `json:",inline"`
}

// SlackScope is a permission of a token, such as chat:write.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
type SlackScope string

// KnownChannel is a channel's name and ID.
type KnownChannel struct {
	// name is the name of the channel, with its #.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=81
	Name string `json:"name"`

	// id is the ID of the channel.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=81
	ID string `json:"id"`
}

// DeliveryGuarantee is how often a message can arrive.
// +kubebuilder:validation:Enum=ExactlyOnce;AtLeastOnce
type DeliveryGuarantee string

const (
	// DeliveryExactlyOnce means that after a broken connection the operator looks up the message in the channel.
	DeliveryExactlyOnce DeliveryGuarantee = "ExactlyOnce"
	// DeliveryAtLeastOnce means that after a broken connection the operator sends the message again, so it may appear
	// twice.
	DeliveryAtLeastOnce DeliveryGuarantee = "AtLeastOnce"
)

// SlackIntegration connects to one Slack workspace by incoming webhook or bot token. Its status shows whether the
// connection works.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Prune=false,Delete=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:categories=voiceai,shortName=slack
// +kubebuilder:printcolumn:name="Team",type=string,JSONPath=`.status.team`
// +kubebuilder:printcolumn:name="Channel",type=string,JSONPath=`.spec.defaultChannel`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Sent",type=integer,JSONPath=`.status.sentTotal`,priority=1
// +kubebuilder:printcolumn:name="Failed Attempts",type=integer,JSONPath=`.status.failedTotal`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type SlackIntegration struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec configures the connection.
	// +required
	Spec SlackIntegrationSpec `json:"spec"`

	// status is the observed state of the connection.
	// +optional
	// +structType=atomic
	// +default={"observedGeneration":-1}
	Status SlackIntegrationStatus `json:"status,omitzero"`
}

// SlackIntegrationList is a list of SlackIntegrations.
// +kubebuilder:object:root=true
type SlackIntegrationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []SlackIntegration `json:"items"`
}

// GetConditions returns a pointer to the conditions of the status.
func (s *SlackIntegration) GetConditions() *[]metav1.Condition { return &s.Status.Conditions }

// SetObservedGeneration records the generation of the spec that the status describes.
func (s *SlackIntegration) SetObservedGeneration(g int64) { s.Status.ObservedGeneration = g }
