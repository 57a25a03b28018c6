// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/defect/attach"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/ticket/tickettest"
)

// contentOf are the contents of files by name.
type contentOf map[string]string

var (
	log   = contentOf{"out.log": "it failed"}
	large = contentOf{"out.log": strings.Repeat("0123456789abcdef", v1alpha1.EvidencePartBytes/10)}
	wave  = contentOf{"call.wav": "RIFF....WAVEfmt "}
)

// report lists files in the Defect, and stores their content, as the program report does.
func (f *follower) report(files contentOf) {
	f.t.Helper()
	e := &v1alpha1.DefectEvidence{Time: metav1.NewTime(time.Now().Truncate(time.Second))}
	for name, content := range files {
		sum := sha256.Sum256([]byte(content))
		file := v1alpha1.EvidenceFile{Name: name, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
		e.Files = append(e.Files, file)
		for n := range file.Parts() {
			part := content[n*v1alpha1.EvidencePartBytes : min((n+1)*v1alpha1.EvidencePartBytes, len(content))]
			f.create(&v1alpha1.Evidence{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "a", Name: v1alpha1.EvidenceName("u1", file, n), Labels: map[string]string{v1alpha1.DefectLabel: "u1"},
				},
				Data: []byte(part),
			})
		}
	}
	slices.SortFunc(e.Files, func(a, b v1alpha1.EvidenceFile) int { return strings.Compare(a.Name, b.Name) })
	f.edit(func(d *v1alpha1.Defect) { d.Spec.Evidence = e })
}

// restart replaces the reconciler by that of a new process.
func (f *follower) restart(c client.Client) {
	f.t.Helper()
	ignore := func(types.NamespacedName) {}
	f.Client = c
	f.Jira = connection.NewJiraPool(connection.Options{Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore})
	f.Files = attach.New(c, c, f.Jira, newSlackPool())
	connect(f.t, f.Reconciler, f.jira, f.integration())
}

// after reconciles some time later.
func (f *follower) after(d time.Duration) {
	f.t.Helper()
	time.Sleep(d)
	f.settle()
}

// parts counts the objects with content.
func (f *follower) parts() int {
	f.t.Helper()
	all := &v1alpha1.EvidenceList{}
	if err := f.Client.List(f.t.Context(), all); err != nil {
		f.t.Fatal(err)
	}
	return len(all.Items)
}

// wantFiles checks what became of each file, such as out.log/Attached, and that no content is left.
func (f *follower) wantFiles(want ...string) {
	f.t.Helper()
	var got []string
	for _, s := range f.defect.Status.Evidence.Files {
		got = append(got, s.Name+"/"+string(s.State))
	}
	if e := f.defect.Status.Evidence; !slices.Equal(got, want) || e.RemovedTime == nil || e.Message != "" || f.parts() != 0 {
		f.t.Errorf("the status is %+v, and %d parts are left; want %q", e, f.parts(), want)
	}
}

// wantWaiting checks what files wait for.
func (f *follower) wantWaiting(message string) {
	f.t.Helper()
	e := f.defect.Status.Evidence
	if e == nil || len(e.Files) != 0 || e.RemovedTime != nil || !strings.Contains(e.Message, message) || f.parts() == 0 {
		f.t.Errorf("the status is %+v, and %d parts are left; want nothing done, and %q", e, f.parts(), message)
	}
}

// TestEvidence attaches files, the one in several parts, and a recording if the policy says so.
func TestEvidence(t *testing.T) {
	for name, test := range map[string]struct {
		files    contentOf
		policy   v1alpha1.EvidencePolicy
		attached []tickettest.File
		want     []string
	}{
		"a log":             {log, "", []tickettest.File{{Name: "out-" + hashOf(log["out.log"]) + ".log", ContentType: "text/plain", Content: "it failed"}}, []string{"out.log/Attached"}},
		"in several parts":  {large, "", []tickettest.File{{Name: "out-" + hashOf(large["out.log"]) + ".log", ContentType: "text/plain", Content: large["out.log"]}}, []string{"out.log/Attached"}},
		"a recording":       {wave, "", nil, []string{"call.wav/Withheld"}},
		"no files allowed":  {log, v1alpha1.EvidenceNone, nil, []string{"out.log/Withheld"}},
		"all files allowed": {wave, v1alpha1.EvidenceAll, []tickettest.File{{Name: "call-" + hashOf(wave["call.wav"]) + ".wav", ContentType: "audio/wav", Content: wave["call.wav"]}}, []string{"call.wav/Attached"}},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { i.Spec.Evidence = test.policy }, func(f *follower) {
				f.report(test.files)
				f.settle()
				f.after(time.Hour) // while which what is withheld is kept
				f.wantFiles(test.want...)
				if got := f.jira.Files("VOICE-1"); !slices.Equal(got, test.attached) {
					t.Errorf("attached %d files, want %d", len(got), len(test.attached))
				}
				for i, file := range test.attached {
					if url := f.defect.Status.Evidence.Files[i].URL; url != "https://jira.example.com/secure/attachment/1/"+file.Name {
						t.Errorf("the attachment is at %q", url)
					}
				}
				f.wantSynced(v1alpha1.ReasonInStep, "")
			})
		})
	}
}

// TestPolicyThatChanges attaches what another policy withheld while its content is there, and lets the next run send it later.
func TestPolicyThatChanges(t *testing.T) {
	both := contentOf{"a.log": "a", "call.wav": wave["call.wav"]}
	for name, test := range map[string]struct {
		from, to v1alpha1.EvidencePolicy
		before   time.Duration
		want     []string
	}{
		"all, in time":                {"", v1alpha1.EvidenceAll, time.Minute, []string{"a.log/Attached", "call.wav/Attached"}},
		"all, later":                  {"", v1alpha1.EvidenceAll, 2 * time.Hour, []string{"a.log/Attached", "call.wav/Missing"}},
		"no recordings, in time":      {v1alpha1.EvidenceNone, "", time.Minute, []string{"call.wav/Withheld", "a.log/Attached"}},
		"no recordings, later":        {v1alpha1.EvidenceNone, "", 2 * time.Hour, []string{"a.log/Missing", "call.wav/Withheld"}},
		"none":                        {"", v1alpha1.EvidenceNone, time.Minute, []string{"a.log/Attached", "call.wav/Withheld"}},
		"another name for the same":   {"", v1alpha1.EvidenceWithoutAudio, time.Minute, []string{"a.log/Attached", "call.wav/Withheld"}},
		"from none to all in an hour": {v1alpha1.EvidenceNone, v1alpha1.EvidenceAll, 59 * time.Minute, []string{"a.log/Attached", "call.wav/Attached"}},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { i.Spec.Evidence = test.from }, func(f *follower) {
				f.report(both)
				f.settle()
				f.after(test.before)
				i := f.integration()
				i.Spec.Evidence = test.to
				i.Generation++
				must(t, f.Client.Update(t.Context(), i))
				if all := f.enqueueForIntegration(t.Context(), i); len(all) != 1 {
					t.Errorf("%d Defects are enqueued", len(all))
				}
				f.settle()
				f.after(time.Hour)
				f.wantFiles(test.want...)
				if isDone := !strings.Contains(strings.Join(test.want, " "), "Withheld"); isDone != (f.defect.Status.Evidence.Policy == "") {
					t.Errorf("the policy is %q", f.defect.Status.Evidence.Policy)
				}
			})
		})
	}
}

func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])[:12]
}

// TestEvidenceIsAttachedOnce ends the process, or loses an answer, at each step of three files.
func TestEvidenceIsAttachedOnce(t *testing.T) {
	files := contentOf{"a.log": "a", "b.log": large["out.log"], "c.log": "c"}
	lost := &fault.Fault{Kind: fault.Unavailable, Message: "No answer", RetryAfter: ticket.AttachSettles}
	for step := range 12 {
		follow(t, ours, unchanged, func(f *follower) {
			f.report(files)
			stored := f.Client.(client.WithWatch)
			var calls atomic.Int64
			fails := func() bool { return calls.Add(1) == int64(step+1) }
			dead := errors.New("the process was killed")
			f.jira.OnAttach(func(a ticket.Attachment) error {
				if fails() { // stored, and the answer is lost
					f.jira.KeepFile("VOICE-1", a)
					return lost
				}
				return nil
			})
			f.restart(interceptor.NewClient(stored, interceptor.Funcs{
				SubResourceUpdate: func(
					ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption,
				) error {
					if fails() {
						return dead
					}
					return c.SubResource(sub).Update(ctx, o, opts...)
				},
				DeleteAllOf: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteAllOfOption) error {
					if fails() {
						return dead
					}
					return c.DeleteAllOf(ctx, o, opts...)
				},
			}))
			for range 30 {
				_, err := f.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(f.defect)})
				synctest.Wait()
				if err != nil {
					f.restart(stored)
				}
			}
			f.after(2 * ticket.AttachSettles)
			f.wantFiles("a.log/Attached", "b.log/Attached", "c.log/Attached")
			if got := f.jira.Files("VOICE-1"); len(got) != 3 {
				t.Errorf("step %d: attached %d files", step, len(got))
			}
		})
	}
}

// TestEvidenceThatIsNotAttached checks what is recorded of files that cannot be attached, and that others are.
func TestEvidenceThatIsNotAttached(t *testing.T) {
	files := contentOf{"a.log": large["out.log"], "b.log": "b"}
	part := func(f *follower, n int) *v1alpha1.Evidence {
		out := &v1alpha1.Evidence{}
		key := types.NamespacedName{Namespace: "a", Name: v1alpha1.EvidenceName("u1", f.defect.Spec.Evidence.Files[0], n)}
		if err := f.Client.Get(t.Context(), key, out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	refused := func(a ticket.Attachment) error {
		if a.Bytes > 10 {
			return fault.New(fault.Invalid, "Jira refused the request (413)")
		}
		return nil
	}
	for name, test := range map[string]struct {
		spoil func(f *follower)
		state v1alpha1.EvidenceState
		says  string
	}{
		"its first part is gone": {func(f *follower) { must(t, f.Client.Delete(t.Context(), part(f, 0))) }, v1alpha1.EvidenceMissing, "not in the cluster"},
		"its last part is gone":  {func(f *follower) { must(t, f.Client.Delete(t.Context(), part(f, 1))) }, v1alpha1.EvidenceMissing, "not in the cluster"},
		"it was changed": {func(f *follower) {
			p := part(f, 1)
			p.Data = bytes.ToUpper(p.Data)
			must(t, f.Client.Update(t.Context(), p))
		}, v1alpha1.EvidenceMissing, "The content differs from its size or hash"},
		"Jira refuses it": {func(f *follower) { f.jira.OnAttach(refused) }, v1alpha1.EvidenceRefused, "413"},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, ours, unchanged, func(f *follower) {
				f.report(files)
				test.spoil(f)
				f.settle()
				f.wantFiles("a.log/"+string(test.state), "b.log/Attached")
				if s := f.defect.Status.Evidence.Files; len(s) != 2 || !strings.Contains(s[0].Message, test.says) || s[1].Message != "" {
					t.Errorf("the status is %+v, want %q", s, test.says)
				}
			})
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestEvidenceWaits keeps files while Jira does not take them, and delays nothing else.
func TestEvidenceWaits(t *testing.T) {
	follow(t, ours, unchanged, func(f *follower) {
		away := true
		f.jira.OnAttach(func(ticket.Attachment) error {
			if away {
				return fault.New(fault.Unauthorized, "The account may not do this in Jira")
			}
			return nil
		})
		f.report(log)
		f.settle()
		f.wantWaiting("may not do this")
		f.edit(func(d *v1alpha1.Defect) { d.Spec.State = v1alpha1.StateResolved })
		f.settle()
		f.wantSynced(v1alpha1.ReasonInStep, "in sync")
		f.after(72 * time.Hour)
		f.wantWaiting("may not do this")
		away = false
		f.after(time.Hour)
		f.wantFiles("out.log/Attached")
	})
}

// TestEvidenceWithoutATicket keeps files for a ticket that is wanted, and a day for one that is not.
func TestEvidenceWithoutATicket(t *testing.T) {
	t.Run("none is wanted", func(t *testing.T) {
		follow(t, nil, func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) { d.Status.Jira = nil }, func(f *follower) {
			f.report(log)
			f.settle()
			f.wantWaiting("which nothing requests")
			f.after(23 * time.Hour)
			f.wantWaiting("which nothing requests")
			f.after(2 * time.Hour)
			f.wantFiles("out.log/Expired")
		})
	})
	t.Run("one is wanted", func(t *testing.T) {
		follow(t, nil, wantingTicket, func(f *follower) {
			f.jira.OnCreate(func(ticket.Draft) error { return fault.New(fault.Unavailable, "Jira is away") })
			f.report(log)
			f.settle()
			f.after(72 * time.Hour)
			f.wantWaiting("Waits for the ticket")
			f.jira.OnCreate(nil)
			f.after(time.Hour)
			f.wantFiles("out.log/Attached")
		})
	})
	t.Run("it is gone", func(t *testing.T) {
		follow(t, nil, func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) {
			d.Status.Jira.MissingSince = &metav1.Time{Time: time.Now()}
		}, func(f *follower) {
			f.report(log)
			f.settle()
			f.wantWaiting("VOICE-1, which Jira does not have")
			f.after(25 * time.Hour)
			f.wantFiles("out.log/Expired")
		})
	})
}

// TestEvidenceGoesToNoOtherIssue has the integration lead to another site, where another issue has the ticket's number.
func TestEvidenceGoesToNoOtherIssue(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.Defect, *v1alpha1.JiraIntegration){
		"another site": func(_ *v1alpha1.Defect, i *v1alpha1.JiraIntegration) { i.Spec.APIURL = newSite },
		"an unknown site": func(d *v1alpha1.Defect, _ *v1alpha1.JiraIntegration) {
			d.Status.Jira.Site = ""
			d.Status.Jira.Key = "VOICE-7"
		},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, foreign, change, func(f *follower) {
				f.report(log)
				f.settle()
				if got := f.jira.Files("VOICE-1"); len(got) != 0 || f.parts() == 0 {
					t.Errorf("attached %v, %d parts are left", got, f.parts())
				}
				f.wantUntouched()
			})
		})
	}
}

// TestEvidenceLinks comments once on files that are somewhere else, and removes what the spec does not have any more.
func TestEvidenceLinks(t *testing.T) {
	follow(t, ours, unchanged, func(f *follower) {
		f.report(log)
		f.edit(func(d *v1alpha1.Defect) {
			d.Spec.Evidence.Links = []v1alpha1.EvidenceLink{{Name: "call.wav", URL: "https://ci.example.com/call.wav"}}
		})
		f.settle()
		f.restart(f.Client)
		f.settle()
		_, comments, _ := f.jira.Issue("VOICE-1")
		if len(comments) != 1 || !strings.Contains(comments[0].Body, "https://ci.example.com/call.wav") || len(f.jira.Files("VOICE-1")) != 1 {
			t.Errorf("comments %+v", comments)
		}
		f.wantFiles("out.log/Attached")
		f.edit(func(d *v1alpha1.Defect) { d.Spec.Evidence = nil })
		f.settle()
		if f.defect.Status.Evidence != nil {
			t.Errorf("the status is %+v", f.defect.Status.Evidence)
		}
	})
	follow(t, ours, unchanged, func(f *follower) { // removed before it was attached
		f.jira.OnAttach(func(ticket.Attachment) error { return fault.New(fault.Unauthorized, "no") })
		f.report(log)
		f.settle()
		f.edit(func(d *v1alpha1.Defect) { d.Spec.Evidence = nil })
		f.settle()
		if f.defect.Status.Evidence != nil || f.parts() != 0 {
			t.Errorf("the status is %+v, %d parts are left", f.defect.Status.Evidence, f.parts())
		}
	})
}
