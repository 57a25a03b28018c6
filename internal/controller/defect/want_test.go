// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// another returns the JiraIntegration "other", which files tickets and is no default.
func another(namespace string, allowed *v1alpha1.AllowedNamespaces) *v1alpha1.JiraIntegration {
	return &v1alpha1.JiraIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "other", Generation: 1},
		Spec: v1alpha1.JiraIntegrationSpec{
			APIURL: oldSite, AllowedNamespaces: allowed, AutoCreate: &v1alpha1.JiraAutoCreate{Enabled: true},
		},
	}
}

// naming makes a Defect name an integration, and say whether it wants a ticket.
func naming(create v1alpha1.TicketCreation, namespace, name string) func(*v1alpha1.Defect) {
	return func(d *v1alpha1.Defect) {
		d.Spec.Jira = &v1alpha1.DefectJira{Create: create}
		if name != "" {
			d.Spec.Jira.IntegrationRef = &v1alpha1.IntegrationReference{Namespace: namespace, Name: name}
		}
	}
}

func requested(d *v1alpha1.Defect) {
	d.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: "2026-03-01T12:00:00Z"}
}

// TestWhichIntegrationFiles covers how a Defect comes by the integration with which its ticket is filed.
func TestWhichIntegrationFiles(t *testing.T) {
	everywhere := &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}
	for name, c := range map[string]struct {
		// noDefault makes a/jira no default.
		noDefault bool
		defect    func(*v1alpha1.Defect)
		also      *v1alpha1.JiraIntegration
		paused    *fault.Fault
		ticketed  string
		says      string
		// filedWith is the integration that filed the ticket; empty when none did.
		filedWith string
		// progress is the condition beside Ready; empty for neither. What is missing may arrive, and stalls a Defect after a
		// minute.
		progress string
		again    time.Duration
	}{
		"the default": {ticketed: "True/Filed", says: "VOICE-1", filedWith: "a/jira"},
		"no default": {
			noDefault: true, ticketed: "True/NotWanted", says: "No JiraIntegration of this namespace is marked as default",
		},
		"no default, but a ticket is always wanted": {
			noDefault: true, defect: naming(v1alpha1.TicketAlways, "", ""),
			ticketed: "False/IntegrationNotFound", says: "Namespace a has no default JiraIntegration", progress: "Reconciling", again: time.Minute,
		},
		"no default, but a ticket is requested": {
			noDefault: true, defect: requested,
			ticketed: "False/IntegrationNotFound", says: "Namespace a has no default JiraIntegration", progress: "Reconciling", again: time.Minute,
		},
		"the default of another namespace": {
			noDefault: true, also: func() *v1alpha1.JiraIntegration {
				i := another("b", everywhere)
				i.Spec.Default = true
				return i
			}(),
			ticketed: "True/NotWanted", says: "No JiraIntegration of this namespace is marked as default",
		},
		"named": {
			defect: naming("", "", "other"), also: another("a", nil),
			ticketed: "True/Filed", says: "VOICE-1", filedWith: "a/other",
		},
		"named, and does not exist": {
			defect:   naming("", "", "other"),
			ticketed: "False/IntegrationNotFound", says: `"other" does not exist in namespace a`, progress: "Reconciling", again: time.Minute,
		},
		"of another namespace that allows it": {
			defect: naming("", "b", "other"), also: another("b", everywhere),
			ticketed: "True/Filed", says: "VOICE-1", filedWith: "b/other",
		},
		"of another namespace that does not allow it": {
			defect: naming("", "b", "other"), also: another("b", nil),
			ticketed: "False/IntegrationNotAllowed", says: "namespace a", progress: "Reconciling", again: time.Minute,
		},
		"two defaults": {
			also: func() *v1alpha1.JiraIntegration {
				i := another("a", nil)
				i.Spec.Default = true
				return i
			}(),
			ticketed: "False/IntegrationAmbiguous", says: "2 default JiraIntegrations (jira, other)", progress: "Reconciling", again: time.Minute,
		},
		"suspended": {
			paused:   &fault.Fault{Kind: fault.Unavailable, Code: v1alpha1.ReasonSuspended, Message: "spec.suspend is true"},
			ticketed: "False/Suspended", says: "JiraIntegration a/jira: spec.suspend is true",
		},
		"with credentials that were refused": {
			paused:   &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Message: "Jira refused the credentials"},
			ticketed: "False/IntegrationPaused", says: "JiraIntegration a/jira: Jira refused the credentials", progress: "Reconciling",
		},
		"that is down": {
			paused:   &fault.Fault{Kind: fault.Unavailable, Scope: fault.Connection, Message: "Jira could not be reached"},
			ticketed: "False/IntegrationPaused", says: "JiraIntegration a/jira: Jira could not be reached", progress: "Reconciling",
		},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, nil, func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
				wantingTicket(d, i)
				i.Spec.Default = !c.noDefault
				if c.defect != nil {
					c.defect(d)
				}
			}, func(f *follower) {
				if c.also != nil {
					f.create(c.also.DeepCopy())
					connect(t, f.Reconciler, f.jira, c.also)
				}
				if c.paused != nil {
					f.conn().Pause(c.paused)
				}
				result := f.settle()
				f.wantCondition(v1alpha1.ConditionTicketed, c.ticketed, c.says)
				filedWith := ""
				if j := f.defect.Status.Jira; j != nil {
					filedWith = j.Integration
				}
				if creates := f.jira.Creates(); filedWith != c.filedWith || (creates == 1) != (c.filedWith != "") {
					t.Errorf("%d creates, filed with %q, want %q", creates, filedWith, c.filedWith)
				}
				if result.RequeueAfter != c.again {
					t.Errorf("reconciled again after %s, want %s", result.RequeueAfter, c.again)
				}
				for _, progress := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
					if is := condition.Get(f.defect, progress) != nil; is != (progress == c.progress) {
						t.Errorf("%s: %t, want %q", progress, is, c.progress)
					}
				}
			})
		})
	}
}

// TestWhichDefectsGetATicket covers spec.autoCreate of the integration, spec.jira.create, and the annotation.
func TestWhichDefectsGetATicket(t *testing.T) {
	labelled := func(key, value string) *v1alpha1.LabelSelector {
		return &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{key: v1alpha1.LabelValue(value)}}
	}
	for name, c := range map[string]struct {
		auto     *v1alpha1.JiraAutoCreate
		defect   func(*v1alpha1.Defect)
		ticketed string
		says     string
	}{
		"not automatically": {nil, nil, "True/NotWanted", "spec.autoCreate of JiraIntegration a/jira is not enabled"},
		"switched off":      {&v1alpha1.JiraAutoCreate{}, nil, "True/NotWanted", "spec.autoCreate of JiraIntegration a/jira is not enabled"},
		"severe enough": {
			&v1alpha1.JiraAutoCreate{Enabled: true, MinSeverity: v1alpha1.SeverityHigh}, nil, "True/Filed", "VOICE-1",
		},
		"not severe enough": {
			&v1alpha1.JiraAutoCreate{Enabled: true, MinSeverity: v1alpha1.SeverityCritical}, nil,
			"True/NotWanted", "files tickets from severity Critical on",
		},
		"flaky, and not severe enough": {
			&v1alpha1.JiraAutoCreate{Enabled: true, MinSeverity: v1alpha1.SeverityCritical}, func(d *v1alpha1.Defect) {
				d.Spec.Outcomes = []v1alpha1.TestOutcome{{Run: "run-1", Result: v1alpha1.TestFlaky, Time: d.CreationTimestamp}}
			}, "True/NotWanted", "files tickets from severity Critical on",
		},
		"of a category that is not listed": {
			&v1alpha1.JiraAutoCreate{Enabled: true}, func(d *v1alpha1.Defect) { d.Spec.Category = v1alpha1.CategoryEdgeCase },
			"True/NotWanted", "files no tickets for category EdgeCase",
		},
		"of a category that is listed": {
			&v1alpha1.JiraAutoCreate{Enabled: true, Categories: []v1alpha1.Category{v1alpha1.CategoryEdgeCase}},
			func(d *v1alpha1.Defect) { d.Spec.Category = v1alpha1.CategoryEdgeCase }, "True/Filed", "VOICE-1",
		},
		"selected": {
			&v1alpha1.JiraAutoCreate{Enabled: true, Selector: labelled("team", "voice")},
			func(d *v1alpha1.Defect) { d.Labels = map[string]string{"team": "voice"} }, "True/Filed", "VOICE-1",
		},
		"not selected": {
			&v1alpha1.JiraAutoCreate{Enabled: true, Selector: labelled("team", "voice")}, nil,
			"True/NotWanted", "does not select this Defect",
		},
		"a selector that is invalid": {
			&v1alpha1.JiraAutoCreate{Enabled: true, Selector: labelled("a team", "voice")}, nil,
			"False/Invalid", "spec.autoCreate.selector of JiraIntegration a/jira is invalid",
		},
		"never": {
			&v1alpha1.JiraAutoCreate{Enabled: true}, naming(v1alpha1.TicketNever, "", ""), "True/NotWanted", "spec.jira.create is Never",
		},
		"never, but requested": {
			nil, func(d *v1alpha1.Defect) { naming(v1alpha1.TicketNever, "", "")(d); requested(d) }, "True/Filed", "VOICE-1",
		},
		"always":    {nil, naming(v1alpha1.TicketAlways, "", ""), "True/Filed", "VOICE-1"},
		"requested": {nil, requested, "True/Filed", "VOICE-1"},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, nil, func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
				wantingTicket(d, i)
				i.Spec.AutoCreate = c.auto
				if c.defect != nil {
					c.defect(d)
				}
			}, func(f *follower) {
				f.settle()
				f.wantCondition(v1alpha1.ConditionTicketed, c.ticketed, c.says)
				if creates := f.jira.Creates(); (creates == 1) != (c.ticketed == "True/Filed") {
					t.Errorf("%d creates", creates)
				}
				if at := f.defect.Annotations[v1alpha1.TicketRequestedAtAnnotation]; at != "" && f.defect.Status.Jira.TicketRequestedAt != at {
					t.Errorf("the request is not acknowledged: %+v", f.defect.Status.Jira)
				}
			})
		})
	}
}
