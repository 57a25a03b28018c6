// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Voice is what is known of the call in which a defect was found. Transcripts may contain personal data; spec.transcripts
// of an integration decides whether it is masked before it leaves the cluster.
type Voice struct {
	// turn is the number of the turn that failed, starting at 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Turn int32 `json:"turn,omitempty"`

	// turnOffsetMilliseconds is where that turn begins in the recording.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400000
	TurnOffsetMilliseconds *int32 `json:"turnOffsetMilliseconds,omitempty"`

	// utterance is what the caller said in that turn.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Utterance string `json:"utterance,omitempty"`

	// expectedTranscript is what the agent should have said or understood.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	ExpectedTranscript string `json:"expectedTranscript,omitempty"`

	// heardTranscript is what the agent said or understood.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	HeardTranscript string `json:"heardTranscript,omitempty"`

	// wordErrorRate is the word error rate as a decimal, such as "0.125". It may be greater than 1.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9]+([.][0-9]+)?$')",message="must be a decimal such as 0.125"
	WordErrorRate string `json:"wordErrorRate,omitempty"`

	// latencies are the latencies of the call by stage.
	// +optional
	// +listType=map
	// +listMapKey=stage
	// +kubebuilder:validation:MaxItems=16
	Latencies []VoiceLatency `json:"latencies,omitempty"`

	// interruptions counts how often caller and agent interrupted each other.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Interruptions *int32 `json:"interruptions,omitempty"`

	// locale is the language of the call as a BCP 47 tag, such as en-US.
	// +optional
	// +kubebuilder:validation:MaxLength=35
	Locale string `json:"locale,omitempty"`

	// persona is the simulated caller.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Persona string `json:"persona,omitempty"`

	// agentVersion is the version of the voice agent.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	AgentVersion string `json:"agentVersion,omitempty"`

	// verdict is the verdict of the judge, in its own words, such as fail.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Verdict string `json:"verdict,omitempty"`

	// explanation is the reason that the judge gave for its verdict.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Explanation string `json:"explanation,omitempty"`

	// callID identifies the call at the voice platform.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	CallID string `json:"callID,omitempty"`

	// audioURL is the address of the recording. It may be signed, and work for some time only.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && size(url(self).getHost()) > 0",message="must be an absolute http or https URL"
	AudioURL string `json:"audioURL,omitempty"`

	// audioExpires is when audioURL stops working.
	// +optional
	AudioExpires *metav1.Time `json:"audioExpires,omitempty"`
}

// VoiceLatency is the latency of one stage of a call.
type VoiceLatency struct {
	// stage is the stage, such as transcription, model, speech or total.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Stage string `json:"stage"`

	// p50Milliseconds is the median.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400000
	P50Milliseconds *int32 `json:"p50Milliseconds,omitempty"`

	// p95Milliseconds is the 95th percentile.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400000
	P95Milliseconds *int32 `json:"p95Milliseconds,omitempty"`
}

// TranscriptPolicy decides how transcripts leave the cluster.
// +kubebuilder:validation:Enum=Masked;Verbatim
type TranscriptPolicy string

const (
	// TranscriptsMasked masks telephone numbers, e-mail addresses and card numbers.
	TranscriptsMasked TranscriptPolicy = "Masked"
	// TranscriptsVerbatim sends transcripts as they are.
	TranscriptsVerbatim TranscriptPolicy = "Verbatim"
)
