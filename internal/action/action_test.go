// SPDX-License-Identifier: Apache-2.0

package action_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/user"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	alice = identity.Caller{Info: &user.DefaultInfo{Name: "alice"}}
)

// authorizer allows what it lists, each as the text of an access.
type authorizer struct {
	allowed []string
	err     error
}

func (a authorizer) Allowed(_ context.Context, _ identity.Caller, access identity.Access) (bool, error) {
	return slices.Contains(a.allowed, access.String()), a.err
}

var everything = authorizer{allowed: []string{
	"update defects.integrations.voiceai.dev in namespace qa", "create jobs.batch in namespace qa",
	"update slackintegrations.integrations.voiceai.dev in namespace qa",
	"update jiraintegrations.integrations.voiceai.dev in namespace qa",
}}

// newActions returns Actions on a cluster with the given objects, the updates of which conflict so many times.
func newActions(t *testing.T, a authorizer, conflicts int, objects ...client.Object) (*action.Actions, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.UpdateOption) error {
			if conflicts--; conflicts >= 0 {
				return apierrors.NewConflict(schema.GroupResource{}, o.GetName(), errors.New("changed meanwhile"))
			}
			return c.Update(ctx, o, options...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			err := c.List(ctx, list, options...)
			if suites, ok := list.(*batchv1.CronJobList); ok { // as the cache has them
				for i := range suites.Items {
					suites.Items[i].Spec.JobTemplate = batchv1.JobTemplateSpec{}
				}
			}
			return err
		},
	}).Build()
	return &action.Actions{Client: c, Live: c, Authorizer: a, Clock: testingclock.NewFakeClock(noon)}, c
}

func target(name string) action.Target {
	return action.Target{Caller: alice, NamespacedName: types.NamespacedName{Namespace: "qa", Name: name}}
}

func inQA(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "qa", Name: name} }

// outcome names the type of an error.
func outcome(err error) string {
	var forbidden *action.ForbiddenError
	var unknown *action.AuthorizationError
	var notFound *action.NotFoundError
	var conflict *action.ConflictError
	var invalid *action.InvalidError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &forbidden):
		return "forbidden"
	case errors.As(err, &unknown):
		return "unknown"
	case errors.As(err, &notFound), apierrors.IsNotFound(err):
		return "not found"
	case errors.As(err, &conflict), apierrors.IsConflict(err):
		return "conflict"
	case errors.As(err, &invalid):
		return "invalid"
	}
	return err.Error()
}

// TestEveryActionIsAuthorized tries each action with, without and with an unknown permission.
func TestEveryActionIsAuthorized(t *testing.T) {
	suite := &batchv1.CronJob{ObjectMeta: inQA("booking")}
	suite.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	test := func(kind string) func(*action.Actions) error {
		return func(a *action.Actions) error {
			_, err := a.RequestTest(t.Context(), action.Test{Target: target("it"), Kind: kind})
			return err
		}
	}
	for name, c := range map[string]struct {
		permission string
		act        func(*action.Actions) error
	}{
		"move": {"update defects.integrations.voiceai.dev in namespace qa", func(a *action.Actions) error {
			_, err := a.MoveDefect(t.Context(), action.Move{Target: target("it"), State: v1alpha1.StateClosed})
			return err
		}},
		"ticket": {"update defects.integrations.voiceai.dev in namespace qa", func(a *action.Actions) error {
			_, err := a.RequestTicket(t.Context(), target("it"))
			return err
		}},
		"run": {"create jobs.batch in namespace qa", func(a *action.Actions) error {
			_, _, err := a.StartRun(t.Context(), action.Start{Caller: alice, Namespace: "qa", Suite: "booking"})
			return err
		}},
		"test Slack": {"update slackintegrations.integrations.voiceai.dev in namespace qa", test("SlackIntegration")},
		"test Jira":  {"update jiraintegrations.integrations.voiceai.dev in namespace qa", test("JiraIntegration")},
	} {
		t.Run(name, func(t *testing.T) {
			for want, who := range map[string]authorizer{
				"ok": {allowed: []string{c.permission}}, "forbidden": {}, "unknown": {err: errors.New("down")},
			} {
				a, _ := newActions(t, who, 0, suite.DeepCopy(), &v1alpha1.Defect{ObjectMeta: inQA("it")},
					&v1alpha1.SlackIntegration{ObjectMeta: inQA("it")}, &v1alpha1.JiraIntegration{ObjectMeta: inQA("it")})
				err := c.act(a)
				if got := outcome(err); got != want {
					t.Errorf("got %s (%v), want %s", got, err, want)
				}
				if want == "forbidden" && !strings.Contains(err.Error(), "alice may not "+c.permission) {
					t.Errorf("got %q, want the missing permission", err)
				}
			}
		})
	}
}

func TestMoveDefect(t *testing.T) {
	applied := map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"state":"Open"}}`}
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		defect      string
		to          v1alpha1.State
		annotations map[string]string
		check       error
		conflicts   int
		want        string
		changedBy   string
	}{
		"moved":                   {defect: "d", to: v1alpha1.StateClosed, want: "ok", changedBy: "alice"},
		"there already":           {defect: "d", to: v1alpha1.StateOpen, want: "ok"},
		"missing":                 {defect: "none", to: v1alpha1.StateClosed, want: "not found"},
		"no such state":           {defect: "d", to: "Done", want: "invalid"},
		"managed":                 {defect: "d", to: v1alpha1.StateClosed, annotations: applied, want: "conflict"},
		"refused by the caller":   {defect: "d", to: v1alpha1.StateClosed, check: refused, want: "refused"},
		"changed meanwhile":       {defect: "d", to: v1alpha1.StateClosed, conflicts: 2, want: "ok", changedBy: "alice"},
		"changed again and again": {defect: "d", to: v1alpha1.StateClosed, conflicts: 99, want: "conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &v1alpha1.Defect{ObjectMeta: inQA("d"), Spec: v1alpha1.DefectSpec{State: v1alpha1.StateOpen}}
			d.Annotations = c.annotations
			a, cluster := newActions(t, everything, c.conflicts, d)
			got, err := a.MoveDefect(t.Context(), action.Move{
				Target: target(c.defect), State: c.to, Check: func(*v1alpha1.Defect) error { return c.check },
			})
			if outcome(err) != c.want {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			stored := &v1alpha1.Defect{}
			if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(d), stored); err != nil {
				t.Fatal(err)
			}
			want := v1alpha1.StateOpen
			if c.want == "ok" {
				want = c.to
				if got.Spec.State != want {
					t.Errorf("answered %s, want %s", got.Spec.State, want)
				}
			}
			if stored.Spec.State != want || stored.ChangedBy() != c.changedBy {
				t.Errorf("stored %s by %q, want %s by %q", stored.Spec.State, stored.ChangedBy(), want, c.changedBy)
			}
		})
	}
}

func TestRequestTicket(t *testing.T) {
	const earlier = "2026-03-04T11:00:00Z"
	now := noon.Format(time.RFC3339Nano)
	blocked := func(d *v1alpha1.Defect) {
		d.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: earlier}
		condition.False(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonUnauthorized, "renew the token")
	}
	for name, c := range map[string]struct {
		change  func(*v1alpha1.Defect)
		key     string
		message string
		at      string
	}{
		"first": {func(*v1alpha1.Defect) {}, "", "Ticket requested", now},
		"exists": {func(d *v1alpha1.Defect) {
			d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-7"}
		}, "VOICE-7", "The ticket exists", ""},
		"requested before": {func(d *v1alpha1.Defect) {
			d.Annotations = map[string]string{v1alpha1.TicketRequestedAtAnnotation: earlier}
		}, "", "Ticket requested", earlier},
		"requested before, and refused": {blocked, "", "Ticket requested again. It was refused before: renew the token", now},
		"requested before, and waits": {func(d *v1alpha1.Defect) {
			blocked(d)
			condition.False(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonIntegrationPaused, "the token is wrong")
		}, "", "the token is wrong", earlier},
		"an earlier request was handled": {func(d *v1alpha1.Defect) {
			blocked(d)
			d.Status.Jira = &v1alpha1.DefectTicket{TicketRequestedAt: earlier}
		}, "", "Ticket requested", now},
	} {
		t.Run(name, func(t *testing.T) {
			d := &v1alpha1.Defect{ObjectMeta: inQA("d")}
			c.change(d)
			a, cluster := newActions(t, everything, 1, d)
			got, err := a.RequestTicket(t.Context(), target("d"))
			if err != nil || got.Key != c.key || !strings.HasPrefix(got.Message, c.message) {
				t.Errorf("got %+v, %v, want key %q and %q", got, err, c.key, c.message)
			}
			stored := &v1alpha1.Defect{}
			if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(d), stored); err != nil {
				t.Fatal(err)
			}
			if at := stored.Annotations[v1alpha1.TicketRequestedAtAnnotation]; at != c.at {
				t.Errorf("requested at %q, want %q", at, c.at)
			}
		})
	}
}

func TestStartRun(t *testing.T) {
	var suites []client.Object
	for _, of := range [][2]string{{"booking", "booking"}, {"refunds-a", "refunds"}, {"refunds-b", "refunds"}} {
		suite := &batchv1.CronJob{ObjectMeta: inQA(of[0])}
		suite.UID = types.UID(of[0])
		suite.Labels = map[string]string{v1alpha1.SuiteLabel: of[1]}
		suite.Spec.JobTemplate.Labels = map[string]string{"team": "voice"}
		suites = append(suites, suite)
	}
	for name, c := range map[string]struct {
		start action.Start
		want  string
		owner string
	}{
		"started":                           {action.Start{Suite: "booking"}, "ok", "booking"},
		"no suite":                          {action.Start{Suite: "none"}, "not found", ""},
		"several":                           {action.Start{Suite: "refunds"}, "conflict", ""},
		"one of them":                       {action.Start{Suite: "refunds", CronJob: "refunds-b"}, "ok", "refunds-b"},
		"none of them":                      {action.Start{Suite: "refunds", CronJob: "booking"}, "not found", ""},
		"a rerun of one of them":            {action.Start{Suite: "refunds", CronJob: "refunds-b", RerunOf: "1"}, "ok", "refunds-b"},
		"a rerun, the CronJob was replaced": {action.Start{Suite: "booking", CronJob: "former", RerunOf: "1"}, "ok", "booking"},
		"a rerun, of several others":        {action.Start{Suite: "refunds", CronJob: "former", RerunOf: "1"}, "conflict", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := newActions(t, everything, 0, suites...)
			c.start.Caller = alice
			c.start.Namespace = "qa"
			j, created, err := a.StartRun(t.Context(), c.start)
			if outcome(err) != c.want {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if err != nil {
				return
			}
			if owner := metav1.GetControllerOf(j); !created || owner == nil || owner.Name != c.owner || j.Labels["team"] != "voice" ||
				j.Labels[v1alpha1.SuiteLabel] != c.start.Suite {
				t.Errorf("created: %v, got %+v", created, j.ObjectMeta)
			}
		})
	}
}

func TestStartRunIsIdempotentPerCallerAndKey(t *testing.T) {
	suite := &batchv1.CronJob{ObjectMeta: inQA("booking")}
	suite.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	a, _ := newActions(t, everything, 0, suite)
	bob := identity.Caller{Info: &user.DefaultInfo{Name: "bob"}}
	for _, c := range []struct {
		name    string
		caller  identity.Caller
		key     string
		created bool
	}{
		{"a key", alice, "k", true}, {"the same key", alice, "k", false}, {"another key", alice, "l", true},
		{"another caller", bob, "k", true}, {"no key", alice, "", true}, {"no key again", alice, "", true},
	} {
		start := action.Start{Caller: c.caller, Namespace: "qa", Suite: "booking", IdempotencyKey: c.key}
		j, created, err := a.StartRun(t.Context(), start)
		if err != nil || created != c.created || !strings.HasPrefix(j.Name, "booking-") {
			t.Errorf("%s: got %v, created: %v, want %v", c.name, err, created, c.created)
		}
	}
}

// TestNameOfRun checks that the name of a run fits a label, and that it begins with as much of the suite as fits.
func TestNameOfRun(t *testing.T) {
	for name, prefix := range map[string]string{
		"booking":                      "booking-",
		strings.Repeat("a", 42):        strings.Repeat("a", 42) + "-",
		strings.Repeat("a", 52):        strings.Repeat("a", 42) + "-",
		strings.Repeat("a", 41) + "-b": strings.Repeat("a", 41) + "-",
	} {
		suite := &batchv1.CronJob{ObjectMeta: inQA(name)}
		suite.Labels = map[string]string{v1alpha1.SuiteLabel: "s"}
		a, _ := newActions(t, everything, 0, suite)
		j, _, err := a.StartRun(t.Context(), action.Start{Caller: alice, Namespace: "qa", Suite: "s"})
		if err != nil || !strings.HasPrefix(j.Name, prefix) || len(j.Name) != len(prefix)+20 || len(j.Name) > 63 {
			t.Errorf("%s: the run is %q, %v, want %s and 20 characters", name, j.Name, err, prefix)
		}
	}
}

func TestRequestTest(t *testing.T) {
	for name, c := range map[string]struct {
		test action.Test
		want string
	}{
		"Slack":             {action.Test{Target: target("awake"), Kind: "SlackIntegration", Channel: "#qa"}, "ok"},
		"Slack, no channel": {action.Test{Target: target("awake"), Kind: "SlackIntegration"}, "ok"},
		"Jira":              {action.Test{Target: target("awake"), Kind: "JiraIntegration"}, "ok"},
		"suspended":         {action.Test{Target: target("asleep"), Kind: "SlackIntegration"}, "conflict"},
		"missing":           {action.Test{Target: target("none"), Kind: "JiraIntegration"}, "not found"},
		"no such kind":      {action.Test{Target: target("awake"), Kind: "Defect"}, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			slack := &v1alpha1.SlackIntegration{ObjectMeta: inQA("awake")}
			slack.Annotations = map[string]string{v1alpha1.TestChannelAnnotation: "#before"}
			suspended := &v1alpha1.SlackIntegration{ObjectMeta: inQA("asleep")}
			suspended.Spec.Suspend = true
			a, cluster := newActions(t, everything, 1, slack, suspended, &v1alpha1.JiraIntegration{ObjectMeta: inQA("awake")})
			at, err := a.RequestTest(t.Context(), c.test)
			if outcome(err) != c.want {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if err != nil || c.test.Kind != v1alpha1.KindSlackIntegration {
				return
			}
			if err := cluster.Get(t.Context(), c.test.NamespacedName, slack); err != nil {
				t.Fatal(err)
			}
			if got := slack.Annotations[v1alpha1.TestRequestedAtAnnotation]; !at.Equal(noon) || got != noon.Format(time.RFC3339Nano) {
				t.Errorf("requested at %v, %q", at, got)
			}
			if got := slack.Annotations[v1alpha1.TestChannelAnnotation]; got != c.test.Channel {
				t.Errorf("got channel %q, want %q", got, c.test.Channel)
			}
		})
	}
}

func TestTestResult(t *testing.T) {
	for name, c := range map[string]struct {
		kind, name  string
		requestedAt string // of the last test
		found       bool
	}{
		"this one":            {"SlackIntegration", "it", "2026-03-04T12:00:00Z", true},
		"a later one":         {"SlackIntegration", "it", "2026-03-04T12:00:01Z", true},
		"an earlier one":      {"SlackIntegration", "it", "2026-03-04T11:59:59Z", false},
		"of no request":       {"SlackIntegration", "it", "", false},
		"of another kind":     {"JiraIntegration", "it", "", false},
		"of one that is gone": {"SlackIntegration", "gone", "", false},
	} {
		o := &v1alpha1.SlackIntegration{ObjectMeta: inQA("it")}
		o.Status.LastTest = &v1alpha1.IntegrationTest{RequestedAt: c.requestedAt}
		a, _ := newActions(t, everything, 0, o, &v1alpha1.JiraIntegration{ObjectMeta: inQA("it")})
		got, err := a.TestResult(t.Context(), c.kind, types.NamespacedName{Namespace: "qa", Name: c.name}, noon)
		if err != nil || (got != nil) != c.found {
			t.Errorf("%s: got %v, %v, want a result: %v", name, got, err, c.found)
		}
	}
}

// TestAStateIsRequestedAgain moves a Defect to the state that its spec has, after Jira or a new occurrence moved it.
func TestAStateIsRequestedAgain(t *testing.T) {
	d := &v1alpha1.Defect{ObjectMeta: inQA("it"), Spec: v1alpha1.DefectSpec{State: v1alpha1.StateResolved}}
	d.Status.State = v1alpha1.StateOpen
	d.Status.WantedState = v1alpha1.StateResolved
	a, c := newActions(t, everything, 0, d)
	for range 2 { // the second time it is requested already
		got, err := a.MoveDefect(t.Context(), action.Move{Target: target("it"), State: v1alpha1.StateResolved})
		if err != nil || got.PendingState() != v1alpha1.StateResolved || got.ChangedBy() != "alice" {
			t.Errorf("pending %q by %q, %v", got.PendingState(), got.ChangedBy(), err)
		}
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		t.Fatal(err)
	}
	if at := d.Annotations[v1alpha1.StateRequestedAtAnnotation]; at != noon.Format(time.RFC3339Nano) {
		t.Errorf("the request is %q", at)
	}
}

// TestRerunsAreOne reruns a run as several callers, which starts one Job.
func TestRerunsAreOne(t *testing.T) {
	suite := &batchv1.CronJob{ObjectMeta: inQA("booking")}
	suite.Labels = map[string]string{v1alpha1.SuiteLabel: "booking"}
	a, _ := newActions(t, everything, 0, suite)
	names := map[string]bool{}
	for _, name := range []string{"alice", "bob"} {
		caller := identity.Caller{Info: &user.DefaultInfo{Name: name}}
		job, created, err := a.StartRun(t.Context(), action.Start{Caller: caller, Namespace: "qa", Suite: "booking", RerunOf: "uid-1"})
		if err != nil || created != (name == "alice") {
			t.Errorf("%s: created %v, %v", name, created, err)
		}
		names[job.Name] = true
	}
	if len(names) != 1 {
		t.Errorf("the reruns are %v", names)
	}
}
