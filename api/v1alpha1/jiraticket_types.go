// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// JiraLabel is a label of a Jira issue. Labels that begin with defect- or voice-ai-defect- are the operator's: by them it
// recognises the ticket of a Defect.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\s\\\\p{Z}[:cntrl:]]')",message="must not contain spaces or control characters, which Jira does not allow in labels"
// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().startsWith('defect-') && !self.lowerAscii().startsWith('voice-ai-defect-')",message="must not begin with defect- or voice-ai-defect-, by which the operator recognises its tickets"
type JiraLabel string

// JiraName is the name of a Jira status, priority or resolution.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
type JiraName string

// JiraPriorities maps severities to the names of Jira priorities.
// +structType=atomic
type JiraPriorities struct {
	// critical is the priority of Critical defects. Defaults to Highest.
	// +optional
	Critical JiraName `json:"critical,omitempty"`

	// high is the priority of High defects. Defaults to High.
	// +optional
	High JiraName `json:"high,omitempty"`

	// medium is the priority of Medium defects. Defaults to Medium.
	// +optional
	Medium JiraName `json:"medium,omitempty"`

	// low is the priority of Low defects. Defaults to Low.
	// +optional
	Low JiraName `json:"low,omitempty"`
}

// For returns the name of the priority for a severity, or its default. A nil p has all the defaults.
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

// JiraFieldType is the format of a field's value.
// +kubebuilder:validation:Enum=Text;Number;Option;MultiOption;User;Date
type JiraFieldType string

// JiraField is an additional field of a ticket.
type JiraField struct {
	// name is the name of the field, or its ID such as customfield_10010.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`

	// type is the format of the value: Text, Number, Option, MultiOption (values separated by commas), User (account ID
	// on Cloud, user name on Data Center) or Date (2006-01-02).
	// +required
	Type JiraFieldType `json:"type"`

	// template produces the value: text with Go template actions over the Defect, such as {{ .suite }}.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Template string `json:"template"`
}

// JiraAutoCreate selects the Defects that get a ticket automatically. A Defect must meet every criterion.
// +structType=atomic
type JiraAutoCreate struct {
	// enabled turns automatic creation on.
	// +required
	Enabled bool `json:"enabled"`

	// minSeverity is the lowest severity that gets a ticket. If empty, every severity does.
	// +optional
	MinSeverity Severity `json:"minSeverity,omitempty"`

	// categories are the categories that get a ticket: Defect, EdgeCase or both. Defaults to Defect only.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=2
	Categories []Category `json:"categories,omitempty"`

	// selector selects Defects by their labels. If empty, it selects all.
	// +optional
	Selector *LabelSelector `json:"selector,omitempty"`
}

// JiraStateMapping maps a Jira status to a state of a Defect.
type JiraStateMapping struct {
	// status is the name of the Jira status.
	// +required
	Status JiraName `json:"status"`

	// state is the state of the Defect while its ticket has this status.
	// +required
	State State `json:"state"`
}

// JiraTransitionMapping maps a state of a Defect to a Jira status.
type JiraTransitionMapping struct {
	// state is the desired state of the Defect.
	// +required
	State State `json:"state"`

	// status is the name of the Jira status that the ticket moves to.
	// +required
	Status JiraName `json:"status"`
}

// JiraReopenPolicy is what happens to a resolved ticket when its defect occurs again.
// +kubebuilder:validation:Enum=Reopen;Comment
type JiraReopenPolicy string

const (
	// JiraReopenReopen reopens the ticket.
	JiraReopenReopen JiraReopenPolicy = "Reopen"
	// JiraReopenComment adds a comment and leaves the ticket resolved.
	JiraReopenComment JiraReopenPolicy = "Comment"
)

// JiraReopen configures when a ticket is reopened.
// +structType=atomic
type JiraReopen struct {
	// policy is Reopen or Comment.
	// +required
	Policy JiraReopenPolicy `json:"policy"`

	// withinSeconds limits Reopen to tickets that were resolved at most this long ago. Older ones get a comment. If
	// empty, there is no limit.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=315360000
	WithinSeconds int64 `json:"withinSeconds,omitempty"`

	// exceptResolutions are the resolutions, such as Won't Do, after which a ticket is not reopened.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	ExceptResolutions []JiraName `json:"exceptResolutions,omitempty"`
}

// JiraResolvePolicy is what happens to the ticket of a Defect whose test passes again.
// +kubebuilder:validation:Enum=Resolve;Comment
type JiraResolvePolicy string

const (
	// JiraResolveResolve moves the ticket to the status that stands for Resolved.
	JiraResolveResolve JiraResolvePolicy = "Resolve"
	// JiraResolveComment adds a comment and leaves the ticket open.
	JiraResolveComment JiraResolvePolicy = "Comment"
)

// JiraResolve configures what happens to the ticket of a Defect whose test passes again.
// +structType=atomic
type JiraResolve struct {
	// policy is Resolve or Comment.
	// +required
	Policy JiraResolvePolicy `json:"policy"`
}
