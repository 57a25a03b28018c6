package lifecycle_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// story is a Defect with a ticket, to which things happen a minute apart.
type story struct {
	d      *v1alpha1.Defect
	states []v1alpha1.JiraStateMapping
	now    time.Time
}

func newStory() *story {
	d := &v1alpha1.Defect{}
	d.UID, d.CreationTimestamp = "u1", metav1.NewTime(begin)
	s := &story{d: d, now: begin}
	lifecycle.Observe(d, s.now)
	d.Status.Jira = &v1alpha1.DefectTicket{}
	lifecycle.Filed(d, nil, ticket.Ticket{Key: "V-1", ID: "1"}, s.now)
	return s
}

func (s *story) later() time.Time { s.now = s.now.Add(time.Minute); return s.now }

func spec(to v1alpha1.State) func(*story) {
	return func(s *story) { s.d.Spec.State = to; lifecycle.Observe(s.d, s.later()) }
}

func seenAgain(s *story) {
	s.d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(s.later())}
	lifecycle.Observe(s.d, s.now)
}

func jira(status, category string) func(*story) {
	return func(s *story) {
		at := s.later()
		lifecycle.FromJira(s.d, s.states, ticket.Ticket{Key: "V-1", ID: "1", Status: status, StatusCategory: category, Updated: at}, false, at)
	}
}

// stale is what a search says that is behind.
func stale(status, category string) func(*story) {
	return func(s *story) {
		s.later()
		lifecycle.FromJira(s.d, s.states, ticket.Ticket{Key: "V-1", ID: "1", Status: status, StatusCategory: category, Updated: begin.Add(time.Second)}, false, s.now)
	}
}

// since is what happened in Jira before the last minute and is learned of only now.
func since(status, category string) func(*story) {
	return func(s *story) {
		at := s.now.Add(-30 * time.Second)
		lifecycle.FromJira(s.d, s.states, ticket.Ticket{Key: "V-1", ID: "1", Status: status, StatusCategory: category, Updated: at}, true, s.later())
	}
}

func moved(status, category string) func(*story) {
	return func(s *story) {
		at := s.later()
		lifecycle.Moved(s.d, ticket.Ticket{Key: "V-1", ID: "1", Status: status, StatusCategory: category, Updated: at}, at)
	}
}

func mapping(m ...v1alpha1.JiraStateMapping) func(*story) { return func(s *story) { s.states = m } }

func TestTheNewestMovesTheState(t *testing.T) {
	const open, progress, resolved, closed = v1alpha1.StateOpen, v1alpha1.StateInProgress, v1alpha1.StateResolved, v1alpha1.StateClosed
	for name, c := range map[string]struct {
		happens  []func(*story)
		state    v1alpha1.State
		moveTo   v1alpha1.State
		changes  int64
		cause    v1alpha1.StateChangeCause
		relapses int64
	}{
		"nothing":                           {nil, open, "", 0, "", 0},
		"the first look of Jira":            {[]func(*story){jira("To Do", "new")}, open, "", 0, "", 0},
		"started in Jira":                   {[]func(*story){jira("In Progress", "indeterminate")}, progress, "", 1, v1alpha1.CauseJira, 0},
		"resolved in Jira":                  {[]func(*story){jira("Done", "done")}, resolved, "", 1, v1alpha1.CauseJira, 0},
		"from one open status to another":   {[]func(*story){jira("To Do", "new"), jira("Triage", "new")}, open, "", 0, "", 0},
		"a status that is mapped":           {[]func(*story){mapping(v1alpha1.JiraStateMapping{Status: "won't do", State: closed}), jira("Won't Do", "done")}, closed, "", 1, v1alpha1.CauseJira, 0},
		"a status against its category":     {[]func(*story){mapping(v1alpha1.JiraStateMapping{Status: "In Review", State: resolved}), jira("In Review", "indeterminate")}, resolved, "", 1, v1alpha1.CauseJira, 0},
		"resolved in the spec":              {[]func(*story){spec(resolved)}, resolved, resolved, 1, v1alpha1.CauseSpec, 0},
		"and the ticket moved":              {[]func(*story){spec(resolved), moved("Done", "done")}, resolved, "", 1, v1alpha1.CauseSpec, 0},
		"and its echo":                      {[]func(*story){spec(resolved), moved("Done", "done"), jira("Done", "done")}, resolved, "", 1, v1alpha1.CauseSpec, 0},
		"and a search that is behind":       {[]func(*story){jira("To Do", "new"), spec(resolved), moved("Done", "done"), stale("To Do", "new")}, resolved, "", 1, v1alpha1.CauseSpec, 0},
		"and reopened in Jira":              {[]func(*story){spec(resolved), moved("Done", "done"), jira("To Do", "new")}, open, "", 2, v1alpha1.CauseJira, 0},
		"and resolved in the spec again":    {[]func(*story){spec(resolved), moved("Done", "done"), jira("To Do", "new"), spec(""), spec(resolved)}, resolved, resolved, 3, v1alpha1.CauseSpec, 0},
		"the spec stays as Jira moves on":   {[]func(*story){spec(progress), moved("In Progress", "indeterminate"), jira("Done", "done"), spec(progress)}, resolved, "", 2, v1alpha1.CauseJira, 0},
		"closed stays closed":               {[]func(*story){spec(closed), moved("Done", "done"), jira("Archived", "done")}, closed, "", 1, v1alpha1.CauseSpec, 0},
		"Jira is newer than a waiting move": {[]func(*story){spec(resolved), jira("In Progress", "indeterminate")}, progress, "", 2, v1alpha1.CauseJira, 0},
		"a waiting move is newer than Jira": {[]func(*story){spec(resolved), since("In Progress", "indeterminate")}, resolved, resolved, 1, v1alpha1.CauseSpec, 0},
		"no state wanted any more":          {[]func(*story){spec(resolved), spec("")}, resolved, resolved, 1, v1alpha1.CauseSpec, 0},
		"seen again while open":             {[]func(*story){seenAgain}, open, "", 0, "", 0},
		"seen again after it was resolved":  {[]func(*story){jira("Done", "done"), seenAgain}, open, open, 2, v1alpha1.CauseRegression, 1},
		"closed in the spec, seen again":    {[]func(*story){spec(closed), moved("Done", "done"), seenAgain}, open, open, 2, v1alpha1.CauseRegression, 1},
		"twice":                             {[]func(*story){jira("Done", "done"), seenAgain, moved("To Do", "new"), jira("Done", "done"), seenAgain}, open, open, 4, v1alpha1.CauseRegression, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			for _, happen := range c.happens {
				happen(s)
			}
			st := s.d.Status
			if st.State != c.state || st.Jira.MoveTo != c.moveTo || st.Regressions != c.relapses {
				t.Errorf("state %s, move to %q, %d regressions; want %s, %q, %d", st.State, st.Jira.MoveTo, st.Regressions, c.state, c.moveTo, c.relapses)
			}
			switch {
			case c.changes == 0 && st.StateChange != nil:
				t.Errorf("changed: %+v", st.StateChange)
			case c.changes > 0 && (st.StateChange == nil || st.StateChange.Number != c.changes || st.StateChange.Cause != c.cause):
				t.Errorf("changed: %+v, want number %d because of %s", st.StateChange, c.changes, c.cause)
			}
		})
	}
}

func TestBornResolved(t *testing.T) {
	d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{State: v1alpha1.StateResolved}}
	lifecycle.Observe(d, begin)
	d.Status.Jira = &v1alpha1.DefectTicket{}
	lifecycle.Filed(d, nil, ticket.Ticket{Key: "V-1", ID: "1"}, begin)
	if d.Status.State != v1alpha1.StateResolved || d.Status.ResolvedTime == nil || d.Status.Jira.MoveTo != v1alpha1.StateResolved {
		t.Errorf("%+v, %+v", d.Status, d.Status.Jira)
	}
}

func TestAMovedTicketIsFollowed(t *testing.T) {
	s := newStory()
	at := s.later()
	if !lifecycle.FromJira(s.d, nil, ticket.Ticket{Key: "OPS-7", ID: "1", URL: "https://j/browse/OPS-7", Status: "To Do", StatusCategory: "new", Updated: at}, false, at) {
		t.Error("nothing new")
	}
	if j := s.d.Status.Jira; j.Key != "OPS-7" || j.URL != "https://j/browse/OPS-7" || s.d.Status.State != v1alpha1.StateOpen {
		t.Errorf("%+v", j)
	}
}

func TestWhatIsNotShownIsNoNews(t *testing.T) {
	s := newStory()
	jira("To Do", "new")(s)
	before := *s.d.Status.Jira
	at := s.later()
	if lifecycle.FromJira(s.d, nil, ticket.Ticket{Key: "V-1", ID: "1", Status: "To Do", StatusCategory: "new", Updated: at}, false, at) || *s.d.Status.Jira != before {
		t.Errorf("an edit of the summary changed the status: %+v", s.d.Status.Jira)
	}
}

func TestReopens(t *testing.T) {
	const reopen, comment = v1alpha1.JiraReopenReopen, v1alpha1.JiraReopenComment
	for name, c := range map[string]struct {
		policy     *v1alpha1.JiraReopen
		resolution string
		after      time.Duration
		want       bool
	}{
		"no policy":          {nil, "Done", time.Hour, false},
		"comment":            {&v1alpha1.JiraReopen{Policy: comment}, "Done", time.Hour, false},
		"reopen":             {&v1alpha1.JiraReopen{Policy: reopen}, "Done", 1000 * time.Hour, true},
		"within":             {&v1alpha1.JiraReopen{Policy: reopen, WithinSeconds: 3600}, "Done", time.Hour, true},
		"too late":           {&v1alpha1.JiraReopen{Policy: reopen, WithinSeconds: 3600}, "Done", time.Hour + time.Second, false},
		"excepted":           {&v1alpha1.JiraReopen{Policy: reopen, ExceptResolutions: []v1alpha1.JiraName{"Duplicate", "Won't Do"}}, "won't do", time.Minute, false},
		"another resolution": {&v1alpha1.JiraReopen{Policy: reopen, ExceptResolutions: []v1alpha1.JiraName{"Won't Do"}}, "Done", time.Minute, true},
	} {
		d := &v1alpha1.Defect{Status: v1alpha1.DefectStatus{ResolvedTime: &metav1.Time{Time: begin}, Jira: &v1alpha1.DefectTicket{Resolution: c.resolution}}}
		if got := lifecycle.Reopens(c.policy, d, begin.Add(c.after)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTarget(t *testing.T) {
	m := []v1alpha1.JiraTransitionMapping{{State: v1alpha1.StateClosed, Status: "Won't Do"}}
	for state, want := range map[v1alpha1.State]ticket.Target{
		v1alpha1.StateOpen: {Category: "new"}, v1alpha1.StateInProgress: {Category: "indeterminate"},
		v1alpha1.StateResolved: {Category: "done"}, v1alpha1.StateClosed: {Status: "Won't Do", Category: "done"},
	} {
		if got := lifecycle.Target(m, state); got != want {
			t.Errorf("%s: %+v", state, got)
		}
	}
}

// Two changes within one second may have the same time: what was read from the ticket tells them apart, what was found
// does not.
func TestAsOldIsNewsOnlyWhenItWasRead(t *testing.T) {
	for read, want := range map[bool]v1alpha1.State{true: v1alpha1.StateResolved, false: v1alpha1.StateInProgress} {
		s := newStory()
		jira("In Progress", "indeterminate")(s)
		at := s.d.Status.Jira.UpdatedTime.Time
		lifecycle.FromJira(s.d, nil, ticket.Ticket{Key: "V-1", ID: "1", Status: "Done", StatusCategory: "done", Updated: at}, read, s.later())
		if s.d.Status.State != want {
			t.Errorf("read %v: %s, want %s", read, s.d.Status.State, want)
		}
		older := ticket.Ticket{Key: "V-1", ID: "1", Status: "To Do", StatusCategory: "new", Updated: at.Add(-time.Second)}
		if lifecycle.FromJira(s.d, nil, older, true, s.later()) {
			t.Errorf("read %v: an older answer was taken over", read)
		}
	}
}

// A Defect that was created again from a backup, status and all, did not occur again.
func TestRestoredIsNotSeenAgain(t *testing.T) {
	s := newStory()
	jira("Done", "done")(s)
	s.d.CreationTimestamp = metav1.NewTime(begin.Add(24 * time.Hour))
	lifecycle.Observe(s.d, begin.Add(25*time.Hour))
	if s.d.Status.Occurrences != 1 || s.d.Status.State != v1alpha1.StateResolved {
		t.Errorf("%d occurrences, %s", s.d.Status.Occurrences, s.d.Status.State)
	}
}
