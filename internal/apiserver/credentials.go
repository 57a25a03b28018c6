package apiserver

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;update

// Credentials are never changed where they are: a new one gets a key of its own in the Secret, then the integration is pointed at it together
// with what else changes, then the old key goes. Whatever breaks in between, the integration has the old pair or the new one.

const (
	managedBy      = "app.kubernetes.io/managed-by"
	managedByValue = "voiceai-api"
	// forgotten is the age after which a key that nothing points at was left behind by a request that broke.
	forgotten = time.Hour
)

type (
	slackSpec v1alpha1.SlackIntegrationSpec
	jiraSpec  v1alpha1.JiraIntegrationSpec
)

type slackCredentials struct {
	BotToken      string `json:"botToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The bot token (xoxb-…). Takes the place of an incoming webhook."`
	WebhookURL    string `json:"webhookURL,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The incoming webhook's URL. Takes the place of a bot token."`
	SigningSecret string `json:"signingSecret,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The app's signing secret."`
	AppToken      string `json:"appToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The app-level token (xapp-…)."`
	ClientSecret  string `json:"clientSecret,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The OAuth client secret; spec.oauth.clientID names the client."`
}

func (c slackCredentials) given() map[string]string {
	return given(map[string]string{
		"botToken": c.BotToken, "webhookURL": c.WebhookURL, "signingSecret": c.SigningSecret, "appToken": c.AppToken, "clientSecret": c.ClientSecret,
	})
}

type jiraCredentials struct {
	Username      string `json:"username,omitempty" minLength:"1" maxLength:"255" doc:"The account's e-mail address or user name, with apiToken."`
	APIToken      string `json:"apiToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The account's API token or password. Takes the place of a bearer token."`
	BearerToken   string `json:"bearerToken,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"A personal access token. Takes the place of username and apiToken."`
	WebhookSecret string `json:"webhookSecret,omitempty" writeOnly:"true" minLength:"1" maxLength:"4096" doc:"The secret with which Jira signs its webhooks."`
}

func (c jiraCredentials) given() map[string]string {
	return given(map[string]string{"username": c.Username, "apiToken": c.APIToken, "bearerToken": c.BearerToken, "webhookSecret": c.WebhookSecret})
}

func given(all map[string]string) map[string]string {
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// slot is where a spec names a credential. point is nil where the spec has no place for it now.
type slot struct {
	name  string
	ref   *v1alpha1.SecretKeyReference
	point func(v1alpha1.SecretKeyReference)
}

func slackSlots(s *v1alpha1.SlackIntegrationSpec) []slot {
	out := []slot{
		{"signingSecret", s.SigningSecretRef, func(r v1alpha1.SecretKeyReference) { s.SigningSecretRef = &r }},
		{"appToken", s.AppTokenSecretRef, func(r v1alpha1.SecretKeyReference) { s.AppTokenSecretRef = &r }},
	}
	if s.Bot != nil {
		out = append(out, slot{"botToken", &s.Bot.TokenSecretRef, func(r v1alpha1.SecretKeyReference) { s.Bot.TokenSecretRef = r }})
	}
	if s.Webhook != nil {
		out = append(out, slot{"webhookURL", &s.Webhook.URLSecretRef, func(r v1alpha1.SecretKeyReference) { s.Webhook.URLSecretRef = r }})
	}
	if s.OAuth != nil {
		out = append(out, slot{"clientSecret", &s.OAuth.ClientSecretRef, func(r v1alpha1.SecretKeyReference) { s.OAuth.ClientSecretRef = r }})
	}
	return out
}

func jiraSlots(s *v1alpha1.JiraIntegrationSpec) []slot {
	out := []slot{{"webhookSecret", s.WebhookSecretRef, func(r v1alpha1.SecretKeyReference) { s.WebhookSecretRef = &r }}}
	if s.Basic != nil {
		out = append(out, slot{"apiToken", &s.Basic.TokenSecretRef, func(r v1alpha1.SecretKeyReference) { s.Basic.TokenSecretRef = r }})
	}
	if s.Bearer != nil {
		out = append(out, slot{"bearerToken", &s.Bearer.TokenSecretRef, func(r v1alpha1.SecretKeyReference) { s.Bearer.TokenSecretRef = r }})
	}
	return out
}

func keepSlack(spec, before *v1alpha1.SlackIntegrationSpec, given map[string]string) {
	switch {
	case given["botToken"] != "" && given["webhookURL"] == "":
		spec.Bot, spec.Webhook = &v1alpha1.SlackBot{}, nil
	case given["webhookURL"] != "" && given["botToken"] == "":
		spec.Webhook, spec.Bot = &v1alpha1.SlackWebhook{}, nil
	case spec.Bot == nil && spec.Webhook == nil:
		spec.Bot, spec.Webhook = before.Bot.DeepCopy(), before.Webhook.DeepCopy()
	}
	if spec.SigningSecretRef == nil {
		spec.SigningSecretRef = before.SigningSecretRef.DeepCopy()
	}
	if spec.AppTokenSecretRef == nil {
		spec.AppTokenSecretRef = before.AppTokenSecretRef.DeepCopy()
	}
	if spec.OAuth != nil && before.OAuth != nil && spec.OAuth.ClientSecretRef.Name == "" {
		spec.OAuth.ClientSecretRef = before.OAuth.ClientSecretRef
	}
}

func keepJira(spec, before *v1alpha1.JiraIntegrationSpec, given map[string]string) {
	switch {
	case given["apiToken"] != "" && given["bearerToken"] == "":
		user := given["username"]
		if user == "" && spec.Basic != nil {
			user = spec.Basic.Username
		}
		if user == "" && before.Basic != nil {
			user = before.Basic.Username
		}
		spec.Basic, spec.Bearer = &v1alpha1.JiraBasicAuth{Username: user}, nil
	case given["bearerToken"] != "" && given["apiToken"] == "":
		spec.Bearer, spec.Basic = &v1alpha1.JiraBearerAuth{}, nil
	case spec.Basic == nil && spec.Bearer == nil:
		spec.Basic, spec.Bearer = before.Basic.DeepCopy(), before.Bearer.DeepCopy()
		fallthrough
	default:
		if given["username"] != "" && spec.Basic != nil {
			spec.Basic.Username = given["username"]
		}
	}
	if spec.WebhookSecretRef == nil {
		spec.WebhookSecretRef = before.WebhookSecretRef.DeepCopy()
	}
}

func credentialsName(integration string) string { return integration + "-credentials" }

// keyNames are the keys' parts that say what they hold.
var keyNames = map[string]string{
	"botToken": "bot-token", "webhookURL": "webhook-url", "signingSecret": "signing-secret", "appToken": "app-token", "clientSecret": "client-secret",
	"apiToken": "api-token", "bearerToken": "bearer-token", "webhookSecret": "webhook-secret",
}

// secretOnes are those of the credentials that are kept in a Secret: all but a user's name.
func secretOnes(given map[string]string) map[string]string {
	out := maps.Clone(given)
	maps.DeleteFunc(out, func(credential, _ string) bool { return keyNames[credential] == "" })
	return out
}

// name makes up a new key for each credential that is given: what it is, when, and something random.
func name(given map[string]string, title string, now time.Time) map[string]string {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails
	out := map[string]string{}
	for credential := range secretOnes(given) {
		out[credential] = fmt.Sprintf("%s-%s-%x-%s", title, keyNames[credential], now.Unix(), hex.EncodeToString(random))
	}
	return out
}

// point has a spec name the new keys.
func point(slots []slot, secret string, keys map[string]string) {
	for _, sl := range slots {
		if key := keys[sl.name]; key != "" {
			sl.point(v1alpha1.SecretKeyReference{Name: secret, Key: key})
		}
	}
}

// used are the keys of a Secret that a spec names.
func used(slots []slot, secret string) map[string]string {
	out := map[string]string{}
	for _, sl := range slots {
		if sl.ref != nil && sl.ref.Name == secret {
			out[sl.name] = sl.ref.Key
		}
	}
	return out
}

// unchanged are the keys of those credentials that are given as they are stored, so that the same change twice is one.
func (s *Server) unchanged(ctx context.Context, integration types.NamespacedName, slots []slot, given map[string]string) (map[string]string, error) {
	out := map[string]string{}
	secret := &corev1.Secret{}
	for credential, key := range used(slots, credentialsName(integration.Name)) {
		if given[credential] == "" {
			continue
		}
		if secret.Name == "" {
			err := s.o.Live.Get(ctx, types.NamespacedName{Namespace: integration.Namespace, Name: credentialsName(integration.Name)}, secret)
			if err != nil || secret.Labels[managedBy] != managedByValue {
				return nil, client.IgnoreNotFound(err)
			}
		}
		if subtle.ConstantTimeCompare(secret.Data[key], []byte(given[credential])) == 1 {
			out[credential] = key
		}
	}
	return out, nil
}

// credentialStates says which credentials are there.
func (s *Server) credentialStates(ctx context.Context, namespace string, slots []slot) (map[string]credentialState, error) {
	out := map[string]credentialState{}
	found := map[string]*corev1.Secret{}
	for _, sl := range slots {
		if sl.ref == nil {
			out[sl.name] = credentialState{}
			continue
		}
		secret, ok := found[sl.ref.Name]
		if !ok {
			secret = &corev1.Secret{}
			if err := s.o.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: sl.ref.Name}, secret); client.IgnoreNotFound(err) != nil {
				return nil, cluster(ctx, err, "reading Secret "+sl.ref.Name)
			}
			found[sl.ref.Name] = secret
		}
		out[sl.name] = credentialState{Set: len(secret.Data[sl.ref.Key]) > 0, Secret: sl.ref.Name, Key: sl.ref.Key}
	}
	return out, nil
}

// storeCredentials adds keys to the Secret of an integration, which is the owner's once there is one.
func (s *Server) storeCredentials(ctx context.Context, owner client.Object, integration types.NamespacedName, keys, values map[string]string) error {
	if len(keys) == 0 {
		return nil
	}
	key := types.NamespacedName{Namespace: integration.Namespace, Name: credentialsName(integration.Name)}
	secret := &corev1.Secret{}
	err := s.o.Live.Get(ctx, key, secret)
	switch {
	case apierrors.IsNotFound(err):
		if err := s.require(ctx, "create", action.Secrets, in(key.Namespace)); err != nil {
			return err
		}
		secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{managedBy: managedByValue}}}
	case err != nil:
		return err
	default:
		if err := s.require(ctx, "update", action.Secrets, key); err != nil {
			return err
		}
		if secret.Labels[managedBy] != managedByValue {
			return mistake(http.StatusConflict, "Secret %s is there and was not made here: rename it, or name it in the spec and leave out credentials", key)
		}
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for credential, at := range keys {
		secret.Data[at] = []byte(values[credential])
	}
	own(secret, owner)
	if secret.ResourceVersion == "" {
		return s.o.Client.Create(ctx, secret, action.FieldOwner)
	}
	err = s.o.Client.Update(ctx, secret, action.FieldOwner)
	if apierrors.IsNotFound(err) { // it went with an earlier integration at this moment
		err = apierrors.NewConflict(corev1.Resource("secrets"), secret.Name, err)
	}
	return err
}

// own has the Secret go when the integration goes. Before there is one, an earlier one of that name gives the Secret up: it would go with that.
func own(secret *corev1.Secret, owner client.Object) {
	if owner == nil || slices.ContainsFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == owner.GetUID() }) {
		return
	}
	kind := v1alpha1.KindSlackIntegration
	if _, ok := owner.(*v1alpha1.JiraIntegration); ok {
		kind = v1alpha1.KindJiraIntegration
	}
	secret.OwnerReferences = slices.DeleteFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool { return r.Kind == kind })
	if owner.GetUID() != "" {
		secret.OwnerReferences = append(secret.OwnerReferences, metav1.OwnerReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: kind, Name: owner.GetName(), UID: owner.GetUID(),
		})
	}
}

// dropCredentials removes keys that are out of use. That it may fail is why a key that nothing points at is harmless: the next change removes it.
func (s *Server) dropCredentials(ctx context.Context, owner client.Object, integration types.NamespacedName, title string, slots []slot, gone map[string]string) {
	key := types.NamespacedName{Namespace: integration.Namespace, Name: credentialsName(integration.Name)}
	secret := &corev1.Secret{}
	if err := s.o.Live.Get(ctx, key, secret); err != nil || secret.Labels[managedBy] != managedByValue {
		return
	}
	inUse := slices.Collect(maps.Values(used(slots, key.Name)))
	old := slices.Collect(maps.Values(gone))
	before := secret.DeepCopy()
	maps.DeleteFunc(secret.Data, func(k string, _ []byte) bool {
		return !slices.Contains(inUse, k) && (slices.Contains(old, k) || owner != nil && left(k, title, s.o.Clock.Now()))
	})
	own(secret, owner)
	if equality.Semantic.DeepEqual(secret, before) {
		return
	}
	if err := s.o.Client.Update(ctx, secret, action.FieldOwner); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Removing credentials that are out of use", "Secret", key)
	}
}

// forgetCredentials removes what was stored for an integration that is gone, where the Secret stays: one of the other kind has the same name, and so
// the same Secret.
func (s *Server) forgetCredentials(ctx context.Context, gone client.Object, title string) {
	key := types.NamespacedName{Namespace: gone.GetNamespace(), Name: credentialsName(gone.GetName())}
	secret := &corev1.Secret{}
	another := func(r metav1.OwnerReference) bool { return r.UID != gone.GetUID() }
	if err := s.o.Live.Get(ctx, key, secret); err != nil || secret.Labels[managedBy] != managedByValue || !slices.ContainsFunc(secret.OwnerReferences, another) {
		return
	}
	maps.DeleteFunc(secret.Data, func(k string, _ []byte) bool { return strings.HasPrefix(k, title+"-") })
	if err := s.o.Client.Update(ctx, secret, action.FieldOwner); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Removing credentials of an integration that is gone", "Secret", key)
	}
}

// left says that a key is of this kind of integration and so old that the request that made it is over.
func left(key, title string, now time.Time) bool {
	parts := strings.Split(key, "-")
	if len(parts) < 4 || parts[0] != title {
		return false
	}
	made, err := strconv.ParseInt(parts[len(parts)-2], 16, 64)
	return err == nil && now.Sub(time.Unix(made, 0)) > forgotten
}
