// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types that several kinds share.
const (
	// ConditionReady is True when the object does what its spec asks for. Always present.
	//
	// Possible reasons when True: "Ready", "Delivered", and "Suspended" if nothing happens because spec.suspend is true on
	// the object or on the integration it needs. When False: "Progressing", or the reason of the condition that failed.
	ConditionReady = "Ready"

	// ConditionReconciling is present, and True, only while the operator is working on the object or will retry.
	ConditionReconciling = "Reconciling"

	// ConditionStalled is present, and True, only if a person has to change something, or if Slack or Jira did not answer
	// for five minutes. Its reason and message explain what. A Secret or an integration may arrive for a minute.
	ConditionStalled = "Stalled"
)

// Reasons that several conditions share.
const (
	// ReasonReady means that everything the spec asks for is done.
	ReasonReady = "Ready"
	// ReasonProgressing means that the operator is working on the object.
	ReasonProgressing = "Progressing"
	// ReasonSuspended means that spec.suspend is true on the object or on the integration it needs. Nothing happens
	// until it is false.
	ReasonSuspended = "Suspended"
	// ReasonInvalid means that Slack or Jira refused the content of the request.
	ReasonInvalid = "Invalid"
	// ReasonUnauthorized means that Slack or Jira refused the credentials.
	ReasonUnauthorized = "Unauthorized"
	// ReasonNotFound means that something the request names does not exist, or that the credentials may not see it.
	ReasonNotFound = "NotFound"
	// ReasonConflict means that something else changed at the same time.
	ReasonConflict = "Conflict"
	// ReasonRateLimited means that Slack or Jira limits the rate of calls.
	ReasonRateLimited = "RateLimited"
	// ReasonUnavailable means that Slack or Jira sent no valid answer.
	ReasonUnavailable = "Unavailable"
	// ReasonAmbiguous means that the connection broke when the call may have taken effect. The operator is looking up
	// the result.
	ReasonAmbiguous = "Ambiguous"
	// ReasonSecretNotFound means that a Secret named by the spec does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretKeyNotFound means that the Secret lacks the key, or that its value is empty.
	ReasonSecretKeyNotFound = "SecretKeyNotFound"
	// ReasonSecretInvalid means that the value of the Secret's key is not what the spec requires.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonAddressRefused means that the operator does not connect to the address of an integration.
	ReasonAddressRefused = "AddressRefused"
	// ReasonIntegrationNotFound means that the integration does not exist, or that there is no default one.
	ReasonIntegrationNotFound = "IntegrationNotFound"
	// ReasonIntegrationNotAllowed means that the integration is in another namespace and does not admit this one.
	ReasonIntegrationNotAllowed = "IntegrationNotAllowed"
	// ReasonIntegrationAmbiguous means that the object names no integration and the namespace has more than one default.
	ReasonIntegrationAmbiguous = "IntegrationAmbiguous"
	// ReasonIntegrationPaused means that calls wait because the integration is failing. They resume when it works again.
	ReasonIntegrationPaused = "IntegrationPaused"
)

// Condition types of integrations, both always present.
const (
	// ConditionAuthenticated is True when the credentials exist and Slack or Jira accepted them.
	//
	// Possible reasons when True: "Accepted", "Unverified" for an incoming webhook. When False: "SecretNotFound",
	// "SecretKeyNotFound", "SecretInvalid", "Unauthorized". Unknown: "Suspended", "Unavailable".
	ConditionAuthenticated = "Authenticated"

	// ConditionHealthy is True when everything the spec names exists in Slack or Jira and calls succeed.
	//
	// Possible reasons when True: "Healthy", "Unverified", "Degraded". When False: "Invalid", "NotFound", "RateLimited",
	// "Unavailable", "Unauthorized". Unknown: "NotAuthenticated", "Suspended".
	ConditionHealthy = "Healthy"
)

// ConditionReceiving is a condition type of SlackIntegrations with spec.appTokenSecretRef. It is True while Slack sends to
// the operator by Socket Mode.
//
// Possible reasons when True: "Connected". When False: "SecretNotFound", "SecretKeyNotFound", "SecretInvalid",
// "Unauthorized", "SocketModeOff", "TooManyConnections", "RateLimited", "Unavailable", "AddressRefused", "Invalid". Unknown:
// "Progressing".
const ConditionReceiving = "Receiving"

// ConditionRefreshing is a condition type of SlackIntegrations whose bot token expires. It is True while the operator
// exchanges the token for the next one in time.
//
// Possible reasons when True: "RefreshScheduled". When False: "NoRefreshToken", "RefreshForbidden", "RefreshRefused",
// "SecretManaged", "SecretNotFound", "SecretKeyNotFound", "SecretInvalid", "RateLimited", "Unavailable", "AddressRefused",
// "Invalid". Unknown: "NotAuthenticated" while Slack rejects the token.
const ConditionRefreshing = "Refreshing"

// Reasons of integration conditions.
const (
	// ReasonAccepted means that the rule is valid, or that Slack or Jira accepted the credentials.
	ReasonAccepted = "Accepted"
	// ReasonUnverified means that the incoming webhook was not used since its URL changed or the operator started. Nothing
	// else shows whether it works.
	ReasonUnverified = "Unverified"
	// ReasonHealthy means that everything the spec names exists and calls succeed.
	ReasonHealthy = "Healthy"
	// ReasonDegraded means that the integration works, with less than the spec asks for.
	ReasonDegraded = "Degraded"
	// ReasonNotAuthenticated means that nothing was checked because the credentials do not work.
	ReasonNotAuthenticated = "NotAuthenticated"
	// ReasonConnected means that connections of Socket Mode are open.
	ReasonConnected = "Connected"
	// ReasonSocketModeOff means that Socket Mode is turned off in the settings of the app.
	ReasonSocketModeOff = "SocketModeOff"
	// ReasonTooManyConnections means that others have all the connections that Slack allows for the app, or that the
	// namespace has connections for as many apps as the operator allows.
	ReasonTooManyConnections = "TooManyConnections"
	// ReasonRefreshScheduled means that the bot token is exchanged for the next one two hours before it ends.
	ReasonRefreshScheduled = "RefreshScheduled"
	// ReasonRefreshForbidden means that the operator may not write the Secret of the bot token.
	ReasonRefreshForbidden = "RefreshForbidden"
	// ReasonRefreshRefused means that Slack refuses the refresh token, or the client of the app.
	ReasonRefreshRefused = "RefreshRefused"
	// ReasonSecretManaged means that Argo CD, Flux or Helm applies the Secret of the bot token.
	ReasonSecretManaged = "SecretManaged"
	// ReasonNoRefreshToken means that the bot token expires while its Secret has no refresh token.
	ReasonNoRefreshToken = "NoRefreshToken"
)
