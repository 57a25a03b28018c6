// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// MaxEvidenceFiles bounds the files of a Defect, and its links.
	MaxEvidenceFiles = 20
	// MaxEvidenceBytes bounds the files of a Defect together.
	MaxEvidenceBytes = 10 << 20
	// EvidencePartBytes is the size of every part of a file but the last one. An object in etcd has less than 1.5 MiB, and
	// base64 needs a third more.
	EvidencePartBytes = 768 << 10
)

// DefectLabel is set on Evidence: the UID of its Defect, by which the operator removes all of it at once.
const DefectLabel = "integrations.voiceai.dev/defect"

// DefectEvidence lists the files that show a defect, such as logs, screenshots and recordings.
// +kubebuilder:validation:XValidation:rule="!has(self.clip) || has(self.files) && self.files.exists(f, f.name == self.clip)",message="must be the name of one of the files",fieldPath=".clip"
type DefectEvidence struct {
	// time is when the files were reported. Files for which there is no ticket a day later are removed.
	// +required
	Time metav1.Time `json:"time"`

	// files are attached to the ticket, each once. Their content is in objects of the kind Evidence.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:XValidation:rule="self.map(f, f.bytes).sum() <= 10485760",message="must have at most 10485760 bytes (10 MiB) together"
	Files []EvidenceFile `json:"files,omitempty"`

	// clip is the name of the file with the recording of the turn that failed. It is posted to the thread about the Defect if
	// spec.evidence of the SlackIntegration is All.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Clip string `json:"clip,omitempty"`

	// links are files that are somewhere else. The ticket gets one comment with all of them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	Links []EvidenceLink `json:"links,omitempty"`

	// more counts the files that are neither attached nor linked.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	More int32 `json:"more,omitempty"`
}

// EvidenceFile is one file. Objects of the kind Evidence hold its content, in parts.
type EvidenceFile struct {
	// name is the name of the file, without a directory. Its extension decides what is known of its content.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_][A-Za-z0-9._-]*$')",message="must consist of letters, digits, '.', '_' and '-', and not start with '.' or '-'"
	Name string `json:"name"`

	// bytes is the size of the file.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10485760
	Bytes int64 `json:"bytes"`

	// sha256 is the SHA-256 hash of the file.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{64}$')",message="must be a SHA-256 hash in lower-case hexadecimal digits"
	SHA256 string `json:"sha256"`
}

// Parts returns how many objects hold the content of the file.
func (f EvidenceFile) Parts() int {
	return int((f.Bytes + EvidencePartBytes - 1) / EvidencePartBytes)
}

// EvidenceName returns the name of the object with a part of a file of a Defect, starting at 0.
func EvidenceName(defect types.UID, file EvidenceFile, part int) string {
	sum := sha256.Sum256([]byte(string(defect) + "\x00" + file.SHA256))
	return fmt.Sprintf("evidence-%s-%d", hex.EncodeToString(sum[:10]), part)
}

// EvidenceLink is a file that is somewhere else.
type EvidenceLink struct {
	// name is what the link is called.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`

	// url is the address of the file.
	// +required
	URL HTTPURL `json:"url"`
}

// EvidenceState is what became of a file.
// +kubebuilder:validation:Enum=Attached;Withheld;Refused;Missing;Expired
type EvidenceState string

const (
	// EvidenceAttached means that the file is on the ticket.
	EvidenceAttached EvidenceState = "Attached"
	// EvidenceWithheld means that spec.evidence of the integration does not let the file leave the cluster.
	EvidenceWithheld EvidenceState = "Withheld"
	// EvidenceRefused means that Jira does not accept the file.
	EvidenceRefused EvidenceState = "Refused"
	// EvidenceMissing means that the content of the file is not in the cluster, or differs from its hash.
	EvidenceMissing EvidenceState = "Missing"
	// EvidenceExpired means that there was no ticket within a day.
	EvidenceExpired EvidenceState = "Expired"
)

// DefectEvidenceStatus is what became of the files of a Defect.
type DefectEvidenceStatus struct {
	// message says what the files wait for; empty when there is nothing to wait for.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// clipMessage says what the recording waits for; empty when there is nothing to wait for.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ClipMessage string `json:"clipMessage,omitempty"`

	// files are the files that were handled.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	Files []EvidenceFileStatus `json:"files,omitempty"`

	// policy is spec.evidence of the JiraIntegration that withheld files; empty when none is withheld.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Policy EvidencePolicy `json:"policy,omitempty"`

	// clips are the threads to which spec.evidence.clip was posted, or will not be.
	// +optional
	// +listType=map
	// +listMapKey=rule
	// +kubebuilder:validation:MaxItems=32
	Clips []EvidenceClip `json:"clips,omitempty"`

	// linkedTime is spec.evidence.time of the links on which the ticket has a comment.
	// +optional
	LinkedTime *metav1.Time `json:"linkedTime,omitempty"`

	// removedTime is when the content of the files was removed from the cluster; empty while it is there.
	// +optional
	RemovedTime *metav1.Time `json:"removedTime,omitempty"`
}

// EvidenceFileStatus is what became of one file.
type EvidenceFileStatus struct {
	// name is the name of the file.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name"`

	// sha256 is the SHA-256 hash of the file.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	SHA256 string `json:"sha256"`

	// state is Attached, Withheld, Refused, Missing or Expired.
	// +required
	State EvidenceState `json:"state"`

	// url is where people open the attachment, with the rights that they have in Jira.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`

	// message says why the file is not attached.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// time is when the file was handled.
	// +required
	Time metav1.Time `json:"time"`
}

// EvidenceClip is what became of the recording in the thread of a message.
type EvidenceClip struct {
	// rule is the NotificationRule of the message, as in status.messages.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Rule string `json:"rule"`

	// sha256 is the SHA-256 hash of the recording.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	SHA256 string `json:"sha256"`

	// state is Attached, Refused or Missing.
	// +required
	State EvidenceState `json:"state"`

	// message says why the recording is not there.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// time is when that was decided.
	// +required
	Time metav1.Time `json:"time"`
}

// EvidencePolicy decides which files leave the cluster.
// +kubebuilder:validation:Enum=None;WithoutAudio;All
type EvidencePolicy string

const (
	// EvidenceNone lets no file leave the cluster.
	EvidenceNone EvidencePolicy = "None"
	// EvidenceWithoutAudio lets texts, pictures and documents leave the cluster: files that cannot contain a voice.
	EvidenceWithoutAudio EvidencePolicy = "WithoutAudio"
	// EvidenceAll lets all files leave the cluster, also recordings.
	EvidenceAll EvidencePolicy = "All"
)

// Evidence is a part of the content of a file in spec.evidence of a Defect. It is removed when the file is on the ticket.
// It may contain personal data, so reading Defects does not include reading Evidence.
// +kubebuilder:object:root=true
// +kubebuilder:metadata:annotations="argocd.argoproj.io/sync-options=Prune=false,Delete=false"
// +kubebuilder:metadata:annotations="helm.sh/resource-policy=keep"
// +kubebuilder:metadata:annotations="kustomize.toolkit.fluxcd.io/prune=disabled"
// +kubebuilder:resource:path=evidence,singular=evidence
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Evidence struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// data is the part.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1048576
	Data []byte `json:"data"`
}

// EvidenceList is a list of Evidence.
// +kubebuilder:object:root=true
type EvidenceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Evidence `json:"items"`
}
