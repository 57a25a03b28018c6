package apiserver

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
)

// defectSummary is a Defect in a list.
type defectSummary struct {
	Namespace    string            `json:"namespace" doc:"Its namespace."`
	Name         string            `json:"name" doc:"Its name."`
	Title        string            `json:"title" doc:"What is wrong, in a line."`
	Severity     v1alpha1.Severity `json:"severity" enum:"Critical,High,Medium,Low" doc:"How bad it is."`
	Category     v1alpha1.Category `json:"category" enum:"Defect,EdgeCase" doc:"What kind of finding it is."`
	State        v1alpha1.State    `json:"state" enum:"Open,InProgress,Resolved,Closed" doc:"Where it stands."`
	Suite        string            `json:"suite,omitempty" doc:"The suite that found it."`
	Run          string            `json:"run,omitempty" doc:"The run that found it."`
	TestCase     string            `json:"testCase,omitempty" doc:"The test that found it."`
	TicketKey    string            `json:"ticketKey,omitempty" doc:"Its Jira issue."`
	TicketURL    string            `json:"ticketURL,omitempty" doc:"Opens that issue."`
	Occurrences  int64             `json:"occurrences" doc:"How often it was seen."`
	CreatedTime  time.Time         `json:"createdTime" doc:"When it was written down."`
	LastSeenTime *time.Time        `json:"lastSeenTime,omitempty" doc:"When it was last seen."`
}

type defectList struct {
	Body struct {
		Items      []defectSummary `json:"items" doc:"This page."`
		Total      int             `json:"total" doc:"How many there are on all pages."`
		NextCursor string          `json:"nextCursor,omitempty" doc:"Where the next page begins; none when this is the last."`
	}
}

// defectBody is a Defect as its resource has it.
type defectBody struct {
	Namespace   string                `json:"namespace" doc:"Its namespace."`
	Name        string                `json:"name" doc:"Its name."`
	UID         string                `json:"uid" doc:"Which one of that name."`
	Labels      map[string]string     `json:"labels,omitempty" doc:"Its labels."`
	CreatedTime time.Time             `json:"createdTime" doc:"When it was written down."`
	Spec        v1alpha1.DefectSpec   `json:"spec" doc:"The finding."`
	Status      v1alpha1.DefectStatus `json:"status" doc:"Where it stands."`
}

type defectOutput struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     defectBody
}

// EdgeCasesInput are the parameters of a list of Defects.
type EdgeCasesInput struct {
	Across
	Paging
	State    v1alpha1.State    `query:"state" enum:"Open,InProgress,Resolved,Closed,Unresolved" doc:"Only those in this state; Unresolved are those that are Open or InProgress."`
	Severity v1alpha1.Severity `query:"severity" enum:"Critical,High,Medium,Low" doc:"Only those of this severity."`
	Suite    string            `query:"suite" maxLength:"63" doc:"Only those of this suite."`
	Run      string            `query:"run" maxLength:"253" doc:"Only those of this run."`
	Ticket   string            `query:"ticket" maxLength:"64" doc:"Only the one with this Jira key; none for those without a ticket, any for those with one."`
	Text     string            `query:"q" maxLength:"200" doc:"Only those whose title, name or test case has this in it."`
	Sort     string            `query:"sort" enum:"newest,severity,lastSeen" default:"newest" doc:"In which order."`
}

type defectsInput struct {
	EdgeCasesInput
	Category v1alpha1.Category `query:"category" enum:"Defect,EdgeCase" doc:"Only those of this category."`
}

type newDefect struct {
	Within
	Body struct {
		Name   string            `json:"name,omitempty" maxLength:"253" doc:"Its name; one is made up when empty. The same name twice is a conflict, which makes repeating safe."`
		Labels map[string]string `json:"labels,omitempty" maxProperties:"64" doc:"Its labels."`
		v1alpha1.DefectSpec
	}
}

type moveDefect struct {
	ByName
	Match
	Body struct {
		State v1alpha1.State `json:"state" enum:"Open,InProgress,Resolved,Closed" doc:"Where it is to stand. The ticket is moved too."`
	}
}

type ticketOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     struct {
		Key     string `json:"key,omitempty" doc:"The issue's key, when there is one."`
		URL     string `json:"url,omitempty" doc:"Opens the issue."`
		Message string `json:"message" doc:"How far it is."`
	}
}

func (s *Server) routeDefects(api huma.API) {
	tags := []string{"Defects"}
	route(api, huma.Operation{OperationID: "list-defects", Method: http.MethodGet, Path: "/api/v1/defects", Tags: tags, Summary: "Defects"},
		func(ctx context.Context, i *defectsInput) (*defectList, error) {
			return s.listDefects(ctx, &i.EdgeCasesInput, i.Category)
		})
	route(api, huma.Operation{OperationID: "list-edge-cases", Method: http.MethodGet, Path: "/api/v1/edge-cases", Tags: tags, Summary: "Defects of category EdgeCase"},
		func(ctx context.Context, i *EdgeCasesInput) (*defectList, error) {
			return s.listDefects(ctx, i, v1alpha1.CategoryEdgeCase)
		})
	route(api, huma.Operation{OperationID: "create-defect", Method: http.MethodPost, Path: "/api/v1/defects", Tags: tags, Summary: "Write a defect down", DefaultStatus: http.StatusCreated}, s.createDefect)
	route(api, huma.Operation{OperationID: "get-defect", Method: http.MethodGet, Path: "/api/v1/defects/{name}", Tags: tags, Summary: "One defect"}, s.getDefect)
	route(api, huma.Operation{OperationID: "move-defect", Method: http.MethodPatch, Path: "/api/v1/defects/{name}", Tags: tags, Summary: "Move a defect to another state"}, s.moveDefect)
	route(api, huma.Operation{
		OperationID: "create-ticket", Method: http.MethodPost, Path: "/api/v1/defects/{name}/jira", Tags: tags, Summary: "Create the Jira ticket",
		Description: "Answers the ticket's key if there is one, and 202 and where to look otherwise. However often it is asked, there is one ticket.",
		Responses:   map[string]*huma.Response{"202": {Description: "The ticket is being made."}},
	}, s.createTicket)
}

func (s *Server) listDefects(ctx context.Context, i *EdgeCasesInput, category v1alpha1.Category) (*defectList, error) {
	namespace := s.namespaces(i.Across)
	if err := s.require(ctx, "list", action.Defects, in(namespace)); err != nil {
		return nil, err
	}
	text := strings.ToLower(i.Text)
	found, err := newPage[*v1alpha1.Defect](i.Sort, i.Paging)
	if err != nil {
		return nil, err
	}
	for _, d := range s.defects.newest() {
		if namespace != "" && d.Namespace != namespace || category != "" && categoryOf(d) != category || !i.wants(d, text) {
			continue
		}
		found.add(placeOf(d, i.Sort), d)
	}
	out := &defectList{}
	out.Body.Total, out.Body.NextCursor, out.Body.Items = found.total, found.next(), []defectSummary{}
	for _, d := range found.items() {
		out.Body.Items = append(out.Body.Items, summaryOf(d))
	}
	return out, nil
}

func (i *EdgeCasesInput) wants(d *v1alpha1.Defect, text string) bool {
	key := ""
	if d.Status.Jira != nil {
		key = d.Status.Jira.Key
	}
	switch {
	case i.State == unresolved && !isUnresolved(d), i.State != "" && i.State != unresolved && stateOf(d) != i.State,
		i.Severity != "" && d.Spec.Severity != i.Severity,
		i.Suite != "" && d.Spec.Suite != i.Suite,
		i.Run != "" && d.Spec.Run != i.Run,
		i.Ticket == "none" && key != "",
		i.Ticket == "any" && key == "",
		i.Ticket != "" && i.Ticket != "none" && i.Ticket != "any" && key != i.Ticket:
		return false
	}
	return text == "" || strings.Contains(strings.ToLower(d.Spec.Title), text) || strings.Contains(d.Name, text) ||
		strings.Contains(strings.ToLower(d.Spec.TestCase), text)
}

func placeOf(d *v1alpha1.Defect, by string) place {
	p := place{Time: d.CreationTimestamp.UnixNano(), Namespace: d.Namespace, Name: d.Name}
	switch {
	case by == "severity":
		p.Rank = int64(d.Spec.Severity.Rank())
	case by == "lastSeen" && d.Status.LastSeenTime != nil:
		p.Time = d.Status.LastSeenTime.UnixNano()
	}
	return p
}

func summaryOf(d *v1alpha1.Defect) defectSummary {
	out := defectSummary{
		Namespace: d.Namespace, Name: d.Name, Title: d.Spec.Title, Severity: d.Spec.Severity, Category: categoryOf(d), State: stateOf(d), Suite: d.Spec.Suite, Run: d.Spec.Run,
		TestCase: d.Spec.TestCase, Occurrences: d.Status.Occurrences, CreatedTime: d.CreationTimestamp.UTC(), LastSeenTime: timeOf(d.Status.LastSeenTime),
	}
	if d.Status.Jira != nil {
		out.TicketKey, out.TicketURL = d.Status.Jira.Key, d.Status.Jira.URL
	}
	return out
}

func categoryOf(d *v1alpha1.Defect) v1alpha1.Category {
	return cmp.Or(d.Spec.Category, v1alpha1.CategoryDefect)
}

// stateOf is where a Defect stands; before the operator has seen it, where it is wanted to stand.
func stateOf(d *v1alpha1.Defect) v1alpha1.State {
	return cmp.Or(d.Status.State, d.Spec.State, v1alpha1.StateOpen)
}

// unresolved chooses Defects that somebody has still to do something about.
const unresolved = "Unresolved"

func isUnresolved(d *v1alpha1.Defect) bool {
	state := stateOf(d)
	return state == v1alpha1.StateOpen || state == v1alpha1.StateInProgress
}

func (s *Server) createDefect(ctx context.Context, i *newDefect) (*defectOutput, error) {
	namespace := s.namespace(i.Within)
	if err := s.require(ctx, "create", action.Defects, in(namespace)); err != nil {
		return nil, err
	}
	d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: i.Body.Name, Labels: i.Body.Labels}, Spec: i.Body.DefectSpec}
	if d.Name == "" {
		d.GenerateName = "defect-"
	}
	if err := s.o.Client.Create(ctx, d, action.FieldOwner); err != nil {
		return nil, cluster(ctx, flat(err), "creating the Defect")
	}
	return defectAnswer(d), nil
}

// flat has the API server name what is wrong with a Defect as the body of its creation does, which has spec and metadata in one.
func flat(err error) error {
	var refused *apierrors.StatusError
	if !errors.As(err, &refused) || refused.ErrStatus.Details == nil {
		return err
	}
	for at := range refused.ErrStatus.Details.Causes {
		field := &refused.ErrStatus.Details.Causes[at].Field
		if first, rest, _ := strings.Cut(*field, "."); first == "spec" || first == "metadata" {
			*field = rest
		}
	}
	return err
}

func (s *Server) getDefect(ctx context.Context, i *ByName) (*defectOutput, error) {
	key := s.key(*i)
	if err := s.require(ctx, "get", action.Defects, key); err != nil {
		return nil, err
	}
	d, ok := s.defects.get(key)
	if !ok { // it may be newer than the cache
		d = &v1alpha1.Defect{}
		if err := s.o.Live.Get(ctx, key, d); err != nil {
			return nil, cluster(ctx, err, "reading Defect "+key.String())
		}
	}
	return defectAnswer(d), nil
}

func defectAnswer(d *v1alpha1.Defect) *defectOutput {
	return &defectOutput{ETag: wholeTag(d), Location: linkTo("defects", client.ObjectKeyFromObject(d)), Body: defectBody{
		Namespace: d.Namespace, Name: d.Name, UID: string(d.UID), Labels: d.Labels, CreatedTime: d.CreationTimestamp.UTC(), Spec: d.Spec, Status: d.Status,
	}}
}

func linkTo(collection string, key types.NamespacedName) string {
	return "/api/v1/" + collection + "/" + key.Name + "?namespace=" + key.Namespace
}

func (s *Server) moveDefect(ctx context.Context, i *moveDefect) (*defectOutput, error) {
	key := s.key(i.ByName)
	d, err := s.actions.MoveDefect(ctx, action.Move{
		Target: action.Target{Caller: callerOf(ctx), NamespacedName: key}, State: i.Body.State,
		Check: func(d *v1alpha1.Defect) error { return checkMatch(i.IfMatch, wholeTag(d)) },
	})
	if err != nil {
		return nil, cluster(ctx, err, "moving Defect "+key.String())
	}
	return defectAnswer(d), nil
}

func (s *Server) createTicket(ctx context.Context, i *ByName) (*ticketOutput, error) {
	key := s.key(*i)
	ticket, err := s.actions.RequestTicket(ctx, action.Target{Caller: callerOf(ctx), NamespacedName: key})
	if err != nil {
		return nil, cluster(ctx, err, "requesting a ticket for Defect "+key.String())
	}
	out := &ticketOutput{Status: http.StatusAccepted, Location: linkTo("defects", key)}
	if ticket.Key != "" {
		out.Status = http.StatusOK
	}
	out.Body.Key = ticket.Key
	out.Body.URL = ticket.URL
	out.Body.Message = ticket.Message
	return out, nil
}
