package apiserver

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/render"
	"github.com/voiceai-dev/integrations-operator/internal/rule"
)

type deliveryOutput struct {
	ETag string `header:"ETag"`
	Body struct {
		LogEntry
		Event       eventBody          `json:"event" doc:"The event that is told; of a digest the newest."`
		CreatedTime metav1.Time        `json:"createdTime" format:"date-time" doc:"When it was stored."`
		Digest      string             `json:"digest,omitempty" doc:"The Notification, as namespace/name, whose message tells this one too."`
		Members     []string           `json:"members,omitempty" doc:"The Notifications, as namespace/name, that this one tells together."`
		TS          string             `json:"ts,omitempty" doc:"Identifies the message in its channel; empty when posted by incoming webhook."`
		Conditions  []metav1.Condition `json:"conditions,omitempty" doc:"The resource's conditions."`
		Message     *messageBody       `json:"message,omitempty" doc:"The message, as its rule has it now; none when the event cannot be read."`
	}
}

func (s *Server) routeDelivery(api huma.API) {
	route(api, huma.Operation{
		OperationID: "get-notification", Method: http.MethodGet, Path: "/api/v1/notifications/{name}", Tags: []string{"Integrations"}, Summary: "One delivery to Slack",
		Description: "The event, the attempts and the message. /api/v1/integrations/logs lists them.",
	}, s.getDelivery)
}

func (s *Server) getDelivery(ctx context.Context, i *ByName) (*deliveryOutput, error) {
	key := s.key(*i)
	if err := s.require(ctx, "get", action.Notifications, key); err != nil {
		return nil, err
	}
	n, ok := s.told.get(key)
	if !ok { // it may be newer than the cache
		n = &v1alpha1.Notification{}
		if err := s.o.Live.Get(ctx, key, n); err != nil {
			return nil, cluster(ctx, err, "reading Notification "+key.String())
		}
	}
	out := &deliveryOutput{ETag: wholeTag(n)}
	b := &out.Body
	b.LogEntry, b.CreatedTime, b.Conditions = s.entry(logged{told: n}, s.seesSlack(ctx)), n.CreationTimestamp, n.Status.Conditions
	if n.Status.Digest != "" {
		b.Digest = n.Namespace + "/" + n.Status.Digest
	}
	for _, m := range n.Spec.Members {
		b.Members = append(b.Members, n.Namespace+"/"+string(m))
	}
	if n.Status.Message != nil {
		b.TS = n.Status.Message.TS
	}
	e, err := event.FromAPI(n.Spec.Event)
	if err != nil { // it was refused as it is, and its condition says so
		b.Event = bodyOf(&event.Event{ID: string(n.Spec.Event.ID), Type: n.Spec.Event.Type, Time: n.Spec.Event.Time.Time})
		return out, nil
	}
	b.Event, b.Message = bodyOf(&e), s.messageFor(n, &e)
	return out, nil
}

// messageFor renders a Notification's message as it is sent.
func (s *Server) messageFor(n *v1alpha1.Notification, e *event.Event) *messageBody {
	o := render.Options{Channel: channelOf(n), DashboardURL: s.o.DashboardURL}
	if len(n.Spec.Members) > 0 {
		var members []event.Event
		members, o.Mentions = s.toldTogether(n)
		return messageOf(render.Digest(members, o))
	}
	if r, ok := s.rules.get(types.NamespacedName{Namespace: n.Namespace, Name: n.Spec.Rule.Name}); ok && string(r.UID) == n.Spec.Rule.UID {
		o.Mentions = r.Spec.Mentions
		if compiled, err := rule.Compile(r); err == nil {
			o.Template = compiled.Template()
		}
	}
	if s.inThread(n) {
		return messageOf(render.Reply(e, o))
	}
	return messageOf(render.Message(e, o))
}

// inThread says whether a Notification goes into the thread of an earlier message about the same Defect, as a bot's do. The Defect knows which
// message came first; when it is gone, it is what an event of its kind usually does.
func (s *Server) inThread(n *v1alpha1.Notification) bool {
	subject, posted := n.Spec.Event.Subject, n.Status.Message
	if subject == nil || subject.Kind != v1alpha1.KindDefect || posted != nil && posted.TS == "" {
		return false
	}
	if d, ok := s.defects.get(types.NamespacedName{Namespace: subject.Namespace, Name: subject.Name}); ok && string(d.UID) == subject.UID {
		first := slices.IndexFunc(d.Status.Messages, func(m v1alpha1.DefectMessage) bool {
			return m.Rule == n.Spec.Rule.Name && m.TS != "" && (posted == nil || m.Integration == posted.Integration)
		})
		return first >= 0 && (posted == nil || d.Status.Messages[first].TS != posted.TS)
	}
	return posted != nil && (n.Spec.Event.Type == v1alpha1.EventDefectTicketed || n.Spec.Event.Type == v1alpha1.EventDefectStateChanged)
}

// maxMentions is how many a digest pings.
const maxMentions = 10

// toldTogether are the events of a digest, of the members that are still there, and whom their rules ping.
func (s *Server) toldTogether(n *v1alpha1.Notification) (out []event.Event, mentions []v1alpha1.Mention) {
	known := map[v1alpha1.EventID]bool{}
	for _, name := range n.Spec.Members {
		m, ok := s.told.get(types.NamespacedName{Namespace: n.Namespace, Name: string(name)})
		if !ok {
			continue
		}
		if r, ok := s.rules.get(types.NamespacedName{Namespace: n.Namespace, Name: m.Spec.Rule.Name}); ok {
			for _, who := range r.Spec.Mentions {
				if !slices.Contains(mentions, who) && len(mentions) < maxMentions {
					mentions = append(mentions, who)
				}
			}
		}
		if known[m.Spec.Event.ID] {
			continue
		}
		known[m.Spec.Event.ID] = true
		if e, err := event.FromAPI(m.Spec.Event); err == nil {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		if e, err := event.FromAPI(n.Spec.Event); err == nil {
			out = append(out, e)
		}
	}
	return out, mentions
}
