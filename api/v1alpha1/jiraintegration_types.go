package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// JiraIntegrationSpec says how to reach one Jira project and what its tickets look like.
// +kubebuilder:validation:ExactlyOneOf=basic;bearer
type JiraIntegrationSpec struct {
	// default makes this the integration that Defects of this namespace use when they name none. Mark at most one in a namespace: with
	// two, such Defects are IntegrationAmbiguous.
	// +optional
	Default bool `json:"default,omitempty"`

	// apiURL is the base of Jira's REST API: https://example.atlassian.net on Cloud, https://api.atlassian.com/ex/jira/<cloudId> for
	// scoped tokens, or the base URL of a Data Center.
	// +required
	APIURL HTTPURL `json:"apiURL"`

	// siteURL is where people open issues; apiURL when empty. Set it when apiURL is a gateway.
	// +optional
	SiteURL HTTPURL `json:"siteURL,omitempty"`

	// deployment is Cloud or DataCenter; asked of the server when empty.
	// +optional
	Deployment JiraDeployment `json:"deployment,omitempty"`

	// basic authenticates with a user and an API token (Cloud) or password. Set either basic or bearer.
	// +optional
	Basic *JiraBasicAuth `json:"basic,omitempty"`

	// bearer authenticates with a personal access token (Data Center) or an OAuth access token. Set either basic or bearer.
	// +optional
	Bearer *JiraBearerAuth `json:"bearer,omitempty"`

	// projectKey is the project in which tickets are made, such as VOICE.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z][A-Z0-9_]+$')",message="must be a project key such as VOICE: upper case letters, digits and '_', starting with a letter"
	ProjectKey string `json:"projectKey"`

	// issueType is the type of the tickets, by name; Bug when empty.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	IssueType string `json:"issueType,omitempty"`

	// labels are put on every ticket, next to voice-ai-testing, auto-created and the Defect's own.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Labels []JiraLabel `json:"labels,omitempty"`

	// priorities names Jira's priority for each severity; Highest, High, Medium and Low when empty.
	// +optional
	Priorities *JiraPriorities `json:"priorities,omitempty"`

	// fields are further fields to fill in on each ticket.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	Fields []JiraField `json:"fields,omitempty"`

	// autoCreate says which Defects get a ticket by themselves; none when empty.
	// +optional
	AutoCreate *JiraAutoCreate `json:"autoCreate,omitempty"`

	// states says which state of a Defect (Open, InProgress, Resolved or Closed) a Jira status stands for, where the status's category
	// does not say it well: new is Open, indeterminate is InProgress, done is Resolved.
	// +optional
	// +listType=map
	// +listMapKey=status
	// +kubebuilder:validation:MaxItems=50
	States []JiraStateMapping `json:"states,omitempty"`

	// transitions says to which Jira status a Defect's state moves the ticket, where the category does not say it well.
	// +optional
	// +listType=map
	// +listMapKey=state
	// +kubebuilder:validation:MaxItems=4
	Transitions []JiraTransitionMapping `json:"transitions,omitempty"`

	// reopen says what happens to a resolved ticket when its defect occurs again; it gets a comment when empty.
	// +optional
	Reopen *JiraReopen `json:"reopen,omitempty"`

	// pollIntervalSeconds is how often changes are asked for, one query for all tickets; 60 when empty.
	// +optional
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=86400
	PollIntervalSeconds int32 `json:"pollIntervalSeconds,omitempty"`

	// settleSeconds is how long Jira's search may lag behind: whether a ticket exists after a broken connection is decided when this
	// has passed. 180 when empty; a Data Center with a fast index can do with less.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	SettleSeconds int32 `json:"settleSeconds,omitempty"`

	// webhookSecretRef names the secret with which Jira signs its webhooks.
	// +optional
	WebhookSecretRef *SecretKeyReference `json:"webhookSecretRef,omitempty"`

	// rateLimit lowers or raises what is sent.
	// +optional
	RateLimit *JiraRateLimit `json:"rateLimit,omitempty"`

	// allowedNamespaces says which other namespaces may use this integration; none when empty.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// probeIntervalSeconds is how often credentials and project are checked while all is well; 300 when empty. In trouble they are
	// checked sooner.
	// +optional
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	ProbeIntervalSeconds int32 `json:"probeIntervalSeconds,omitempty"`

	// suspend stops all calls to Jira. What is to be done waits until suspend is false again.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// JiraDeployment is the kind of Jira.
// +kubebuilder:validation:Enum=Cloud;DataCenter
type JiraDeployment string

const (
	// JiraCloud is Atlassian's hosted Jira.
	JiraCloud JiraDeployment = "Cloud"
	// JiraDataCenter is a Jira that its users run.
	JiraDataCenter JiraDeployment = "DataCenter"
)

// JiraBasicAuth is a user with an API token or password.
type JiraBasicAuth struct {
	// username is the account's e-mail address on Cloud, its user name on Data Center.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="!self.matches('[:\\\\s[:cntrl:]]')",message="must be an e-mail address or user name, without spaces and ':'"
	Username string `json:"username"`

	// tokenSecretRef names the API token or password.
	// +required
	TokenSecretRef SecretKeyReference `json:"tokenSecretRef"`
}

// JiraBearerAuth is a token that stands for itself.
type JiraBearerAuth struct {
	// tokenSecretRef names the token.
	// +required
	TokenSecretRef SecretKeyReference `json:"tokenSecretRef"`
}

// JiraLabel is a label of a Jira issue.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\s\\\\p{Z}[:cntrl:]]')",message="must not contain spaces or control characters: Jira refuses them in labels"
type JiraLabel string

// JiraName is the name of something in Jira: a status, a priority, a resolution.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
type JiraName string

// JiraPriorities names a priority for each severity.
type JiraPriorities struct {
	// critical is the priority of Critical defects; Highest when empty.
	// +optional
	Critical JiraName `json:"critical,omitempty"`

	// high is the priority of High defects; High when empty.
	// +optional
	High JiraName `json:"high,omitempty"`

	// medium is the priority of Medium defects; Medium when empty.
	// +optional
	Medium JiraName `json:"medium,omitempty"`

	// low is the priority of Low defects; Low when empty.
	// +optional
	Low JiraName `json:"low,omitempty"`
}

// For is the name of the priority for a severity, with the defaults filled in. A nil map has all the defaults.
func (p *JiraPriorities) For(s Severity) string {
	if p == nil {
		p = &JiraPriorities{}
	}
	pick := func(name JiraName, otherwise string) string {
		if name != "" {
			return string(name)
		}
		return otherwise
	}
	switch s {
	case SeverityCritical:
		return pick(p.Critical, "Highest")
	case SeverityHigh:
		return pick(p.High, "High")
	case SeverityMedium:
		return pick(p.Medium, "Medium")
	case SeverityLow:
		return pick(p.Low, "Low")
	default:
		return ""
	}
}

// JiraFieldType says how a field's value is written.
// +kubebuilder:validation:Enum=Text;Number;Option;MultiOption;User;Date
type JiraFieldType string

// JiraField is one further field of a ticket.
type JiraField struct {
	// name of the field, or its ID such as customfield_10010.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`

	// type says how the value is written: Text, Number, Option, MultiOption (values separated by commas), User (account ID on Cloud,
	// name on Data Center) or Date (2006-01-02).
	// +required
	Type JiraFieldType `json:"type"`

	// template gives the value: text with Go template actions over the Defect, such as {{ .suite }}.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Template string `json:"template"`
}

// JiraAutoCreate says which Defects get a ticket by themselves. All that is given must hold.
type JiraAutoCreate struct {
	// enabled turns it on.
	// +required
	Enabled bool `json:"enabled"`

	// minSeverity is the least severity that gets one; every severity does when empty.
	// +optional
	MinSeverity Severity `json:"minSeverity,omitempty"`

	// categories that get one, of Defect and EdgeCase; Defect only when empty.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=2
	Categories []Category `json:"categories,omitempty"`

	// selector chooses Defects by their labels; all when empty.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`
}

// JiraStateMapping says which state a Jira status stands for.
type JiraStateMapping struct {
	// status is the name of the Jira status.
	// +required
	Status JiraName `json:"status"`

	// state is what it means for the Defect.
	// +required
	State State `json:"state"`
}

// JiraTransitionMapping says to which status a state moves the ticket.
type JiraTransitionMapping struct {
	// state that the Defect is to have.
	// +required
	State State `json:"state"`

	// status is the name of the Jira status to go to.
	// +required
	Status JiraName `json:"status"`
}

// JiraReopenPolicy says what is done with a resolved ticket whose defect occurs again.
// +kubebuilder:validation:Enum=Reopen;Comment
type JiraReopenPolicy string

const (
	// JiraReopenReopen moves the ticket back.
	JiraReopenReopen JiraReopenPolicy = "Reopen"
	// JiraReopenComment says so on the ticket and leaves it.
	JiraReopenComment JiraReopenPolicy = "Comment"
)

// JiraReopen says when a ticket is reopened.
type JiraReopen struct {
	// policy is Reopen or Comment.
	// +required
	Policy JiraReopenPolicy `json:"policy"`

	// withinSeconds limits Reopen to tickets resolved at most this long ago; no limit when empty. Older ones get a comment.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=315360000
	WithinSeconds int64 `json:"withinSeconds,omitempty"`

	// exceptResolutions are resolutions, such as Won't Do, after which a ticket is not reopened.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	ExceptResolutions []JiraName `json:"exceptResolutions,omitempty"`
}

// JiraRateLimit bounds what is sent.
type JiraRateLimit struct {
	// requestsPerSecond is how many requests each endpoint gets in a second. When empty, 97 on Cloud, just under its burst limit of 100, and no
	// limit on Data Center.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// concurrency is how many calls of a kind are under way at once; 32 when empty.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Concurrency int32 `json:"concurrency,omitempty"`
}

// JiraIntegrationStatus is what the operator knows of the project.
type JiraIntegrationStatus struct {
	// conditions are Ready, Authenticated and Healthy, and Reconciling or Stalled while they hold.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status describes; -1 before the first.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// deployment is the kind of Jira found.
	// +optional
	Deployment JiraDeployment `json:"deployment,omitempty"`

	// version is the server's version.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`

	// account is the display name of the user that the credentials stand for.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Account string `json:"account,omitempty"`

	// accountID identifies that user: an account ID on Cloud, a user name on Data Center.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	AccountID string `json:"accountID,omitempty"`

	// lastProbeTime is when credentials and project were last checked.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`

	// lastPollTime is when changes of tickets were last asked for with success.
	// +optional
	LastPollTime *metav1.Time `json:"lastPollTime,omitempty"`

	// createdTotal counts the tickets made.
	// +optional
	CreatedTotal int64 `json:"createdTotal,omitempty"`

	// failedTotal counts the calls that Jira did not accept.
	// +optional
	FailedTotal int64 `json:"failedTotal,omitempty"`

	// lastTest is what came of the last test that was asked for by the annotation test-requested-at.
	// +optional
	LastTest *IntegrationTest `json:"lastTest,omitempty"`

	Health `json:",inline"`
}

// JiraIntegration says how to reach one Jira project and which Defects get a ticket there, and shows whether it works.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=voiceai,shortName=jira
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.projectKey`
// +kubebuilder:printcolumn:name="Deployment",type=string,JSONPath=`.status.deployment`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.status.account`,priority=1
// +kubebuilder:printcolumn:name="Created",type=integer,JSONPath=`.status.createdTotal`,priority=1
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failedTotal`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type JiraIntegration struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is how to reach the project.
	// +required
	Spec JiraIntegrationSpec `json:"spec"`

	// status is what was found there.
	// +optional
	// +structType=atomic
	// +kubebuilder:default:={"observedGeneration":-1}
	Status JiraIntegrationStatus `json:"status,omitzero"`
}

// JiraIntegrationList is a list of JiraIntegrations.
// +kubebuilder:object:root=true
type JiraIntegrationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []JiraIntegration `json:"items"`
}

// GetConditions returns the conditions, for those who set and read them.
func (j *JiraIntegration) GetConditions() *[]metav1.Condition { return &j.Status.Conditions }

// SetObservedGeneration records which generation of the spec the status describes.
func (j *JiraIntegration) SetObservedGeneration(g int64) { j.Status.ObservedGeneration = g }
