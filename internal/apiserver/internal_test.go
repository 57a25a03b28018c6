package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

// gate is an Identity with one answer for all but those who send the token "wrong".
type gate struct {
	unknown error
	unasked error
}

func (g gate) Authenticate(_ context.Context, token string) (identity.Caller, error) {
	if token == "wrong" {
		return identity.Caller{}, identity.ErrUnauthenticated
	}
	return identity.Caller{Info: &user.DefaultInfo{Name: "somebody"}}, g.unknown
}

func (g gate) Allowed(context.Context, identity.Caller, identity.Access) (bool, error) {
	return true, g.unasked
}

// empty is a cluster with nothing in it.
type empty struct{ client.Reader }

func (empty) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func newServer(t testing.TB, g gate) *Server {
	t.Helper()
	s, err := New(Options{Identity: g, Clock: clock.RealClock{}, RequestsPerSecond: 1e6, Live: empty{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s *Server, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer somebody's")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func TestWhenKubernetesCannotBeAsked(t *testing.T) {
	for name, g := range map[string]gate{"who it is": {unknown: errors.New("down")}, "what it may": {unasked: errors.New("down")}} {
		t.Run(name, func(t *testing.T) {
			w := ask(newServer(t, g), "/api/v1/defects")
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "down") {
				t.Errorf("got %d %s, want 503 with Retry-After and no more than that", w.Code, w.Body)
			}
		})
	}
}

// TestWrongTokensAreLimited has one address try them, which somebody else comes from too: it may be that of a proxy.
func TestWrongTokensAreLimited(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	s, err := New(Options{Identity: gate{}, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	send := func(token string, want int) *httptest.ResponseRecorder {
		t.Helper()
		w := ask(s, "/api/v1/access", "Authorization", token)
		if w.Code != want {
			t.Fatalf("got %d with %q, want %d", w.Code, token, want)
		}
		return w
	}
	for range 5 * failuresPerSecond {
		send("", http.StatusUnauthorized) // costs nothing, and is held against nobody
	}
	send("Bearer good", http.StatusOK)
	for range 2 * failuresPerSecond {
		send("Bearer wrong", http.StatusUnauthorized)
	}
	if w := send("Bearer wrong", http.StatusTooManyRequests); w.Header().Get("Retry-After") != "1" {
		t.Errorf("got Retry-After %q, want 1", w.Header().Get("Retry-After"))
	}
	send("Bearer new", http.StatusTooManyRequests)
	send("Bearer good", http.StatusOK)
	now.Step(time.Second)
	send("Bearer wrong", http.StatusUnauthorized)
	send("Bearer new", http.StatusOK)
}

// TestSlowCallersDoNotFillTheHouse has one caller send as many bodies as it may, none of which ends.
func TestSlowCallersDoNotFillTheHouse(t *testing.T) {
	s := newServer(t, gate{})
	var sent sync.WaitGroup
	body, end := io.Pipe()
	begun := make(chan struct{}, maxInFlightPerCaller)
	for range maxInFlightPerCaller {
		sent.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/defects", begins{body, begun})
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer somebody's")
			s.handler.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	for range maxInFlightPerCaller {
		<-begun
	}
	if w := ask(s, "/api/v1/access"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d, Retry-After %q, want 429 and 1", w.Code, w.Header().Get("Retry-After"))
	}
	_ = end.Close()
	sent.Wait()
	if w := ask(s, "/api/v1/access"); w.Code != http.StatusOK {
		t.Errorf("got %d when they had ended, want 200", w.Code)
	}
	if s.under.all != 0 || len(s.under.of) != 0 {
		t.Errorf("%d are counted for %v though nothing is under way", s.under.all, s.under.of)
	}
}

// begins is a body that tells when it is first read.
type begins struct {
	io.Reader
	begun chan<- struct{}
}

func (b begins) Read(p []byte) (int, error) {
	select {
	case b.begun <- struct{}{}:
	default:
	}
	return b.Reader.Read(p)
}

func TestWhatIsUnderWayIsBounded(t *testing.T) {
	u := underWay{of: map[string]int{}}
	for i := range maxInFlight {
		if _, problem := u.enter(strconv.Itoa(i / maxInFlightPerCaller)); problem != nil {
			t.Fatalf("request %d: %v", i, problem)
		}
	}
	if _, problem := u.enter("another"); problem == nil || problem.Status != http.StatusServiceUnavailable {
		t.Errorf("got %v, want 503", problem)
	}
}

func TestBucketsAreBounded(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	b := newBuckets(now, 1)
	for i := range 3 * maxBuckets {
		b.take(fmt.Sprint(i))
	}
	if len(b.all) > maxBuckets {
		t.Errorf("%d buckets are kept, more than %d", len(b.all), maxBuckets)
	}
	b.take("x")
	b.take("x")
	if seconds, ok := b.take("x"); ok || seconds != 1 {
		t.Errorf("got %v after %d s, want a wait of 1 s", ok, seconds)
	}
	now.Step(time.Second)
	if _, ok := b.take("x"); !ok {
		t.Error("nothing is there a second later")
	}
}

func TestAPanicTakesNobodyDown(t *testing.T) {
	s := newServer(t, gate{}) // without a client
	r := httptest.NewRequest(http.MethodPost, "/api/v1/defects", strings.NewReader(`{"title":"x","severity":"Low"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer somebody's")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "log says more") {
		t.Errorf("got %d %s, want 500", w.Code, w.Body)
	}
}

// TestWrongValuesAreNotRepeated takes what the API server says of a body.
func TestWrongValuesAreNotRepeated(t *testing.T) {
	for message, want := range map[string]string{
		`Invalid value: "s3cr3t": must be a name`:                        "must be a name",
		`Invalid value: "s3\"cr: 3t": spec.x in body should match '^a$'`: "spec.x in body should match '^a$'",
		`Invalid value: 17: must be less`:                                "must be less",
		`Unsupported value: "s3cr3t": supported values: "a", "b"`:        `supported values: "a", "b"`,
		`Required value: give one`:                                       "Required value: give one",
		`Too long: may not be more than 3 bytes`:                         "Too long: may not be more than 3 bytes",
	} {
		p := invalid(metav1.Status{Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Field: "spec.x", Message: message}, {Field: "<nil>", Message: "not looked at"}}}}, "x")
		if len(p.Errors) != 1 || p.Errors[0] != (Detail{want, "body.spec.x"}) || p.Detail != "x: spec.x: "+want {
			t.Errorf("%s: got %q, %v", message, p.Detail, p.Errors)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	body := `{"title":"x","severity":"Low"`
	for i := range 1000 {
		body += fmt.Sprintf(`,"x%d":1`, i)
	}
	s := newServer(t, gate{})
	r := httptest.NewRequest(http.MethodPost, "/api/v1/defects", strings.NewReader(body+"}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer somebody's")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnprocessableEntity || len(p.Errors) != maxDetails+1 || p.Errors[maxDetails].Message != "and 980 more" {
		t.Errorf("got %d %s, %v", w.Code, w.Body, err)
	}
}

func TestRunsSayWhatCanBe(t *testing.T) {
	for text, want := range map[string]*runResults{
		`{"passed":3,"failed":1,"total":4,"durationSeconds":2.5,"reportURL":"https://reports.example.com/1"}`: {3, 1, 0, 4, 2.5, "https://reports.example.com/1"},
		`{"passed":3,"failed":1}`: {3, 1, 0, 4, 0, ""},
		`{"passed":-3}`:           nil, `{"reportURL":"javascript:alert(1)"}`: nil, `[]`: nil,
	} {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.ResultsAnnotation: text}}}
		if got := newServer(t, gate{}).runOf(j).Results; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestHowAnIntegrationIs(t *testing.T) {
	type slack = v1alpha1.SlackIntegration
	for name, c := range map[string]struct {
		change    func(*slack)
		suspended bool
		want, why string
	}{
		"not looked at":   {func(*slack) {}, false, degraded, "The operator has not looked at it yet"},
		"being looked at": {func(o *slack) { condition.NotReady(o, condition.Reconciling, v1alpha1.ReasonProgressing, "asking") }, false, degraded, "asking"},
		"suspended":       {func(o *slack) { condition.Ready(o, v1alpha1.ReasonReady, "ok") }, true, disabled, ""},
		"well":            {func(o *slack) { condition.Ready(o, v1alpha1.ReasonReady, "ok") }, false, healthy, ""},
		"with less than wanted": {func(o *slack) {
			condition.True(o, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, "no scope")
			condition.Ready(o, v1alpha1.ReasonReady, "ok")
		}, false, degraded, "no scope"},
		"asked to wait": {func(o *slack) { condition.NotReady(o, condition.Reconciling, v1alpha1.ReasonRateLimited, "20 s") }, false, degraded, "20 s"},
		"not there":     {func(o *slack) { condition.NotReady(o, condition.Reconciling, v1alpha1.ReasonUnavailable, "timeout") }, false, broken, "timeout"},
		"refused":       {func(o *slack) { condition.NotReady(o, condition.Stalled, v1alpha1.ReasonUnauthorized, "401") }, false, broken, "401"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &slack{}
			c.change(o)
			got, why := howIs(o, c.suspended, o.Status.Health)
			if got != c.want || c.why == "" != (why == nil) || why != nil && *why != c.why {
				t.Errorf("got %s %v, want %s %q", got, why, c.want, c.why)
			}
		})
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(place{Sort: "newest", Rank: 3, Time: 5, Name: "a/b"}.cursor())
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseCursor(text, "newest")
		if err == nil && (p.Name == "" || p.Sort != "newest") {
			t.Errorf("%q was taken for a cursor", text)
		}
	})
}

// full is a server with ten thousand Defects and as many Notifications, as long as they can be told.
func full(b *testing.B) *Server {
	b.Helper()
	s := newServer(b, gate{})
	now := time.Now().Truncate(time.Second)
	severities := []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow}
	for i := range 10_000 {
		meta := metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("d-%05d", i), CreationTimestamp: metav1.NewTime(now.Add(-time.Duration(i) * time.Second)), ResourceVersion: fmt.Sprint(i)}
		s.defects.put(&v1alpha1.Defect{ObjectMeta: meta, Spec: v1alpha1.DefectSpec{
			Title: "Books the wrong day, " + meta.Name, Severity: severities[i%4], Description: strings.Repeat("x", 500), Suite: "booking", TestCase: "by weekday"}}, false)
		n := &v1alpha1.Notification{ObjectMeta: meta, Spec: v1alpha1.NotificationSpec{
			Rule: v1alpha1.RuleReference{Name: "r"}, Event: v1alpha1.NotificationEvent{ID: v1alpha1.EventID(meta.Name), Subject: &v1alpha1.EventSubject{Kind: "Defect", Namespace: "default", Name: meta.Name}}}}
		condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Sent")
		s.told.put(n, false)
	}
	return s
}

func BenchmarkLists(b *testing.B) {
	s := full(b)
	for _, path := range []string{
		"/api/v1/defects", "/api/v1/defects?sort=severity&limit=200", "/api/v1/defects?q=d-09999", "/api/v1/integrations/logs", "/api/v1/integrations/logs?q=d-09999", "/api/v1/integrations/health", "/api/v1/summary",
	} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w := ask(s, path); w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
	b.Run("after a change", func(b *testing.B) {
		b.ReportAllocs()
		d := s.defects.newest()[5000].DeepCopy()
		for at := 0; b.Loop(); at++ {
			d = d.DeepCopy()
			d.ResourceVersion = fmt.Sprint("again", at)
			s.defects.put(d, false)
			ask(s, "/api/v1/defects")
		}
	})
}

// TestAShelfStaysInOrder does at random what can happen to objects, and hands the order out in between, which must not change any more then.
func TestAShelfStaysInOrder(t *testing.T) {
	const seed1, seed2 = 7, 11
	random := rand.New(rand.NewPCG(seed1, seed2)) //nolint:gosec // the same each time
	s := newShelf[*v1alpha1.Defect](nil)
	var handed, copied [][]*v1alpha1.Defect
	for step := range 3000 {
		d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{
			Namespace: string('a' + rune(random.IntN(2))), Name: fmt.Sprintf("d-%d", random.IntN(40)), ResourceVersion: strconv.Itoa(step + 1),
			CreationTimestamp: metav1.Unix(int64(random.IntN(5)), 0), // another one of that name, as often as not
		}}
		s.put(d, random.IntN(3) == 0)
		if random.IntN(4) == 0 {
			now := s.newest()
			handed, copied = append(handed, now), append(copied, slices.Clone(now))
		}
	}
	for at := range handed {
		if !slices.Equal(handed[at], copied[at]) {
			t.Fatalf("what was handed out as the %dth has changed since", at)
		}
		if !slices.IsSortedFunc(handed[at], newer) {
			t.Fatalf("the %dth was not in order", at)
		}
	}
	now := s.newest()
	if len(now) != len(s.items) {
		t.Fatalf("%d in order, %d on the shelf", len(now), len(s.items))
	}
	for _, d := range now {
		if s.items[client.ObjectKeyFromObject(d)] != d {
			t.Fatalf("%s/%s is not as it is on the shelf", d.Namespace, d.Name)
		}
	}
}

// TestRightsAreAskedForOnce has a page after the other begin with the rights of its caller.
func TestRightsAreAskedForOnce(t *testing.T) {
	now := testingclock.NewFakeClock(time.Now())
	s, err := New(Options{Identity: gate{}, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	caller := identity.Caller{Info: &user.DefaultInfo{Name: "somebody"}}
	asked, hold := make(chan string, 10), make(chan error)
	ask := func(_ context.Context, namespace string) (rights, error) {
		asked <- namespace
		err := <-hold
		return rights{everywhere: true}, err
	}
	of := func(caller identity.Caller, namespace string) error {
		_, err := s.rights.of(t.Context(), caller, namespace, ask)
		return err
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := of(caller, "a"); err != nil {
				t.Error(err)
			}
		})
	}
	hold <- nil
	both.Wait()
	if err := of(caller, "a"); err != nil || len(asked) != 1 {
		t.Fatalf("%d questions, %v, want one", len(asked), err)
	}
	now.Step(rightsFresh) // what is known is told, and asked for again meanwhile
	if err := of(caller, "a"); err != nil {
		t.Error(err)
	}
	hold <- nil
	<-asked
	<-asked
	go func() { hold <- nil }()
	if err := of(caller, "c"); err != nil {
		t.Error(err)
	}
	now.Step(rightsMemory)
	go func() { hold <- errors.New("down") }()
	if err := of(caller, "c"); err == nil {
		t.Error("what is known no more was told though it could not be asked for")
	}
	for _, other := range []func() error{
		func() error { return of(caller, "b") },
		func() error { return of(identity.Caller{Info: &user.DefaultInfo{Name: "somebody else"}}, "a") },
		func() error {
			return of(identity.Caller{Info: &user.DefaultInfo{Name: "somebody", Groups: []string{"g"}}}, "a")
		},
	} {
		go func() { hold <- nil }()
		before := len(asked)
		if err := other(); err != nil || len(asked) != before+1 {
			t.Errorf("%d questions more, %v: the rights of one are not those of another", len(asked)-before, err)
		}
	}
}

func TestChannelsHaveNames(t *testing.T) {
	s := newServer(t, gate{})
	s.slack.put(&v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "slack"}, Status: v1alpha1.SlackIntegrationStatus{
		Channels: []v1alpha1.KnownChannel{{Name: "#other", ID: "C0"}, {Name: "#alerts", ID: "C1"}},
	}}, false)
	told := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "team"}, Status: v1alpha1.NotificationStatus{
		Message: &v1alpha1.PostedMessage{Integration: "qa/slack", Channel: "C1"},
	}}
	in := func(namespace string) func(string) bool { return func(asked string) bool { return asked == namespace } }
	if e := s.entry(logged{told: told}, in("qa")); e.Channel != "C1" || e.ChannelName != "#alerts" {
		t.Errorf("got %q, %q", e.Channel, e.ChannelName)
	}
	if e := s.entry(logged{told: told}, in("team")); e.Channel != "C1" || e.ChannelName != "" {
		t.Errorf("got %q, %q though the integration may not be listed where it is", e.Channel, e.ChannelName)
	}
	told.Status.Message.Channel = "C2"
	if e := s.entry(logged{told: told}, in("qa")); e.ChannelName != "" {
		t.Errorf("got %q for a channel that is not known", e.ChannelName)
	}
}

// TestPositionsTellNothingOfElsewhere follows one namespace, and all of them, while something changes in another.
func TestPositionsTellNothingOfElsewhere(t *testing.T) {
	h := newHub()
	h.tell("Defect", "qa")
	before := h.position()
	if again := h.position(); again == before {
		t.Error("that nothing happened can be seen of positions")
	}
	h.tell("Defect", "prod")
	h.tell("Job", "qa")
	for _, c := range []struct {
		name, namespace, position string
		want                      []string
	}{
		{"what changed here", "qa", before, []string{"Job"}},
		{"what changed there", "prod", before, []string{"Defect"}},
		{"what changed anywhere", "", before, []string{"Defect", "Job"}},
		{"nothing since", "", h.position(), nil},
		{"of another process", "qa", newHub().position(), []string{"Defect", "Job"}},
		{"that is none", "qa", "x", []string{"Defect", "Job"}},
		{"that is too short", "qa", "", []string{"Defect", "Job"}},
	} {
		w, err := h.join(c.name, c.namespace, "Defect", "Job")
		if err != nil {
			t.Fatal(err)
		}
		h.from(w, c.position)
		if got, _ := h.news(w); !slices.Equal(got, c.want) {
			t.Errorf("%s: told of %q, want %q", c.name, got, c.want)
		}
	}
}

// TestAnActivityForAnotherNamespace is in the log whether or not what it was for is still there, which nobody here may know.
func TestAnActivityForAnotherNamespace(t *testing.T) {
	s := newServer(t, gate{})
	shared := &v1alpha1.SlackIntegration{ObjectMeta: metaOf("qa", "slack")}
	for _, object := range []string{"Notification/qa/own", "Notification/prod/there", "Notification/prod/gone"} {
		shared.Status.Activities = append(shared.Status.Activities, v1alpha1.Activity{Action: "PostMessage", Object: object, Outcome: v1alpha1.OutcomeSucceeded})
	}
	s.slack.put(shared, false)
	s.told.put(telling("qa", "own", "qa/slack", v1alpha1.ReasonSent, noon), false)
	s.told.put(telling("prod", "there", "qa/slack", v1alpha1.ReasonSent, noon), false)
	for _, namespace := range []string{"qa", "*"} {
		w := ask(s, "/api/v1/integrations/logs?namespace="+namespace)
		for _, object := range []string{"Notification/qa/own", "Notification/prod/there", "Notification/prod/gone"} {
			if n := strings.Count(w.Body.String(), `"object":"`+object+`"`); n != 1 {
				t.Errorf("in the log of %s %s is %d times, want once: %s", namespace, object, n, w.Body)
			}
		}
		if !strings.Contains(w.Body.String(), `"total":3`) {
			t.Errorf("got %s, want 3 entries", w.Body)
		}
	}
}

func TestADryRunSaysWhatHolds(t *testing.T) {
	for want, change := range map[string]func(*v1alpha1.NotificationRuleSpec){
		"": func(*v1alpha1.NotificationRuleSpec) {},
		". A mute window holds until 2026-03-04T14:00:00Z: until then it is noted and not sent": func(s *v1alpha1.NotificationRuleSpec) {
			s.MuteWindows = []v1alpha1.MuteWindow{{Start: "12:00", End: "14:00"}}
		},
		". It is sent together with those of the same [severity], 1m0s after the first of them": func(s *v1alpha1.NotificationRuleSpec) {
			s.Grouping = &v1alpha1.Grouping{By: []v1alpha1.GroupKey{"severity"}, WindowSeconds: 60}
		},
		". It is sent together with all that the rule tells, 1m0s after the first of them": func(s *v1alpha1.NotificationRuleSpec) {
			s.Grouping = &v1alpha1.Grouping{WindowSeconds: 60}
		},
	} {
		r := &v1alpha1.NotificationRule{Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}}
		change(&r.Spec)
		compiled, err := rule.Compile(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := whatHolds(r, compiled, &event.Event{Time: noon}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhatALogIsSearchedFor(t *testing.T) {
	n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "told"}, Spec: v1alpha1.NotificationSpec{
		Rule: v1alpha1.RuleReference{Name: "nightly"}, Channel: "#alerts", Event: v1alpha1.NotificationEvent{
			Type: v1alpha1.EventDefectCreated, Subject: &v1alpha1.EventSubject{Kind: "Defect", Namespace: "qa", Name: "hangs-up"},
			Data: &runtime.RawExtension{Raw: []byte(`{"title":"The agent talks over people"}`)},
		},
	}}
	condition.False(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonRejected, "Slack says channel_not_found")
	a := &v1alpha1.Activity{Action: "CreateIssue", Object: "Defect/qa/repeats", Detail: "VOICE-7"}
	for text, want := range map[string][2]bool{
		"": {true, true}, "DEFECT/QA/": {true, true}, "defectcreated": {true, false}, "Nightly": {true, false}, "#ALERTS": {true, false}, "channel_not": {true, false},
		"rejected": {true, false}, "voice-7": {false, true}, "repeats": {false, true}, "TALKS over": {true, false}, "nowhere": {false, false},
	} {
		s, search := newServer(t, gate{}), newSearch(text)
		for range 2 { // the second time from memory
			if got := [2]bool{s.has(logged{told: n}, search), s.has(logged{activity: a}, search)}; got != want {
				t.Errorf("%q: got %v, want %v", text, got, want)
			}
		}
	}
}
