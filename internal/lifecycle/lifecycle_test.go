// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/lifecycle"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// story is a Defect with a ticket. Each step happens a minute after the one before.
type story struct {
	d      *v1alpha1.Defect
	states []v1alpha1.JiraStateMapping
	now    time.Time
}

// step is what happens to the Defect of a story.
type step func(*story)

func newStory() *story {
	d := &v1alpha1.Defect{}
	d.UID = "u1"
	d.CreationTimestamp = metav1.NewTime(begin)
	s := &story{d: d, now: begin}
	lifecycle.Observe(d, s.now)
	d.Status.Jira = &v1alpha1.DefectTicket{}
	lifecycle.Filed(d, nil, ticket.Ticket{Key: "V-1", ID: "1"}, s.now)
	return s
}

func (s *story) later() time.Time {
	s.now = s.now.Add(time.Minute)
	return s.now
}

func ticketIn(status, category string, updated time.Time) ticket.Ticket {
	return ticket.Ticket{Key: "V-1", ID: "1", Status: status, StatusCategory: category, Updated: updated}
}

// spec sets spec.state.
func spec(to v1alpha1.State) step {
	return func(s *story) {
		s.d.Spec.State = to
		lifecycle.Observe(s.d, s.later())
	}
}

// occur reports a new occurrence.
func occur(s *story) {
	s.d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(s.later())}
	lifecycle.Observe(s.d, s.now)
}

// jira moves the ticket in Jira.
func jira(status, category string) step {
	return func(s *story) {
		at := s.later()
		lifecycle.FromJira(s.d, s.states, ticketIn(status, category, at), false, at)
	}
}

// stale reads the ticket from an outdated answer of Jira's search.
func stale(status, category string) step {
	return func(s *story) {
		s.later()
		lifecycle.FromJira(s.d, s.states, ticketIn(status, category, begin.Add(time.Second)), false, s.now)
	}
}

// late moves the ticket in Jira half a minute before the previous step. The operator learns of it only now.
func late(status, category string) step {
	return func(s *story) {
		at := s.now.Add(-30 * time.Second)
		lifecycle.FromJira(s.d, s.states, ticketIn(status, category, at), true, s.later())
	}
}

// undated moves the ticket in a Jira that does not return the time.
func undated(status, category string) step {
	return func(s *story) {
		s.d.Status.Jira.UpdatedTime = nil
		lifecycle.FromJira(s.d, s.states, ticketIn(status, category, time.Time{}), true, s.later())
	}
}

// moved moves the ticket as the operator.
func moved(status, category string) step {
	return func(s *story) {
		at := s.later()
		lifecycle.Moved(s.d, s.states, ticket.Target{Status: status}, ticketIn(status, category, at), at)
	}
}

func mapping(status v1alpha1.JiraName, to v1alpha1.State) step {
	return func(s *story) { s.states = []v1alpha1.JiraStateMapping{{Status: status, State: to}} }
}

const (
	open     = v1alpha1.StateOpen
	progress = v1alpha1.StateInProgress
	resolved = v1alpha1.StateResolved
	closed   = v1alpha1.StateClosed
)

func TestTheNewestMovesTheState(t *testing.T) {
	const (
		bySpec       = v1alpha1.CauseSpec
		byJira       = v1alpha1.CauseJira
		byRegression = v1alpha1.CauseRegression
	)
	todo := jira("To Do", "new")
	done := jira("Done", "done")
	doing := jira("In Progress", "indeterminate")
	movedToDone := moved("Done", "done")
	for name, c := range map[string]struct {
		steps       []step
		state       v1alpha1.State
		moveTo      v1alpha1.State
		changes     int64
		cause       v1alpha1.StateChangeCause
		regressions int64
	}{
		"nothing":                      {nil, open, "", 0, "", 0},
		"the first answer of Jira":     {[]step{todo}, open, "", 0, "", 0},
		"started in Jira":              {[]step{doing}, progress, "", 1, byJira, 0},
		"resolved in Jira":             {[]step{done}, resolved, "", 1, byJira, 0},
		"one open status to another":   {[]step{todo, jira("Triage", "new")}, open, "", 0, "", 0},
		"a mapped status":              {[]step{mapping("won't do", closed), jira("Won't Do", "done")}, closed, "", 1, byJira, 0},
		"a status of another category": {[]step{mapping("In Review", resolved), jira("In Review", "indeterminate")}, resolved, "", 1, byJira, 0},
		"a status that is not mapped":  {[]step{mapping("Done", closed), jira("Other", "done")}, resolved, "", 1, byJira, 0},
		"within the category, mapped": {
			[]step{spec(closed), moved("To Do", "new"), mapping("Done", resolved), done}, resolved, "", 2, byJira, 0},
		"resolved in the spec":          {[]step{spec(resolved)}, resolved, resolved, 1, bySpec, 0},
		"and the ticket moved":          {[]step{spec(resolved), movedToDone}, resolved, "", 1, bySpec, 0},
		"and its echo":                  {[]step{spec(resolved), movedToDone, done}, resolved, "", 1, bySpec, 0},
		"and an outdated search":        {[]step{todo, spec(resolved), movedToDone, stale("To Do", "new")}, resolved, "", 1, bySpec, 0},
		"and reopened in Jira":          {[]step{spec(resolved), movedToDone, todo}, open, "", 2, byJira, 0},
		"and resolved in the spec anew": {[]step{spec(resolved), movedToDone, todo, spec(""), spec(resolved)}, resolved, resolved, 3, bySpec, 0},
		"the spec stays, Jira moves on": {
			[]step{spec(progress), moved("In Progress", "indeterminate"), done, spec(progress)}, resolved, "", 2, byJira, 0},
		"the spec follows Jira":             {[]step{done, spec(resolved)}, resolved, "", 1, byJira, 0},
		"closed stays closed":               {[]step{spec(closed), movedToDone, jira("Archived", "done")}, closed, "", 1, bySpec, 0},
		"Jira is newer than a waiting move": {[]step{spec(resolved), doing}, progress, "", 2, byJira, 0},
		"a waiting move is newer than Jira": {[]step{spec(resolved), late("In Progress", "indeterminate")}, resolved, resolved, 1, bySpec, 0},
		"nothing waits, Jira is late":       {[]step{spec(resolved), movedToDone, undated("To Do", "new")}, open, "", 2, byJira, 0},
		"a waiting move, Jira has no time":  {[]step{spec(resolved), undated("In Progress", "indeterminate")}, progress, "", 2, byJira, 0},
		"Jira moves to the wanted state":    {[]step{mapping("Done", resolved), spec(resolved), done}, resolved, "", 1, bySpec, 0},
		"no state wanted any more":          {[]step{spec(resolved), spec("")}, resolved, resolved, 1, bySpec, 0},
		"occurred again while open":         {[]step{occur}, open, "", 0, "", 0},
		"occurred again after resolved":     {[]step{done, occur}, open, open, 2, byRegression, 1},
		"occurred again after closed":       {[]step{spec(closed), movedToDone, occur}, open, open, 2, byRegression, 1},
		"twice":                             {[]step{done, occur, moved("To Do", "new"), done, occur}, open, open, 4, byRegression, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			for _, do := range c.steps {
				do(s)
			}
			st := s.d.Status
			if st.State != c.state || st.Jira.MoveTo != c.moveTo || st.Regressions != c.regressions {
				t.Errorf("state %s, move to %q, %d regressions; want %s, %q, %d",
					st.State, st.Jira.MoveTo, st.Regressions, c.state, c.moveTo, c.regressions)
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

// A change in Jira that does not move the state is new all the same.
func TestAnOlderChangeIsNew(t *testing.T) {
	s := newStory()
	jira("To Do", "new")(s)
	spec(resolved)(s)
	if !lifecycle.FromJira(s.d, nil, ticketIn("In Progress", "indeterminate", s.now.Add(-time.Second)), false, s.later()) {
		t.Error("nothing new")
	}
	if j := s.d.Status.Jira; j.Status != "In Progress" || j.MoveTo != resolved || s.d.Status.State != resolved {
		t.Errorf("%+v", j)
	}
}

// The time of a change in Jira is Jira's, unless its clock is ahead.
func TestTimeOfAChangeInJira(t *testing.T) {
	for name, c := range map[string]struct{ updated, want time.Time }{
		"before": {begin.Add(time.Minute), begin.Add(time.Minute)},
		"now":    {begin.Add(time.Hour), begin.Add(time.Hour)},
		"ahead":  {begin.Add(2 * time.Hour), begin.Add(time.Hour)},
		"none":   {time.Time{}, begin.Add(time.Hour)},
	} {
		s := newStory()
		s.d.Status.Jira.UpdatedTime = nil
		if !lifecycle.FromJira(s.d, nil, ticketIn("Done", "done", c.updated), false, begin.Add(time.Hour)) {
			t.Errorf("%s: nothing new", name)
		}
		change := s.d.Status.StateChange
		if change == nil || !change.Time.Time.Equal(c.want) || change.From != open || !s.d.Status.ResolvedTime.Time.Equal(c.want) {
			t.Errorf("%s: %+v, want %s", name, change, c.want)
		}
		if !s.d.Status.Jira.LastSyncTime.Time.Equal(begin.Add(time.Hour)) {
			t.Errorf("%s: last sync %s", name, s.d.Status.Jira.LastSyncTime)
		}
	}
}

// A Defect is resolved once, until it is reopened.
func TestResolvedTime(t *testing.T) {
	s := newStory()
	spec(progress)(s)
	if s.d.Status.ResolvedTime != nil {
		t.Errorf("in progress: %s", s.d.Status.ResolvedTime)
	}
	spec(resolved)(s)
	first := s.now
	spec(closed)(s)
	if !s.d.Status.ResolvedTime.Time.Equal(first) {
		t.Errorf("closed: %s, want %s", s.d.Status.ResolvedTime, first)
	}
	spec(open)(s)
	spec(closed)(s)
	if !s.d.Status.ResolvedTime.Time.Equal(s.now) {
		t.Errorf("closed again: %s, want %s", s.d.Status.ResolvedTime, s.now)
	}
}

func TestCreatedWithAState(t *testing.T) {
	for state, resolvedAt := range map[v1alpha1.State]bool{"": false, open: false, progress: false, resolved: true, closed: true} {
		d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{State: state}}
		lifecycle.Observe(d, begin)
		want := state
		if state == "" {
			want = open
		}
		s := d.Status
		if s.State != want || s.WantedState != state || s.StateChange != nil || (s.ResolvedTime != nil) != resolvedAt {
			t.Errorf("%q: %+v", state, s)
		}
	}
}

// A ticket that is created for a Defect that moved already is moved to the same state.
func TestFiled(t *testing.T) {
	for state, moveTo := range map[v1alpha1.State]v1alpha1.State{open: "", progress: progress, resolved: resolved, closed: closed} {
		d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{State: state}}
		lifecycle.Observe(d, begin)
		d.Status.Occurrences = 3
		d.Status.Jira = &v1alpha1.DefectTicket{}
		lifecycle.Filed(d, nil, ticket.Ticket{Key: "V-1", ID: "1", URL: "https://j/V-1"}, begin.Add(time.Minute))
		j := d.Status.Jira
		if j.MoveTo != moveTo || j.Key != "V-1" || j.ID != "1" || j.URL != "https://j/V-1" || j.ToldOccurrences != 3 ||
			!j.CreatedTime.Time.Equal(begin.Add(time.Minute)) || !j.LastSyncTime.Time.Equal(begin.Add(time.Minute)) || j.UpdatedTime != nil {
			t.Errorf("%s: %+v", state, j)
		}
	}
	adopted := &v1alpha1.Defect{Status: v1alpha1.DefectStatus{State: resolved, Jira: &v1alpha1.DefectTicket{}}}
	lifecycle.Filed(adopted, nil, ticketIn("Done", "done", begin), begin)
	if adopted.Status.Jira.MoveTo != "" {
		t.Errorf("moved to the state that it has: %+v", adopted.Status.Jira)
	}
}

func TestMoved(t *testing.T) {
	s := newStory()
	s.d.Status.Jira.MoveTo = resolved
	s.d.Status.State = resolved
	lifecycle.Moved(s.d, nil, ticket.Target{Category: "done"}, ticketIn("Done", "done", begin), begin.Add(time.Hour))
	if j := s.d.Status.Jira; j.MoveTo != "" || j.Status != "Done" || !j.LastSyncTime.Time.Equal(begin.Add(time.Hour)) {
		t.Errorf("%+v", j)
	}
}

// TestMovedOn checks that a Defect follows its ticket if a rule in Jira moved it on from where the operator moved it.
func TestMovedOn(t *testing.T) {
	for name, c := range map[string]struct {
		to     ticket.Target
		status string
		in     string
		want   v1alpha1.State
	}{
		"stays":                    {ticket.Target{Category: "done"}, "Done", "done", resolved},
		"moved on":                 {ticket.Target{Category: "done"}, "To Do", "new", open},
		"the target is configured": {ticket.Target{Status: "In QA", Category: "done"}, "in qa", "indeterminate", resolved},
		"moved on from there":      {ticket.Target{Status: "In QA", Category: "done"}, "To Do", "new", open},
		"category not known":       {ticket.Target{Category: "done"}, "Done", "", resolved},
	} {
		s := newStory()
		s.d.Status.State = resolved
		s.d.Status.Jira.MoveTo = resolved
		lifecycle.Moved(s.d, nil, c.to, ticketIn(c.status, c.in, begin), begin)
		if s.d.Status.State != c.want || s.d.Status.Jira.MoveTo != "" {
			t.Errorf("%s: the Defect is %s and moves its ticket to %q, want %s", name, s.d.Status.State, s.d.Status.Jira.MoveTo, c.want)
		}
	}
}

// TestRecurredBeforeTheResolutionWasKnown checks that an occurrence after the ticket was resolved is a regression,
// although the operator learns of the resolution later.
func TestRecurredBeforeTheResolutionWasKnown(t *testing.T) {
	for name, c := range map[string]struct {
		seen, resolved, updated time.Duration // after begin
		want                    v1alpha1.State
		regressions             int64
	}{
		"seen before":                            {time.Hour, 2 * time.Hour, 2 * time.Hour, resolved, 0},
		"seen after":                             {2 * time.Hour, time.Hour, time.Hour, open, 1},
		"in the same second":                     {time.Hour, time.Hour, time.Hour, resolved, 0},
		"seen after, and commented on":           {2 * time.Hour, time.Hour, 150 * time.Minute, open, 1},
		"seen before, and commented on":          {time.Hour, 2 * time.Hour, 150 * time.Minute, resolved, 0},
		"seen before, the resolution is unknown": {time.Hour, 0, 2 * time.Hour, resolved, 0},
	} {
		s := newStory()
		s.d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(begin.Add(c.seen))}
		now := begin.Add(3 * time.Hour)
		lifecycle.Observe(s.d, now)
		closed := ticketIn("Done", "done", begin.Add(c.updated))
		if c.resolved > 0 {
			closed.Resolved = begin.Add(c.resolved)
		}
		lifecycle.FromJira(s.d, nil, closed, true, now)
		if s.d.Status.State != c.want || s.d.Status.Regressions != c.regressions {
			t.Errorf("%s: %s with %d regressions, want %s with %d", name, s.d.Status.State, s.d.Status.Regressions, c.want, c.regressions)
		}
	}
}

// TestClosedAfterItWasDone checks that a person who moves a ticket from one status that is done to another, after the Defect
// occurred again, has the last word: such a ticket keeps its first resolution.
func TestClosedAfterItWasDone(t *testing.T) {
	s := newStory()
	states := []v1alpha1.JiraStateMapping{{Status: "Closed", State: closed}}
	hour := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }
	done := ticketIn("Done", "done", hour(1))
	done.Resolved = hour(1)
	lifecycle.FromJira(s.d, states, done, true, hour(1))
	s.d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(hour(2))}
	lifecycle.Observe(s.d, hour(2))
	if s.d.Status.State != open || s.d.Status.Regressions != 1 {
		t.Fatalf("occurred again: %s with %d regressions", s.d.Status.State, s.d.Status.Regressions)
	}
	last := ticketIn("Closed", "done", hour(3))
	last.Resolved = hour(1)
	lifecycle.FromJira(s.d, states, last, true, hour(4))
	if s.d.Status.State != closed || s.d.Status.Regressions != 1 {
		t.Errorf("closed: %s with %d regressions", s.d.Status.State, s.d.Status.Regressions)
	}
}

// TestFirstStatusOfAWorkflow checks that a new ticket whose workflow does not begin in the category new is not moved, and
// that no change is announced that nobody made.
func TestFirstStatusOfAWorkflow(t *testing.T) {
	d := &v1alpha1.Defect{Status: v1alpha1.DefectStatus{State: open, Jira: &v1alpha1.DefectTicket{}}}
	created := ticketIn("In Triage", "indeterminate", begin)
	lifecycle.Filed(d, nil, created, begin)
	if d.Status.Jira.MoveTo != "" || d.Status.State != open || d.Status.StateChange != nil {
		t.Errorf("the ticket is to be moved to %q, the Defect is %s", d.Status.Jira.MoveTo, d.Status.State)
	}
	edited := created
	edited.Updated = begin.Add(time.Minute)
	edited.Assignee = "someone"
	lifecycle.FromJira(d, nil, edited, true, begin.Add(time.Minute))
	if d.Status.State != open || d.Status.StateChange != nil {
		t.Errorf("another assignee moved the Defect to %s", d.Status.State)
	}
	lifecycle.FromJira(d, nil, ticketIn("Done", "done", begin.Add(time.Hour)), true, begin.Add(time.Hour))
	if d.Status.State != resolved {
		t.Errorf("the Defect is %s after its ticket was closed", d.Status.State)
	}
}

func TestAnotherProjectsKeyIsRecorded(t *testing.T) {
	s := newStory()
	at := s.later()
	changed := ticket.Ticket{Key: "OPS-7", ID: "1", URL: "https://j/browse/OPS-7", Status: "To Do", StatusCategory: "new", Updated: at}
	if !lifecycle.FromJira(s.d, nil, changed, false, at) {
		t.Error("nothing new")
	}
	if j := s.d.Status.Jira; j.Key != "OPS-7" || j.URL != "https://j/browse/OPS-7" || s.d.Status.State != open {
		t.Errorf("%+v", j)
	}
}

func TestWhatIsRecordedIsBounded(t *testing.T) {
	s := newStory()
	long := strings.Repeat("é", 300)
	full := ticket.Ticket{Key: "V-1", ID: "1", Status: long, StatusCategory: long, Resolution: long, Assignee: long, Updated: begin}
	lifecycle.Moved(s.d, nil, ticket.Target{Status: long}, full, begin)
	name := strings.Repeat("é", 254) + "…"
	j := s.d.Status.Jira
	if j.Status != name || j.Resolution != name || j.Assignee != name || j.StatusCategory != strings.Repeat("é", 63)+"…" {
		t.Errorf("%+v", j)
	}
}

func TestUnrecordedChangesAreNotNew(t *testing.T) {
	s := newStory()
	jira("To Do", "new")(s)
	before := *s.d.Status.Jira
	at := s.later()
	if lifecycle.FromJira(s.d, nil, ticketIn("To Do", "new", at), false, at) || *s.d.Status.Jira != before {
		t.Errorf("an edit of the summary changed the status: %+v", s.d.Status.Jira)
	}
}

func TestAgeAndDiffers(t *testing.T) {
	updated := metav1.NewMicroTime(begin)
	missing := metav1.NewTime(begin)
	recorded := v1alpha1.DefectTicket{Key: "V-1", ID: "1", Status: "To Do", StatusCategory: "new", UpdatedTime: &updated}
	gone := recorded
	gone.MissingSince = &missing
	unknown := recorded
	unknown.UpdatedTime = nil
	for name, c := range map[string]struct {
		recorded v1alpha1.DefectTicket
		ticket   ticket.Ticket
		age      int
		differs  bool
	}{
		"the same":             {recorded, ticketIn("To Do", "new", begin), 0, false},
		"newer":                {recorded, ticketIn("Done", "done", begin.Add(1)), 1, true},
		"older":                {recorded, ticketIn("To Do", "new", begin.Add(-1)), -1, false},
		"missing before":       {gone, ticketIn("To Do", "new", begin.Add(-1)), 1, true},
		"of an unknown age":    {unknown, ticketIn("To Do", "new", begin.Add(-1)), 1, false},
		"as old and different": {recorded, ticketIn("Done", "done", begin), 0, true},
	} {
		j := c.recorded
		if age, differs := lifecycle.Age(&j, c.ticket), lifecycle.Differs(&j, c.ticket); age != c.age || differs != c.differs || j != c.recorded {
			t.Errorf("%s: age %d, differs %v, recorded %+v", name, age, differs, j)
		}
	}
}

func TestReopens(t *testing.T) {
	reopen := func(within int64, except ...v1alpha1.JiraName) *v1alpha1.JiraReopen {
		return &v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenReopen, WithinSeconds: within, ExceptResolutions: except}
	}
	at := metav1.NewTime(begin)
	for name, c := range map[string]struct {
		policy     *v1alpha1.JiraReopen
		resolution string
		resolved   *metav1.Time
		after      time.Duration
		want       bool
	}{
		"no policy":              {nil, "Done", &at, time.Hour, false},
		"comment":                {&v1alpha1.JiraReopen{Policy: v1alpha1.JiraReopenComment}, "Done", &at, time.Hour, false},
		"reopen":                 {reopen(0), "Done", &at, 1000 * time.Hour, true},
		"within":                 {reopen(3600), "Done", &at, time.Hour, true},
		"too late":               {reopen(3600), "Done", &at, time.Hour + time.Second, false},
		"within, never resolved": {reopen(1), "Done", nil, time.Hour, true},
		"excepted":               {reopen(0, "Duplicate", "Won't Do"), "won't do", &at, time.Minute, false},
		"another resolution":     {reopen(0, "Won't Do"), "Done", &at, time.Minute, true},
	} {
		d := &v1alpha1.Defect{Status: v1alpha1.DefectStatus{ResolvedTime: c.resolved, Jira: &v1alpha1.DefectTicket{Resolution: c.resolution}}}
		if got := lifecycle.Reopens(c.policy, d, begin.Add(c.after)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTarget(t *testing.T) {
	m := []v1alpha1.JiraTransitionMapping{{State: closed, Status: "Won't Do"}}
	for state, want := range map[v1alpha1.State]ticket.Target{
		open:     {Category: "new", State: "Open"},
		progress: {Category: "indeterminate", State: "InProgress"},
		resolved: {Category: "done", State: "Resolved"},
		closed:   {Status: "Won't Do", Category: "done", State: "Closed"},
	} {
		if got := lifecycle.Target(m, state); got != want {
			t.Errorf("%s: %+v", state, got)
		}
	}
}

// Two changes within one second may have the same time. What was read from the ticket itself is the later one, what a
// search found may not be.
func TestAsOldCountsOnlyWhenRead(t *testing.T) {
	for read, want := range map[bool]v1alpha1.State{true: resolved, false: progress} {
		s := newStory()
		jira("In Progress", "indeterminate")(s)
		at := s.d.Status.Jira.UpdatedTime.Time
		lifecycle.FromJira(s.d, nil, ticketIn("Done", "done", at), read, s.later())
		if s.d.Status.State != want {
			t.Errorf("read %v: %s, want %s", read, s.d.Status.State, want)
		}
		if lifecycle.FromJira(s.d, nil, ticketIn("To Do", "new", at.Add(-time.Second)), true, s.later()) {
			t.Errorf("read %v: an older answer counted", read)
		}
	}
}

func TestOccurrences(t *testing.T) {
	resolvedAt := begin.Add(time.Hour)
	now := begin.Add(2 * time.Hour)
	for name, c := range map[string]struct {
		at          time.Time
		occurrences int64
		regressions int64
		state       v1alpha1.State
	}{
		"counted already":         {begin, 1, 0, resolved},
		"before it was resolved":  {begin.Add(time.Second), 2, 0, resolved},
		"as it was resolved":      {resolvedAt, 2, 0, resolved},
		"after it was resolved":   {resolvedAt.Add(time.Second), 2, 1, open},
		"by a clock that is fast": {now.Add(5*time.Minute - time.Second), 2, 1, open},
		"by a clock that is off":  {now.Add(5 * time.Minute), 1, 0, resolved},
	} {
		d := &v1alpha1.Defect{}
		d.CreationTimestamp = metav1.NewTime(begin)
		lifecycle.Observe(d, begin)
		d.Spec.State = resolved
		lifecycle.Observe(d, resolvedAt)
		d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(c.at)}
		lifecycle.Observe(d, now)
		s := d.Status
		if s.Occurrences != c.occurrences || s.Regressions != c.regressions || s.State != c.state || !s.FirstSeenTime.Time.Equal(begin) {
			t.Errorf("%s: %+v", name, s)
		}
		if c.occurrences > 1 && !s.LastSeenTime.Time.Equal(c.at) {
			t.Errorf("%s: last seen %s", name, s.LastSeenTime)
		}
	}
}

// An occurrence in a restored Defect is older than the Defect.
func TestFirstOccurrence(t *testing.T) {
	d := &v1alpha1.Defect{}
	d.CreationTimestamp = metav1.NewTime(begin)
	d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(begin.Add(-time.Hour))}
	lifecycle.Observe(d, begin)
	s := d.Status
	at := begin.Add(-time.Hour)
	if s.Occurrences != 1 || !s.FirstSeenTime.Time.Equal(at) || !s.LastSeenTime.Time.Equal(at) {
		t.Errorf("%+v", s)
	}
}

// A status of an earlier release may lack these times.
func TestOccurrenceWithoutRecordedTimes(t *testing.T) {
	d := &v1alpha1.Defect{Status: v1alpha1.DefectStatus{State: resolved, Occurrences: 1}}
	d.Spec.Occurrence = &v1alpha1.Occurrence{Time: metav1.NewTime(begin)}
	lifecycle.Observe(d, begin)
	if s := d.Status; s.Occurrences != 2 || s.Regressions != 1 || s.State != open {
		t.Errorf("%+v", s)
	}
}

// A Defect that was restored from a backup with its status did not occur again.
func TestRestoredDidNotOccurAgain(t *testing.T) {
	s := newStory()
	jira("Done", "done")(s)
	s.d.CreationTimestamp = metav1.NewTime(begin.Add(24 * time.Hour))
	lifecycle.Observe(s.d, begin.Add(25*time.Hour))
	if s.d.Status.Occurrences != 1 || s.d.Status.State != resolved {
		t.Errorf("%d occurrences, %s", s.d.Status.Occurrences, s.d.Status.State)
	}
}

// TestFiledAdoptsTheState has a ticket found that people may have moved. The newest change counts.
func TestFiledAdoptsTheState(t *testing.T) {
	found := func(status, category string, updated time.Time) ticket.Ticket {
		t := ticketIn(status, category, updated)
		t.Found = true
		return t
	}
	minute := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }
	for name, c := range map[string]struct {
		spec   v1alpha1.State // when not empty, wanted five minutes after the beginning
		ticket ticket.Ticket
		state  v1alpha1.State
		moveTo v1alpha1.State
	}{
		"closed by a person":                       {"", found("Done", "done", minute(1)), resolved, ""},
		"started by a person":                      {"", found("In Progress", "indeterminate", minute(1)), progress, ""},
		"where it was created":                     {"", found("To Do", "new", minute(1)), open, ""},
		"where it was created, the Defect moved":   {resolved, found("To Do", "new", minute(9)), resolved, resolved},
		"closed after the Defect moved":            {progress, found("Done", "done", minute(6)), resolved, ""},
		"closed before the Defect moved":           {progress, found("Done", "done", minute(4)), progress, progress},
		"closed in the moment the Defect moved":    {progress, found("Done", "done", minute(5)), progress, progress},
		"closed at an unknown time":                {"", found("Done", "done", time.Time{}), open, open},
		"created just now, in an odd first status": {"", ticketIn("Done", "done", minute(1)), open, open},
	} {
		d := &v1alpha1.Defect{}
		lifecycle.Observe(d, begin)
		if c.spec != "" {
			d.Spec.State = c.spec
			lifecycle.Observe(d, minute(5))
		}
		d.Status.Jira = &v1alpha1.DefectTicket{}
		lifecycle.Filed(d, nil, c.ticket, minute(10))
		if d.Status.State != c.state || d.Status.Jira.MoveTo != c.moveTo {
			t.Errorf("%s: state %s, to be moved to %q, want %s, %q", name, d.Status.State, d.Status.Jira.MoveTo, c.state, c.moveTo)
		}
	}
	d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Occurrence: &v1alpha1.Occurrence{Time: metav1.NewTime(minute(7))}}}
	lifecycle.Observe(d, minute(7))
	d.Status.Jira = &v1alpha1.DefectTicket{}
	closed := found("Done", "done", minute(8)) // when it was commented on
	closed.Resolved = minute(6)
	lifecycle.Filed(d, nil, closed, minute(8))
	if d.Status.State != open || d.Status.Jira.MoveTo != open {
		t.Errorf("occurred after it was closed: %s, %+v", d.Status.State, d.Status.Jira)
	}
	if c := d.Status.StateChange; c == nil || c.Cause != v1alpha1.CauseRegression || d.Status.Regressions != 1 ||
		!d.Status.ResolvedTime.Time.Equal(minute(6)) || d.Status.Jira.ToldOccurrences != d.Status.Occurrences-1 {
		t.Errorf("occurred after it was closed: %+v, %+v", d.Status, c)
	}
}

// TestStateRequestedAgain moves a Defect once for each request of the state that its spec has already.
func TestStateRequestedAgain(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{State: v1alpha1.StateResolved}}
	lifecycle.Observe(d, now)
	for _, request := range []string{"", "2026-11-28T12:00:00Z", "2026-11-28T12:00:01Z", "no time"} {
		d.Status.State = v1alpha1.StateOpen // by a regression
		d.Annotations = map[string]string{v1alpha1.StateRequestedAtAnnotation: request}
		want := v1alpha1.StateOpen
		if strings.HasPrefix(request, "2026") {
			want = v1alpha1.StateResolved
		}
		for range 2 {
			lifecycle.Observe(d, now)
			if d.Status.State != want {
				t.Errorf("with the request %q the state is %s, want %s", request, d.Status.State, want)
			}
		}
	}
}
