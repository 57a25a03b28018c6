// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// JiraIntegrationSpec configures the connection to one Jira project and the tickets created there.
// +kubebuilder:validation:ExactlyOneOf=basic;bearer
type JiraIntegrationSpec struct {
	// default makes this the integration of all Defects in this namespace that name none. Set it on at most one
	// integration in a namespace: with two, such Defects get the reason IntegrationAmbiguous.
	// +optional
	Default bool `json:"default,omitempty"`

	// apiURL is the base URL of Jira's REST API: https://example.atlassian.net on Cloud,
	// https://api.atlassian.com/ex/jira/CLOUDID for scoped tokens, or the base URL of a Data Center instance.
	// +required
	APIURL HTTPURL `json:"apiURL"`

	// siteURL is the base URL of issues in the browser. Defaults to the base URL that Jira reports, or else to apiURL.
	// +optional
	SiteURL HTTPURL `json:"siteURL,omitempty"`

	// deployment is Cloud or DataCenter. If empty, the operator detects it.
	// +optional
	Deployment JiraDeployment `json:"deployment,omitempty"`

	// basic authenticates with a user and an API token (Cloud) or password. Set either basic or bearer.
	// +optional
	Basic *JiraBasicAuth `json:"basic,omitempty"`

	// bearer authenticates with a personal access token (Data Center) or an OAuth access token. Set either basic or
	// bearer.
	// +optional
	Bearer *JiraBearerAuth `json:"bearer,omitempty"`

	// projectKey is the key of the project in which tickets are created, such as VOICE.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Z0-9_]+$')",message="must be a project key such as VOICE: uppercase letters, digits and '_', starting with a letter"
	ProjectKey string `json:"projectKey"`

	// issueType is the name of the tickets' issue type, in any case, in the account's language or untranslated. It cannot
	// be a sub-task type. Defaults to Bug.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	IssueType string `json:"issueType,omitempty"`

	// labels are added to every ticket, in addition to voice-ai-testing, auto-created and the Defect's own labels.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Labels []JiraLabel `json:"labels,omitempty"`

	// priorities maps severities to Jira priorities. Defaults to Highest, High, Medium and Low.
	// +optional
	Priorities *JiraPriorities `json:"priorities,omitempty"`

	// fields are additional fields to set on every ticket.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	Fields []JiraField `json:"fields,omitempty"`

	// autoCreate selects the Defects that get a ticket automatically. If empty, none do.
	// +optional
	AutoCreate *JiraAutoCreate `json:"autoCreate,omitempty"`

	// states maps Jira statuses to states of a Defect (Open, InProgress, Resolved or Closed). A status that is not
	// listed maps by its category: new is Open, indeterminate is InProgress, done is Resolved.
	// +optional
	// +listType=map
	// +listMapKey=status
	// +kubebuilder:validation:MaxItems=50
	States []JiraStateMapping `json:"states,omitempty"`

	// transitions maps states of a Defect to the Jira statuses that tickets move to. A state that is not listed maps by
	// the category of the status: to the status with the state's name, or to the only one of that category. If Jira
	// offers several others, such as Done and Rejected, list the state here.
	// +optional
	// +listType=map
	// +listMapKey=state
	// +kubebuilder:validation:MaxItems=4
	Transitions []JiraTransitionMapping `json:"transitions,omitempty"`

	// reopen configures what happens to a resolved ticket when its defect occurs again. If empty, the ticket gets a
	// comment.
	// +optional
	Reopen *JiraReopen `json:"reopen,omitempty"`

	// resolve configures what happens to the ticket of a Defect whose test passes again. If empty, it is moved too.
	// +optional
	Resolve *JiraResolve `json:"resolve,omitempty"`

	// transcripts is Masked to mask telephone numbers, e-mail addresses and card numbers in what tickets quote of a call,
	// or Verbatim. Defaults to Masked.
	// +optional
	Transcripts TranscriptPolicy `json:"transcripts,omitempty"`

	// evidence is WithoutAudio to attach texts, pictures and documents of Defects to their tickets, All to attach
	// recordings too, or None. Defaults to WithoutAudio.
	// +optional
	Evidence EvidencePolicy `json:"evidence,omitempty"`

	// pollIntervalSeconds is how often the operator queries Jira for changes, with one query for all tickets. Defaults
	// to 60.
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=86400
	PollIntervalSeconds int32 `json:"pollIntervalSeconds,omitempty"`

	// settleSeconds is how long Jira's search index may lag behind. After a broken connection, the operator waits this
	// long before it decides whether a ticket exists. Defaults to 180. A Data Center instance with a fast index can use
	// less.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	SettleSeconds int32 `json:"settleSeconds,omitempty"`

	// webhookSecretRef names the Secret key with which Jira signs its webhooks.
	// +optional
	WebhookSecretRef *SecretKeyReference `json:"webhookSecretRef,omitempty"`

	// rateLimit changes the default limits on calls to Jira.
	// +optional
	RateLimit *JiraRateLimit `json:"rateLimit,omitempty"`

	// allowedNamespaces selects other namespaces that may use this integration. If empty, none may.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// probeIntervalSeconds is how often the operator checks the credentials and the project of a healthy integration.
	// Defaults to 300. An unhealthy integration is checked more often.
	// +optional
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	ProbeIntervalSeconds int32 `json:"probeIntervalSeconds,omitempty"`

	// suspend stops all calls to Jira. Pending work waits until suspend is false again.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// JiraDeployment is the kind of Jira deployment.
// +kubebuilder:validation:Enum=Cloud;DataCenter
type JiraDeployment string

const (
	// JiraCloud is Jira Cloud, hosted by Atlassian.
	JiraCloud JiraDeployment = "Cloud"
	// JiraDataCenter is a self-hosted Jira Data Center.
	JiraDataCenter JiraDeployment = "DataCenter"
)

// JiraBasicAuth authenticates with a user and an API token or password.
// +structType=atomic
type JiraBasicAuth struct {
	// username is the account's e-mail address on Cloud, or its user name on Data Center.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="!self.matches('[:\\\\s[:cntrl:]]')",message="must be an e-mail address or a user name, without spaces or ':'"
	Username string `json:"username"`

	// tokenSecretRef names the Secret key that holds the API token or password.
	// +required
	TokenSecretRef SecretKeyReference `json:"tokenSecretRef"`
}

// JiraBearerAuth authenticates with a bearer token.
// +structType=atomic
type JiraBearerAuth struct {
	// tokenSecretRef names the Secret key that holds the token.
	// +required
	TokenSecretRef SecretKeyReference `json:"tokenSecretRef"`
}

// JiraRateLimit limits the calls to Jira.
// +structType=atomic
type JiraRateLimit struct {
	// requestsPerSecond is the number of requests per second to each endpoint. Defaults to 97 on Cloud, just below its
	// burst limit of 100, and to no limit on Data Center.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// concurrency is the number of concurrent calls of each kind. Defaults to 32.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Concurrency int32 `json:"concurrency,omitempty"`
}

// JiraIntegrationStatus is the observed state of a JiraIntegration.
type JiraIntegrationStatus struct {
	// conditions are Ready, Authenticated and Healthy, plus Reconciling or Stalled while they are True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// deployment is the kind of deployment that was found.
	// +optional
	Deployment JiraDeployment `json:"deployment,omitempty"`

	// version is the version of the Jira server.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`

	// account is the display name of the authenticated user.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Account string `json:"account,omitempty"`

	// accountID identifies the authenticated user: an account ID on Cloud, a user name on Data Center.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	AccountID string `json:"accountID,omitempty"`

	// lastProbeTime is when the operator last checked the credentials and the project.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`

	// ticketsReadFrom is spec.apiURL from which the operator had read the tickets that are open or changed lately before it
	// filed any. It adopts those whose Defects are created again, as after the cluster was rebuilt.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	TicketsReadFrom string `json:"ticketsReadFrom,omitempty"`

	// lastPollTime is when the operator last queried Jira for changes successfully.
	// +optional
	LastPollTime *metav1.Time `json:"lastPollTime,omitempty"`

	// createdTotal counts the tickets created.
	// +optional
	CreatedTotal int64 `json:"createdTotal,omitempty"`

	// failedTotal counts the failed calls to Jira.
	// +optional
	FailedTotal int64 `json:"failedTotal,omitempty"`

	// lastTest is the result of the last test that was requested by the annotation test-requested-at. A test calls the
	// other side, and the conditions follow its result at once.
	// +optional
	LastTest *IntegrationTest `json:"lastTest,omitempty"`

	Health `json:",inline"`
}

// JiraIntegration connects to one Jira project and selects the Defects that get a ticket there. Its status shows
// whether the connection works.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Prune=false,Delete=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:categories=voiceai,shortName=jira
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.projectKey`
// +kubebuilder:printcolumn:name="Deployment",type=string,JSONPath=`.status.deployment`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.status.account`,priority=1
// +kubebuilder:printcolumn:name="Created",type=integer,JSONPath=`.status.createdTotal`,priority=1
// +kubebuilder:printcolumn:name="Failed Attempts",type=integer,JSONPath=`.status.failedTotal`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type JiraIntegration struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec configures the connection.
	// +required
	Spec JiraIntegrationSpec `json:"spec"`

	// status is the observed state of the connection.
	// +optional
	// +structType=atomic
	// +default={"observedGeneration":-1}
	Status JiraIntegrationStatus `json:"status,omitzero"`
}

// JiraIntegrationList is a list of JiraIntegrations.
// +kubebuilder:object:root=true
type JiraIntegrationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []JiraIntegration `json:"items"`
}

// GetConditions returns a pointer to the conditions of the status.
func (j *JiraIntegration) GetConditions() *[]metav1.Condition { return &j.Status.Conditions }

// SetObservedGeneration records the generation of the spec that the status describes.
func (j *JiraIntegration) SetObservedGeneration(g int64) { j.Status.ObservedGeneration = g }
