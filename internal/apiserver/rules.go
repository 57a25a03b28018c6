package apiserver

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=notificationrules,verbs=get;list;watch;create;update;delete

type ruleSummary struct {
	Namespace     string               `json:"namespace" doc:"Its namespace."`
	Name          string               `json:"name" doc:"Its name."`
	EventTypes    []v1alpha1.EventType `json:"eventTypes" doc:"The types of event that it is for."`
	Channel       string               `json:"channel,omitempty" doc:"Where it posts; the integration's default channel when empty."`
	Suspended     bool                 `json:"suspended" doc:"Whether it matches nothing for now."`
	Ready         bool                 `json:"ready" doc:"Whether it works."`
	Reason        string               `json:"reason,omitempty" doc:"Why it does or does not, in a word."`
	Message       string               `json:"message,omitempty" doc:"Why."`
	MatchedTotal  int64                `json:"matchedTotal" doc:"Events that matched."`
	SentTotal     int64                `json:"sentTotal" doc:"Notifications that reached Slack."`
	FailedTotal   int64                `json:"failedTotal" doc:"Notifications that were given up."`
	ErrorsTotal   int64                `json:"errorsTotal" doc:"Events for which spec.when could not be worked out. They did not match."`
	LastError     string               `json:"lastError,omitempty" doc:"What was wrong with the last of those events, since the spec was last changed."`
	LastMatchTime *time.Time           `json:"lastMatchTime,omitempty" doc:"When an event last matched."`
}

type ruleList struct {
	Body struct {
		Items      []ruleSummary `json:"items" doc:"This page, newest first."`
		Total      int           `json:"total" doc:"How many there are on all pages."`
		NextCursor string        `json:"nextCursor,omitempty" doc:"Where the next page begins; none when this is the last."`
	}
}

type rulesInput struct {
	Across
	Paging
}

type ruleBody struct {
	Namespace string                          `json:"namespace" doc:"Its namespace."`
	Name      string                          `json:"name" doc:"Its name."`
	Labels    map[string]string               `json:"labels,omitempty" doc:"Its labels."`
	Spec      v1alpha1.NotificationRuleSpec   `json:"spec" doc:"Which events go where."`
	Status    v1alpha1.NotificationRuleStatus `json:"status" doc:"What became of it."`
}

type ruleOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   ruleBody
}

type putRule struct {
	ByName
	Match
	NoneMatch
	Body struct {
		Spec v1alpha1.NotificationRuleSpec `json:"spec" doc:"Which events go where, as in the resource."`
	}
}

type deleteRule struct {
	ByName
	Match
}

func (s *Server) routeRules(api huma.API) {
	tags := []string{"Rules"}
	const at = "/api/v1/rules/{name}"
	route(api, huma.Operation{OperationID: "list-rules", Method: http.MethodGet, Path: "/api/v1/rules", Tags: tags, Summary: "Rules"}, s.listRules)
	route(api, huma.Operation{OperationID: "get-rule", Method: http.MethodGet, Path: at, Tags: tags, Summary: "One rule"}, s.getRule)
	route(api, huma.Operation{
		OperationID: "put-rule", Method: http.MethodPut, Path: at, Tags: tags, Summary: "Create or change a rule", Responses: map[string]*huma.Response{"201": {Description: "Created."}},
	}, s.putRule)
	route(api, huma.Operation{OperationID: "delete-rule", Method: http.MethodDelete, Path: at, Tags: tags, Summary: "Remove a rule", DefaultStatus: http.StatusNoContent}, s.deleteRule)
	route(api, huma.Operation{
		OperationID: "test-rule", Method: http.MethodPost, Path: at + "/test", Tags: tags, Summary: "Would this rule match, and what would Slack get",
		Description: "Nothing is sent. Tries the event that is given, or one that happened; otherwise the newest that fits the rule's types, or an example.",
	}, s.testRule)
}

func (s *Server) listRules(ctx context.Context, i *rulesInput) (*ruleList, error) {
	namespace := s.namespaces(i.Across)
	if err := s.require(ctx, "list", action.Rules, in(namespace)); err != nil {
		return nil, err
	}
	found, err := newPage[*v1alpha1.NotificationRule]("", i.Paging)
	if err != nil {
		return nil, err
	}
	for _, r := range s.rules.in(namespace) {
		found.add(place{Time: r.CreationTimestamp.UnixNano(), Namespace: r.Namespace, Name: r.Name}, r)
	}
	out := &ruleList{}
	out.Body.Total, out.Body.NextCursor, out.Body.Items = found.total, found.next(), []ruleSummary{}
	for _, r := range found.items() {
		one := ruleSummary{
			Namespace: r.Namespace, Name: r.Name, EventTypes: r.Spec.EventTypes, Channel: string(r.Spec.Channel), Suspended: r.Spec.Suspend,
			MatchedTotal: r.Status.MatchedTotal, SentTotal: r.Status.SentTotal, FailedTotal: r.Status.FailedTotal, LastMatchTime: timeOf(r.Status.LastMatchTime),
			ErrorsTotal: r.Status.ErrorsTotal,
		}
		if e := r.Status.LastError; e != nil {
			one.LastError = e.Message
		}
		if c := condition.Get(r, v1alpha1.ConditionReady); c != nil {
			one.Ready, one.Reason, one.Message = c.Status == metav1.ConditionTrue, c.Reason, c.Message
		}
		out.Body.Items = append(out.Body.Items, one)
	}
	return out, nil
}

func (s *Server) readRule(ctx context.Context, key types.NamespacedName) (*v1alpha1.NotificationRule, error) {
	r := &v1alpha1.NotificationRule{}
	if err := s.o.Live.Get(ctx, key, r); err != nil {
		return nil, cluster(ctx, err, "reading NotificationRule "+key.String())
	}
	return r, nil
}

func (s *Server) getRule(ctx context.Context, i *ByName) (*ruleOutput, error) {
	key := s.key(*i)
	if err := s.require(ctx, "get", action.Rules, key); err != nil {
		return nil, err
	}
	r, err := s.readRule(ctx, key)
	if err != nil {
		return nil, err
	}
	return ruleAnswer(r, http.StatusOK), nil
}

func ruleAnswer(r *v1alpha1.NotificationRule, status int) *ruleOutput {
	return &ruleOutput{Status: status, ETag: specTag(r), Body: ruleBody{Namespace: r.Namespace, Name: r.Name, Labels: r.Labels, Spec: r.Spec, Status: r.Status}}
}

func (s *Server) putRule(ctx context.Context, i *putRule) (*ruleOutput, error) {
	key := s.key(i.ByName)
	if err := s.requireChange(ctx, action.Rules, key); err != nil {
		return nil, err
	}
	out, err := retryConflicts(func() (*ruleOutput, error) { return s.putRuleOnce(ctx, key, i) })
	return out, cluster(ctx, err, "storing NotificationRule "+key.String())
}

func (s *Server) putRuleOnce(ctx context.Context, key types.NamespacedName, i *putRule) (*ruleOutput, error) {
	r := &v1alpha1.NotificationRule{}
	err := s.o.Live.Get(ctx, key, r)
	if client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	isNew := apierrors.IsNotFound(err)
	if err := s.checkPut(ctx, action.Rules, putOf{key, r, isNew, i.Match, i.NoneMatch}); err != nil {
		return nil, err
	}
	if isNew {
		r = &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	}
	r.Spec = i.Body.Spec
	if err := s.write(ctx, r, isNew); err != nil {
		return nil, err
	}
	return ruleAnswer(r, putStatus(isNew)), nil
}

func (s *Server) deleteRule(ctx context.Context, i *deleteRule) (*struct{}, error) {
	key := s.key(i.ByName)
	if err := s.require(ctx, "delete", action.Rules, key); err != nil {
		return nil, err
	}
	r, err := s.readRule(ctx, key)
	if err != nil {
		return nil, err
	}
	return nil, s.remove(ctx, r, i.IfMatch, "NotificationRule")
}
