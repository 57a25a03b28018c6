// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

const (
	works      = "True/Accepted True/Healthy True/Ready"
	degraded   = "True/Accepted True/Degraded True/Ready"
	unverified = "True/Unverified True/Unverified True/Ready"
	suspended  = "Unknown/Suspended Unknown/Suspended True/Suspended"
)

// TestFirstProbe checks what a new integration's conditions say, whether calls are made, and when Slack or Jira is probed
// within ten minutes.
func TestFirstProbe(t *testing.T) {
	limited := &fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, Message: "slow down"}
	later := &fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, Message: "slow down", RetryAfter: 4 * time.Minute}
	projectGone := &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Field: "Project", Message: "project VOICE does not exist"}
	badURL := &fault.Fault{Kind: fault.Invalid, Scope: fault.Connection, Field: partCredentials, Message: "it redirects"}
	refused := &fault.Fault{Kind: fault.Invalid, Scope: fault.Connection, Code: transport.CodeAddressRefused, Message: "use another URL"}
	// 30 s after the first one is when the failure is announced.
	everyMinute := []int{0, 30, 90, 150, 210, 270, 330, 390, 450, 510, 570}
	for name, c := range map[string]struct {
		secret  map[string][]byte
		err     error
		want    string
		message string
		paused  bool
		probes  []int
	}{
		"works":              {nil, nil, works, "Credentials and target were accepted", false, []int{0, 300, 600}},
		"no key":             {map[string][]byte{"other": []byte("x")}, nil, "False/SecretKeyNotFound Unknown/NotAuthenticated False/SecretKeyNotFound Stalled", `no value for key "token"`, true, nil},
		"an empty value":     {map[string][]byte{"token": []byte(" \n")}, nil, "False/SecretKeyNotFound Unknown/NotAuthenticated False/SecretKeyNotFound Stalled", `no value for key "token"`, true, nil},
		"not a token":        {map[string][]byte{"token": []byte("a b")}, nil, "False/SecretInvalid Unknown/NotAuthenticated False/SecretInvalid Stalled", "It must be a single token or URL", true, nil},
		"revoked":            {nil, revoked, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "the token was revoked", true, everyMinute},
		"not found":          {nil, projectGone, "True/Accepted False/NotFound False/NotFound Stalled", "project VOICE does not exist", true, everyMinute},
		"another address":    {nil, badURL, "Unknown/Unavailable False/Invalid False/Invalid Stalled", "it redirects", true, everyMinute},
		"refused address":    {nil, refused, "Unknown/Unavailable False/AddressRefused False/AddressRefused Stalled", "use another URL", true, everyMinute},
		"rate limited":       {nil, limited, "Unknown/Unavailable False/RateLimited False/RateLimited Stalled", "slow down", true, []int{0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360, 390, 420, 450, 480, 510, 540, 570, 600}},
		"rate limited, long": {nil, later, "Unknown/Unavailable False/RateLimited False/RateLimited Stalled", "slow down", true, []int{0, 30, 270, 510}},
	} {
		for kind, o := range map[string]kit.Object{"slack": bot(), "jira": project()} {
			t.Run(kind+", "+name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					if c.secret != nil {
						w.setSecret(c.secret)
					}
					if c.err != nil {
						w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{}, c.err }
						w.probeJira = func(ticket.Config) (ticket.Project, error) { return ticket.Project{}, c.err }
					}
					created := o.DeepCopyObject().(kit.Object)
					w.create(created)
					w.settle()
					first := c.want
					switch { // what may heal by itself has some time
					case strings.Contains(c.want, "SecretKeyNotFound"), strings.Contains(c.want, "RateLimited"):
						first = strings.Replace(c.want, "Stalled", "Reconciling", 1)
					}
					wantConditions(w, created, first, c.message)
					w.run(10*time.Minute + 500*time.Millisecond)
					wantConditions(w, created, c.want, c.message)
					w.wantProbes(c.probes...)
					fault := w.slackConn().PauseFault()
					if kind == "jira" {
						fault = w.jiraConn().PauseFault()
					}
					if (fault != nil) != c.paused {
						t.Errorf("calls are paused for %v", fault)
					}
				})
			})
		}
	}
}

// TestAppIsNotInstalled checks that an integration without a token says how it gets one by an installation.
func TestAppIsNotInstalled(t *testing.T) {
	inWorld(t, func(w *world) {
		w.delete(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}})
		i := bot()
		i.Spec.OAuth = &v1alpha1.SlackOAuth{ClientID: "1.2"}
		w.create(i)
		w.run(time.Minute)
		wantConditions(w, i, "False/SecretNotFound Unknown/NotAuthenticated False/SecretNotFound Stalled", "choose Install in Slack")
	})
}

// TestTokenOfAnInstalledAppIsRejected checks that an integration whose token Slack rejects names the installation, too.
func TestTokenOfAnInstalledAppIsRejected(t *testing.T) {
	inWorld(t, func(w *world) {
		w.probeSlack = func(chat.Config) (chat.Workspace, error) {
			return chat.Workspace{}, fault.New(fault.Unauthorized, "Slack rejected the bot token (token_revoked).")
		}
		i := bot()
		i.Spec.OAuth = &v1alpha1.SlackOAuth{ClientID: "1.2"}
		w.create(i)
		w.run(time.Minute)
		wantConditions(w, i, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "(token_revoked). Or install the app")
	})
}

// TestSecretIsFixed checks that an integration works as soon as its Secret is right, and that a new one replaces the client.
func TestSecretIsFixed(t *testing.T) {
	inWorld(t, func(w *world) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}}
		w.delete(secret)
		var tokens []string
		w.probeSlack = func(c chat.Config) (chat.Workspace, error) {
			tokens = append(tokens, c.Token)
			return chat.Workspace{Verified: true, CanFind: true}, nil
		}
		i := bot()
		w.create(i)
		w.run(time.Minute)
		wantConditions(w, i, "False/SecretNotFound Unknown/NotAuthenticated False/SecretNotFound Stalled",
			`Create it with key "token", or point spec.bot.tokenSecretRef at another Secret`)
		w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}, Data: map[string][]byte{"token": []byte("one\n")}})
		w.settle()
		wantConditions(w, i, works, "")
		first := w.slackConn().Version()
		w.setSecret(map[string][]byte{"token": []byte("two")})
		w.settle()
		second := w.slackConn().Version()
		change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.DefaultChannel = "#other" })
		w.settle()
		if !slices.Equal(tokens, []string{"one", "two", "two"}) {
			t.Errorf("probed with %q", tokens)
		}
		if third := w.slackConn().Version(); first == second || second == third {
			t.Errorf("the versions of the client are %s, %s, %s", first, second, third)
		}
		w.setSecret(nil)
		w.settle()
		wantConditions(w, i, "False/SecretKeyNotFound Unknown/NotAuthenticated False/SecretKeyNotFound Reconciling", "")
		if w.slackConn().PauseFault() == nil {
			t.Error("calls go on without a token")
		}
	})
}

// TestOtherSecretsDoNotMatter checks which integrations a change of a Secret enqueues.
func TestOtherSecretsDoNotMatter(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create(bot(), project(), bot(func(i *v1alpha1.SlackIntegration) {
			i.Name = "other"
			i.Spec.Bot.TokenSecretRef.Name = "t"
		}), bot(func(i *v1alpha1.SlackIntegration) { i.Namespace = "b" }))
		w.settle()
		w.changed(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}})
		var got []string
		for _, i := range w.queue.Drain() {
			got = append(got, i.kind+" "+i.String())
		}
		slices.Sort(got)
		if want := []string{"JiraIntegration a/jira", "SlackIntegration a/slack"}; !slices.Equal(got, want) {
			t.Errorf("enqueued %q, want %q", got, want)
		}
		w.failing = func(string, client.Object) error { return errors.New("the API server is away") }
		w.changed(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"}})
		w.changed(bot())
		others := slices.DeleteFunc(w.queue.Drain(), func(i item) bool { return i == itemOf(bot()) })
		if len(others) != 0 {
			t.Errorf("enqueued %v while nothing can be read", others)
		}
	})
}

// TestClientThatCannotBeMade checks that a client that refuses its configuration is no reason to retry.
func TestClientThatCannotBeMade(t *testing.T) {
	inWorld(t, func(w *world) {
		w.slackReconcile.Dial = func(chat.Config) (chat.Poster, error) { return nil, fault.New(fault.Invalid, "the URL is not one") }
		i := bot()
		w.create(i)
		w.run(10 * time.Minute)
		wantConditions(w, i, "False/Invalid Unknown/NotAuthenticated False/Invalid Stalled", "the URL is not one")
		w.wantProbes()
		if f := w.slackConn().PauseFault(); f == nil || f.Message != "the URL is not one" {
			t.Errorf("paused for %v", f)
		}
	})
}

// TestConfigOfClients checks what clients are made from.
func TestConfigOfClients(t *testing.T) {
	slack := map[string]struct {
		of   *v1alpha1.SlackIntegration
		want chat.Config
	}{
		"bot":     {bot(func(i *v1alpha1.SlackIntegration) { i.Spec.APIURL = "https://slack.example.com" }), chat.Config{Token: "x", APIURL: "https://slack.example.com", Namespace: "a"}},
		"webhook": {bot(webhook), chat.Config{WebhookURL: "x", Namespace: "a"}},
	}
	for name, c := range slack {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.probeSlack = func(got chat.Config) (chat.Workspace, error) {
					if got != c.want {
						t.Errorf("got %+v, want %+v", got, c.want)
					}
					return chat.Workspace{}, nil
				}
				w.create(c.of)
				w.settle()
				w.wantProbes(0)
			})
		})
	}
	full := project(func(i *v1alpha1.JiraIntegration) {
		i.Spec.Bearer = nil
		i.Spec.Basic = &v1alpha1.JiraBasicAuth{Username: "bot@example.com", TokenSecretRef: tokenRef}
		i.Spec.SiteURL = "https://site.example.com"
		i.Spec.Deployment = v1alpha1.JiraDeployment(ticket.Cloud)
		i.Spec.IssueType = "Task"
		i.Spec.Fields = []v1alpha1.JiraField{{Name: "Area", Type: v1alpha1.JiraFieldType(ticket.FieldType("Text"))}}
	})
	for name, c := range map[string]struct {
		of   *v1alpha1.JiraIntegration
		want string
	}{
		"token": {project(), fmt.Sprintf("%+v", ticket.Config{APIURL: "https://jira.example.com", Namespace: "a", Token: "x", Project: "VOICE", IssueType: "Bug"})},
		"password": {full, fmt.Sprintf("%+v", ticket.Config{
			APIURL: "https://jira.example.com", Namespace: "a", SiteURL: "https://site.example.com", Deployment: ticket.Cloud, Token: "x",
			Username: "bot@example.com", Project: "VOICE", IssueType: "Task", Fields: []ticket.Field{{Name: "Area", Type: "Text"}},
		})},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.probeJira = func(got ticket.Config) (ticket.Project, error) {
					if fmt.Sprintf("%+v", got) != c.want {
						t.Errorf("got %+v, want %s", got, c.want)
					}
					return ticket.Project{}, nil
				}
				w.create(c.of)
				w.settle()
				w.wantProbes(0)
			})
		})
	}
}

// TestProbeInterval checks how often an integration that works is probed.
func TestProbeInterval(t *testing.T) {
	for name, c := range map[string]struct {
		seconds int32
		want    []int
	}{
		"by default": {0, []int{0, 300, 600}},
		"as wanted":  {400, []int{0, 400}},
		"often":      {30, []int{0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360, 390, 420, 450, 480, 510, 540, 570, 600}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot(func(i *v1alpha1.SlackIntegration) { i.Spec.ProbeIntervalSeconds = c.seconds })
				w.create(i)
				for range 60 { // as when the status is written often
					w.run(10 * time.Second)
					w.enqueue(itemOf(i))
				}
				w.settle()
				w.wantProbes(c.want...)
			})
		})
	}
}

// TestProbeFailsForAMoment checks that one failed probe changes nothing, and the second one in a row pauses calls.
func TestProbeFailsForAMoment(t *testing.T) {
	for _, failures := range []int{1, 2} {
		t.Run(fmt.Sprint(failures), func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				w.create(i)
				w.run(299 * time.Second)
				failed := 0
				paused := false
				ok := w.probeSlack
				w.probeSlack = func(c chat.Config) (chat.Workspace, error) {
					paused = paused || w.slackConn().PauseFault() != nil
					if failed++; failed > failures {
						return ok(c)
					}
					return chat.Workspace{}, down
				}
				w.run(10 * time.Second)
				if want := failures > 1; paused != want {
					t.Errorf("calls were paused: %v", paused)
				}
				wantConditions(w, i, works, "")
				if w.slackConn().PauseFault() != nil {
					t.Error("calls are still paused")
				}
				if len(w.probes) != failures+2 {
					t.Errorf("probed after %v s", w.probes)
				}
			})
		})
	}
}

// TestOutage checks what the conditions say while Slack is away, that it is probed often enough, and that calls go on
// soon after it is back.
func TestOutage(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i)
		w.settle()
		ok := w.probeSlack
		w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{}, down }
		w.run(9 * time.Minute) // the last probe before that was up to 5 minutes ago
		wantConditions(w, i, "True/Accepted False/Unavailable False/Unavailable Reconciling", "no answer")
		w.run(51 * time.Minute)
		wantConditions(w, i, "True/Accepted False/Unavailable False/Unavailable Stalled", "no answer")
		if n := len(w.probes); n < 240 || n > 480 {
			t.Errorf("%d probes within an hour", n)
		}
		if h := get(w, i).Status.Health; h.LastError != "no answer" || h.LastErrorTime == nil {
			t.Errorf("the status shows %+v", h)
		}
		w.probeSlack = ok
		w.run(30 * time.Second)
		wantConditions(w, i, works, "")
		if w.slackConn().PauseFault() != nil {
			t.Error("calls are still paused")
		}
	})
}

// TestProbeIsRateLimited checks that an integration that works is still Ready when only its probe is rate limited.
func TestProbeIsRateLimited(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i)
		w.run(299 * time.Second)
		w.probeSlack = func(chat.Config) (chat.Workspace, error) {
			return chat.Workspace{}, &fault.Fault{Kind: fault.RateLimited, Scope: fault.Endpoint, RetryAfter: 40 * time.Second}
		}
		w.run(62 * time.Second)
		wantConditions(w, i, works, "")
		w.wantProbes(0, 300, 340)
	})
}

// TestUsedUpQuota checks that an integration whose quota is used up resumes by itself.
func TestUsedUpQuota(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i)
		w.run(10 * time.Second)
		slowDown := &fault.Fault{Kind: fault.RateLimited, Scope: fault.Connection, Message: "slow down", RetryAfter: 20 * time.Second}
		w.slackConn().Observe(connection.ActionPost, slowDown)
		w.run(10 * time.Second)
		wantConditions(w, i, "True/Accepted False/RateLimited False/RateLimited Reconciling", "slow down")
		w.run(12 * time.Second)
		wantConditions(w, i, works, "")
		w.wantProbes(0, 30) // not before Slack takes calls again
	})
}

// TestFailuresOfCalls checks that an integration is not Ready while calls fail, although its probe succeeds, until a call
// succeeds.
func TestFailuresOfCalls(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i)
		w.run(10 * time.Second)
		w.slackConn().Observe(connection.ActionPost, revoked)
		w.run(30 * time.Second)
		wantConditions(w, i, "True/Accepted False/Unauthorized False/Unauthorized Stalled", "the token was revoked")
		if w.slackConn().PauseFault() != nil {
			t.Error("calls are paused although the probe succeeds")
		}
		w.run(2 * time.Minute)
		w.wantProbes(0, 10, 40, 100, 160)
		w.slackConn().Observe(connection.ActionPost, nil)
		w.run(time.Second)
		wantConditions(w, i, works, "")
	})
}

// TestRefusedWebhook checks that an incoming webhook that Slack refused is tried again after a while: only a message shows
// whether it works.
func TestRefusedWebhook(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot(webhook)
		w.create(i)
		w.settle()
		wantConditions(w, i, unverified, "the first message shows whether it works")
		if d := get(w, i).Status.Delivery; d != v1alpha1.DeliveryAtLeastOnce {
			t.Errorf("delivery is %s", d)
		}
		w.run(time.Minute)
		w.slackConn().Observe(connection.ActionPost, revoked)
		w.run(299 * time.Second)
		wantConditions(w, i, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "the token was revoked")
		if w.slackConn().PauseFault() == nil {
			t.Error("calls are made although Slack refused one")
		}
		w.wantProbes(0, 60, 90, 150, 210, 270, 330)
		w.run(32 * time.Second)
		if w.slackConn().PauseFault() != nil {
			t.Error("the webhook is not tried again")
		}
	})
}

// TestNewWebhook checks that a webhook that was refused is tried at once with another URL.
func TestNewWebhook(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot(webhook)
		w.create(i)
		w.run(time.Second)
		w.slackConn().Observe(connection.ActionPost, revoked)
		w.run(time.Second)
		w.setSecret(map[string][]byte{"token": []byte("https://hooks.example.com/2")})
		w.settle()
		wantConditions(w, i, unverified, "")
		if w.slackConn().PauseFault() != nil {
			t.Error("calls are paused")
		}
	})
}

// TestSuspend checks that a suspended integration calls nothing, and works again when it is resumed.
func TestSuspend(t *testing.T) {
	for kind, o := range map[string]kit.Object{"slack": bot(), "jira": project()} {
		t.Run(kind, func(t *testing.T) {
			inWorld(t, func(w *world) {
				suspend := func(v bool) func(kit.Object) {
					return func(o kit.Object) {
						switch o := o.(type) {
						case *v1alpha1.SlackIntegration:
							o.Spec.Suspend = v
						case *v1alpha1.JiraIntegration:
							o.Spec.Suspend = v
						}
					}
				}
				o := o.DeepCopyObject().(kit.Object)
				w.create(o)
				w.run(time.Second)
				w.create(defectWithTicket("d", nil))
				change(w, o, suspend(true))
				w.run(time.Hour)
				wantConditions(w, o, suspended, "spec.suspend is true")
				w.wantProbes(0)
				if w.jira.Polls() != 0 {
					t.Errorf("%d polls", w.jira.Polls())
				}
				f := w.slackConn().PauseFault()
				if kind == "jira" {
					f = w.jiraConn().PauseFault()
				}
				if f == nil || f.Code != v1alpha1.ReasonSuspended {
					t.Errorf("paused for %v", f)
				}
				if got := w.announced(); got != nil {
					t.Errorf("announced %v", got)
				}
				change(w, o, suspend(false))
				w.settle()
				wantConditions(w, o, works, "")
			})
		})
	}
}

// TestDeletedIntegration checks that what waits for a deleted integration is enqueued, and nothing is kept of it.
func TestDeletedIntegration(t *testing.T) {
	for kind, o := range map[string]kit.Object{"slack": bot(), "jira": project()} {
		for name, finalizers := range map[string][]string{"deleted": nil, "being deleted": {"example.com/hold"}} {
			t.Run(kind+", "+name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					o := o.DeepCopyObject().(kit.Object)
					o.SetFinalizers(finalizers)
					w.create(o)
					w.settle()
					version := w.slackConn().Version() + w.jiraConn().Version()
					w.delete(o)
					w.run(time.Hour)
					after := w.slackConn().Version() + w.jiraConn().Version()
					if finalizers == nil && after != "" || finalizers != nil && after != version {
						t.Errorf("the connection has version %q, had %q", after, version)
					}
					w.wantProbes(0)
					if _, kept := w.jiraReconcile.polls.Load(jiraName); kept && finalizers == nil {
						t.Error("the state of polls is kept")
					}
				})
			})
		}
	}
}

// TestAPIServerIsAway checks that an integration is tried again while the API server cannot be read, and that its
// connection goes on.
func TestAPIServerIsAway(t *testing.T) {
	away := errors.New("the API server is away")
	for name, fails := range map[string]func(verb string, o client.Object) bool{
		"integration": func(verb string, o client.Object) bool {
			_, ok := o.(*v1alpha1.SlackIntegration)
			return ok && verb == "get"
		},
		"metadata": func(_ string, o client.Object) bool { _, ok := o.(*metav1.PartialObjectMetadata); return ok },
		"secret":   func(_ string, o client.Object) bool { _, ok := o.(*corev1.Secret); return ok },
		"status":   func(verb string, _ client.Object) bool { return verb == "update" },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				w.create(i)
				failures := 0
				w.failing = func(verb string, o client.Object) error {
					if fails(verb, o) {
						failures++
						return away
					}
					return nil
				}
				w.run(time.Minute)
				w.failing = func(string, client.Object) error { return nil }
				if failures < 4 {
					t.Errorf("%d requests within a minute", failures)
				}
				if name != "status" && len(w.probes) != 0 {
					t.Errorf("probed after %v s", w.probes)
				}
				w.run(time.Minute)
				wantConditions(w, i, works, "")
			})
		})
	}
}

// TestProbeThatTakesLong checks that a probe is given up, and that one of a test is sooner.
func TestProbeThatTakesLong(t *testing.T) {
	for name, c := range map[string]struct {
		test bool
		want time.Duration
	}{"a probe": {false, 45 * time.Second}, "of a test": {true, 10 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot()
				if c.test {
					i.Annotations = map[string]string{v1alpha1.TestRequestedAtAnnotation: time.Now().Format(time.RFC3339Nano)}
				}
				hang := &hanging{}
				w.slackReconcile.Dial = func(c chat.Config) (chat.Poster, error) { return hang, nil }
				w.create(i)
				begin := time.Now()
				w.settle()
				if hang.took != c.want || time.Since(begin) != c.want {
					t.Errorf("the probe took %s, want %s", hang.took, c.want)
				}
			})
		})
	}
}

// TestStatusOfSlack checks what a probe writes to the status.
func TestStatusOfSlack(t *testing.T) {
	inWorld(t, func(w *world) {
		w.probeSlack = func(chat.Config) (chat.Workspace, error) {
			return chat.Workspace{Team: strings.Repeat("t", 300), TeamID: strings.Repeat("i", 70), BotUserID: strings.Repeat("u", 70),
				Verified: true, CanFind: true}, nil
		}
		i := bot()
		w.create(i)
		w.settle()
		s := get(w, i).Status
		if utf8.RuneCountInString(s.Team) != 255 || utf8.RuneCountInString(s.TeamID) != 64 || utf8.RuneCountInString(s.BotUserID) != 64 ||
			s.Delivery != v1alpha1.DeliveryExactlyOnce ||
			s.LastProbeTime == nil || s.LastSuccessTime == nil {
			t.Errorf("the status is %+v", s)
		}
	})
}

// TestStatusOfJira checks what a probe writes to the status.
func TestStatusOfJira(t *testing.T) {
	inWorld(t, func(w *world) {
		w.probeJira = func(ticket.Config) (ticket.Project, error) {
			return ticket.Project{
				Deployment: ticket.Cloud, Version: strings.Repeat("v", 70), Account: strings.Repeat("a", 300), AccountID: strings.Repeat("i", 300),
			}, nil
		}
		i := project()
		w.create(i)
		w.settle()
		s := get(w, i).Status
		if utf8.RuneCountInString(s.Version) != 64 || utf8.RuneCountInString(s.Account) != 255 ||
			utf8.RuneCountInString(s.AccountID) != 255 || string(s.Deployment) != string(ticket.Cloud) ||
			s.TicketsReadFrom != "https://jira.example.com" {
			t.Errorf("the status is %+v", s)
		}
	})
}

// TestNamesOfAccountsAreOneLine checks that what people can name in Slack and Jira reaches no terminal as it is.
func TestNamesOfAccountsAreOneLine(t *testing.T) {
	inWorld(t, func(w *world) {
		const name = "\x1b[31mVoice\n team\u202e"
		w.probeJira = func(ticket.Config) (ticket.Project, error) { return ticket.Project{Account: name, Version: name}, nil }
		w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{Team: name}, nil }
		i, o := project(), bot()
		w.create(i, o)
		w.settle()
		for _, got := range []string{get(w, i).Status.Account, i.Status.Version, get(w, o).Status.Team} {
			if got != "Voice team" {
				t.Errorf("the name is %q", got)
			}
		}
	})
}

// TestDefaultChannelThatDoesNotExist checks that an integration says that its default channel does not exist before a
// message is lost on it, and that it looks again while that is so only.
func TestDefaultChannelThatDoesNotExist(t *testing.T) {
	inWorld(t, func(w *world) {
		exists := false
		w.slack.OnFind(func(channel string) error {
			if exists {
				return nil
			}
			return &fault.Fault{Kind: fault.NotFound, Code: chat.CodeChannelNotFound, Message: "no such channel"}
		})
		i := bot()
		w.create(i)
		w.settle()
		wantConditions(w, i, degraded, "Channel #alerts does not exist")
		w.run(5*time.Minute + time.Second)
		wantConditions(w, i, degraded, "Channel #alerts does not exist")
		exists = true
		w.run(5 * time.Minute)
		wantConditions(w, i, works, "")
		asked := w.slack.Finds()
		w.run(time.Hour)
		if n := w.slack.Finds() - asked; n != 0 {
			t.Errorf("%d searches of a channel that exists", n)
		}
		exists = false
		change(w, i, func(i *v1alpha1.SlackIntegration) { i.Spec.DefaultChannel = "#other" })
		w.settle()
		wantConditions(w, i, degraded, "Channel #other does not exist")
	})
}
