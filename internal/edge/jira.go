package edge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=jiraintegrations,verbs=get;list;watch
// +kubebuilder:rbac:groups=integrations.voiceai.dev,resources=defects,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch

const (
	// jiraSource is what Jira's webhooks are counted under.
	jiraSource = "jira"
	// fieldOwner of what the edge writes.
	fieldOwner = "voiceai-edge"

	// maxBody bounds a webhook's body, in bytes.
	maxBody = 1 << 20
	// maxIdentifier bounds the header X-Atlassian-Webhook-Identifier; what is longer is none of Jira's.
	maxIdentifier = 128
	// maxSeen webhooks are remembered, so that they are not taken in twice.
	maxSeen = 4096
	// maxNamespace and maxName bound the names of Kubernetes.
	maxNamespace, maxName = 63, 253

	// workTimeout bounds what is done for a webhook: Jira waits 30 seconds for its answer.
	workTimeout = 5 * time.Second
	// retryAfter, in seconds, is when to come back when something here fails. Jira has its own idea: 5 to 15 minutes, up to five times.
	retryAfter = "30"
)

// JiraOptions are what a Jira handler works with.
type JiraOptions struct {
	// Client reads integrations, and the metadata of Secrets, from the cache, and notes hints on Defects.
	Client client.Client
	// Live reads Secrets past the cache.
	Live client.Reader
	// Clock gives the time of a hint.
	Clock clock.PassiveClock
	// Find returns the Defects whose ticket, made with an integration, is the issue with an ID or key; empty ones match nothing. Labels are the
	// issue's, by which a ticket is known whose key is not stored yet: at most 100 of at most 255 bytes. All three are from outside.
	Find func(ctx context.Context, integration types.NamespacedName, issueID, issueKey string, labels []string) ([]types.NamespacedName, error)
}

// Jira takes in the webhooks of JiraIntegrations.
type Jira struct {
	options JiraOptions
	secrets *secrets
	// seen are the deliveries that were taken in.
	seen *lru.Cache
	// decoy is what a body is checked against for an integration that does not exist: that takes as long as for one that does.
	decoy string
}

// delivery identifies a webhook. Jira's identifier stays the same when it tries again; as it is not signed, it counts only with the body. Without
// one, as from an old Server, the body alone tells: it has the time of what happened.
type delivery struct {
	integration types.UID
	identifier  string
	mac         string
}

// NewJira is a handler for Jira's webhooks.
func NewJira(o JiraOptions) *Jira {
	countable(jiraSource)
	return &Jira{options: o, secrets: newSecrets(o.Client, o.Live, o.Clock), seen: lru.New(maxSeen), decoy: rand.Text()}
}

// Route is where Jira is to send its webhooks: the namespace and name of the JiraIntegration are in the path.
func (j *Jira) Route() Route {
	return Route{Method: http.MethodPost, Path: "/api/v1/webhooks/jira/{namespace}/{name}", Source: jiraSource, Handler: j}
}

// ServeHTTP answers 200 when the hint was noted or there is nothing to note; 401, and always in the same way, to whoever has not signed; 413 and
// 400 to what makes no sense; and 503 when it should be sent again, which Jira does on 5xx but not on 400, 401 and 404
// (https://developer.atlassian.com/cloud/jira/platform/webhooks/#retry-policies).
func (j *Jira) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, result := j.take(w, r)
	count(jiraSource, result)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	answer(w, status)
}

func (j *Jira) take(w http.ResponseWriter, r *http.Request) (int, result) {
	name := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	log := ctrl.LoggerFrom(r.Context())
	if len(name.Namespace) <= maxNamespace && len(name.Name) <= maxName {
		log = log.WithValues(v1alpha1.KindJiraIntegration, name)
	} else {
		name = types.NamespacedName{}
	}
	refuse := func(status int, why string) (int, result) {
		log.V(1).Info("Webhook refused", "Status", status, "Reason", why)
		return status, refused
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return refuse(http.StatusRequestEntityTooLarge, "the body is too long")
	}
	mac, ok := parseSignature(r.Header.Get("X-Hub-Signature"))
	if !ok {
		return refuse(http.StatusUnauthorized, "the header X-Hub-Signature is missing or not sha256 and 64 hexadecimal digits")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return refuse(http.StatusRequestEntityTooLarge, "the body is too long")
	case err != nil:
		return refuse(http.StatusBadRequest, "the body did not arrive")
	}

	ctx, cancel := context.WithTimeout(r.Context(), workTimeout)
	defer cancel()
	integration, secret, err := j.integration(ctx, name)
	var refusal *connection.Refusal
	switch {
	case errors.As(err, &refusal):
		signed(j.decoy, body, mac)
		return refuse(http.StatusUnauthorized, refusal.Message)
	case err != nil: // a stranger can cause this line, so it is not an error in the log
		log.V(1).Info("Webhook cannot be checked", "Reason", err.Error())
		return http.StatusServiceUnavailable, failed
	case !signed(secret, body, mac):
		return refuse(http.StatusUnauthorized, "the signature is not the one of the body with the secret of spec.webhookSecretRef")
	}

	d := delivery{integration: integration.UID, identifier: r.Header.Get("X-Atlassian-Webhook-Identifier"), mac: string(mac)}
	if len(d.identifier) > maxIdentifier {
		d.identifier = ""
	}
	if _, ok := j.seen.Get(d); ok {
		return http.StatusOK, repeated
	}
	e, err := decodeJira(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "the body is not JSON")
	}
	log = log.WithValues("Event", e.Name, "Issue", e.Issue.Key, "EventTime", time.UnixMilli(int64(e.Timestamp)).UTC())
	ctx = ctrl.LoggerInto(ctx, log)
	result, err := j.note(ctx, integration, e)
	if err != nil {
		log.Error(err, "Webhook not taken in; Jira sends it again")
		return http.StatusServiceUnavailable, failed
	}
	j.seen.Add(d, struct{}{}) // only now: what failed is wanted again
	return http.StatusOK, result
}

// integration returns an integration and its secret. Its error is a *connection.Refusal when there is none that takes webhooks.
func (j *Jira) integration(ctx context.Context, name types.NamespacedName) (*v1alpha1.JiraIntegration, string, error) {
	i := &v1alpha1.JiraIntegration{}
	why := ""
	switch err := j.options.Client.Get(ctx, name, i); {
	case apierrors.IsNotFound(err):
		why = "the JiraIntegration does not exist"
	case err != nil:
		return nil, "", fmt.Errorf("reading the JiraIntegration: %w", err)
	case i.Spec.Suspend:
		why = "spec.suspend of the JiraIntegration is true"
	case i.Spec.WebhookSecretRef == nil:
		why = "the JiraIntegration has no spec.webhookSecretRef"
	}
	if why != "" {
		j.secrets.forget(name)
		return nil, "", &connection.Refusal{Reason: v1alpha1.ReasonIntegrationNotFound, Message: why}
	}
	secret, err := j.secrets.of(ctx, i)
	return i, secret, err
}

// note writes on the Defects of an event's issue that Jira may know something new.
func (j *Jira) note(ctx context.Context, i *v1alpha1.JiraIntegration, e *jiraEvent) (result, error) {
	log := ctrl.LoggerFrom(ctx).V(1)
	if e.Issue.ID == "" && e.Issue.Key == "" && e.Issue.Fields.Labels == nil {
		log.Info("Webhook ignored: it is not about an issue")
		return ignored, nil
	}
	if e.by().is(i.Status.AccountID) {
		log.Info("Webhook ignored: it tells of what the operator did itself")
		return ignored, nil
	}
	defects, err := j.options.Find(ctx, client.ObjectKeyFromObject(i), string(e.Issue.ID), e.Issue.Key, e.Issue.Fields.Labels)
	if err != nil {
		return failed, fmt.Errorf("finding the Defect of issue %s: %w", e.Issue.Key, err)
	}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`,
		v1alpha1.JiraChangedAtAnnotation, j.options.Clock.Now().UTC().Format(time.RFC3339Nano)))
	out := ignored
	var errs []error
	for _, name := range defects {
		d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
		switch err := j.options.Client.Patch(ctx, d, patch, client.FieldOwner(fieldOwner)); {
		case apierrors.IsNotFound(err): // deleted since
		case err != nil:
			errs = append(errs, fmt.Errorf("noting the hint on Defect %s: %w", name, err))
		default:
			out = accepted
			log.Info("Hint noted", v1alpha1.KindDefect, name)
		}
	}
	if out == ignored && len(errs) == 0 {
		log.Info("Webhook ignored: no Defect has this issue")
	}
	return out, errors.Join(errs...)
}
