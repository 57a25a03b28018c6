// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

var slackKey = types.NamespacedName{Namespace: "qa", Name: "slack"}

// newStore returns a Store in a cluster with the given objects.
func newStore(t *testing.T, objects ...client.Object) *Store {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return &Store{Client: c, Live: c, Clock: testingclock.NewFakeClock(noon), FieldOwner: "tests"}
}

// newEnforcingStore returns a Store in a cluster that lets it not change the owners of a Secret that exists, as the
// admission plugin OwnerReferencesPermissionEnforcement does.
func newEnforcingStore(t *testing.T, objects ...client.Object) *Store {
	t.Helper()
	s := newStore(t, objects...)
	s.Client = interceptor.NewClient(s.Client.(client.WithWatch), interceptor.Funcs{Update: func(
		ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption,
	) error {
		before := &corev1.Secret{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), before); err != nil {
			return err
		}
		if !equality.Semantic.DeepEqual(before.OwnerReferences, o.GetOwnerReferences()) {
			return apierrors.NewForbidden(corev1.Resource("secrets"), o.GetName(),
				errors.New("cannot set an ownerRef on a resource you can't delete"))
		}
		return c.Update(ctx, o, opts...)
	}})
	return s
}

// secretWith returns the Secret of the integration, owned by integrations with the given UIDs.
func secretWith(data map[string]string, owners ...metav1.OwnerReference) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "qa", Name: "slack-credentials", Labels: map[string]string{managedByLabel: managedBy}, OwnerReferences: owners,
	}, Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

func slackWith(uid types.UID) *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "slack", UID: uid}}
}

func ownedBy(kind string, uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind, Name: "slack", UID: uid}
}

// botAt returns the spec of a bot whose token has a key.
func botAt(key string) *v1alpha1.SlackIntegrationSpec {
	return &v1alpha1.SlackIntegrationSpec{Bot: &v1alpha1.SlackBot{TokenSecretRef: refTo("slack-credentials", key)}}
}

// stored returns the data of the integration's Secret; nil when there is none.
func stored(t *testing.T, s *Store) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	err := s.Live.Get(t.Context(), SecretOf(slackKey), secret)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func allow(context.Context, string, types.NamespacedName) error { return nil }

// TestChange stores a token, replaces it, and stores the same again.
func TestChange(t *testing.T) {
	s := newStore(t)
	changeTwice(t, s)
	if secret := stored(t, s); len(secret.OwnerReferences) != 1 || secret.OwnerReferences[0].UID != "u" {
		t.Errorf("got owners %v, want the integration", secret.OwnerReferences)
	}
}

// TestChangeWhereOwnersAreEnforced does the same in a cluster that does not let the Store change owners. Then the Secret
// stays when its integration is deleted, without values.
func TestChangeWhereOwnersAreEnforced(t *testing.T) {
	s := newEnforcingStore(t)
	changeTwice(t, s)
	s.Forget(t.Context(), Slack, slackWith("u"))
	if secret := stored(t, s); len(secret.Data) != 0 || len(secret.OwnerReferences) != 0 {
		t.Errorf("got %d values and owners %v after the integration was deleted", len(secret.Data), secret.OwnerReferences)
	}
}

// TestSaveWhereOwnersAreEnforced checks that values are not added to a Secret that is about to be collected.
func TestSaveWhereOwnersAreEnforced(t *testing.T) {
	for name, c := range map[string]struct {
		owner    metav1.OwnerReference
		conflict bool
	}{
		"an earlier one": {ownedBy("SlackIntegration", "old"), true},
		"another kind":   {ownedBy("JiraIntegration", "j"), false},
	} {
		s := newEnforcingStore(t, secretWith(nil, c.owner))
		change := &Change{Kind: Slack, Integration: slackKey, Given: Values{BotToken: "x"}}
		if err := s.Plan(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		err := s.Save(t.Context(), change, slackWith("u"), allow)
		if apierrors.IsConflict(err) != c.conflict || !c.conflict && err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// changeTwice stores a token, replaces it, and stores the same again.
func changeTwice(t *testing.T, s *Store) {
	t.Helper()
	spec := &v1alpha1.SlackIntegrationSpec{}
	integration := slackWith("")
	put := func(value Value) string {
		t.Helper()
		next := spec.DeepCopy()
		c := &Change{Kind: Slack, Integration: slackKey, Before: SlackSlots(spec), Given: Values{BotToken: value}}
		if err := s.Plan(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		MergeSlack(next, spec, c.Given)
		c.Refer(SlackSlots(next))
		if err := s.Save(t.Context(), c, integration, allow); err != nil {
			t.Fatal(err)
		}
		integration = slackWith("u")
		s.Prune(t.Context(), c, integration, SlackSlots(next))
		spec = next
		return next.Bot.TokenSecretRef.Key
	}
	first := put("one")
	if !strings.HasPrefix(first, "slack-bot-token-") {
		t.Errorf("got key %q", first)
	}
	second := put("two")
	if again := put("two"); second == first || again != second {
		t.Errorf("got keys %q, %q and %q, want the last two to be the same", first, second, again)
	}
	if data := stored(t, s).Data; len(data) != 1 || string(data[second]) != "two" {
		t.Errorf("got %v, want only the last token", slices.Collect(maps.Keys(data)))
	}
}

func TestSave(t *testing.T) {
	foreign := secretWith(map[string]string{"token": "theirs"})
	foreign.Labels = nil
	denied := errors.New("denied")
	for name, c := range map[string]struct {
		before *corev1.Secret
		deny   string // the verb
		want   string // part of the error
		owners []types.UID
	}{
		"created":             {owners: []types.UID{"u"}},
		"may not create":      {deny: "create", want: "denied"},
		"added":               {before: secretWith(nil), owners: []types.UID{"u"}},
		"may not update":      {before: secretWith(nil), deny: "update", want: "denied"},
		"foreign":             {before: foreign, want: "was not created by this API"},
		"an earlier one":      {before: secretWith(nil, ownedBy("SlackIntegration", "old")), owners: []types.UID{"u"}},
		"another kind":        {before: secretWith(nil, ownedBy("JiraIntegration", "j")), owners: []types.UID{"j", "u"}},
		"owned by it already": {before: secretWith(nil, ownedBy("SlackIntegration", "u")), owners: []types.UID{"u"}},
	} {
		t.Run(name, func(t *testing.T) {
			var objects []client.Object
			if c.before != nil {
				objects = append(objects, c.before.DeepCopy())
			}
			s := newStore(t, objects...)
			change := &Change{Kind: Slack, Integration: slackKey, Given: Values{BotToken: "x"}}
			if err := s.Plan(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			err := s.Save(t.Context(), change, slackWith("u"), func(_ context.Context, verb string, _ types.NamespacedName) error {
				if verb == c.deny {
					return denied
				}
				return nil
			})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var owners []types.UID
			secret := stored(t, s)
			for _, r := range secret.OwnerReferences {
				owners = append(owners, r.UID)
			}
			if len(secret.Data) != 1 || !slices.Equal(owners, c.owners) {
				t.Errorf("got %d keys owned by %q, want one by %q", len(secret.Data), owners, c.owners)
			}
		})
	}
}

func TestPrune(t *testing.T) {
	orphan := string(Slack.newKey(BotToken, noon.Add(-2*time.Hour), "0a"))
	underWay := string(Slack.newKey(BotToken, noon.Add(-time.Minute), "0b"))
	jira := string(Jira.newKey(APIToken, noon.Add(-2*time.Hour), "0c"))
	s := newStore(t, secretWith(map[string]string{"before": "1", "after": "2", orphan: "3", underWay: "4", jira: "5"}))
	c := &Change{Kind: Slack, Integration: slackKey, Before: SlackSlots(botAt("before"))}
	s.Prune(t.Context(), c, slackWith("u"), SlackSlots(botAt("after")))
	want := []string{"after", underWay, jira}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(stored(t, s).Data)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDiscard(t *testing.T) {
	s := newStore(t, secretWith(map[string]string{"before": "1", "new": "2"}))
	s.Discard(t.Context(), &Change{Kind: Slack, Integration: slackKey, added: Keys{BotToken: "new"}})
	if got := slices.Collect(maps.Keys(stored(t, s).Data)); !slices.Equal(got, []string{"before"}) {
		t.Errorf("got %q, want what was there before", got)
	}
}

func TestForget(t *testing.T) {
	for name, c := range map[string]struct {
		owners []metav1.OwnerReference
		want   []string
	}{
		"the only one":  {[]metav1.OwnerReference{ownedBy("SlackIntegration", "u")}, []string{"jira-x", "slack-x"}}, // is collected
		"not the owner": {nil, []string{"jira-x"}},
		"one of two": {[]metav1.OwnerReference{
			ownedBy("SlackIntegration", "u"), ownedBy("JiraIntegration", "j"),
		}, []string{"jira-x"}},
	} {
		s := newStore(t, secretWith(map[string]string{"slack-x": "1", "jira-x": "2"}, c.owners...))
		s.Forget(t.Context(), Slack, slackWith("u"))
		if got := slices.Sorted(maps.Keys(stored(t, s).Data)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestForeignSecretsAreLeftAlone(t *testing.T) {
	foreign := secretWith(map[string]string{"slack-x": "1"}, ownedBy("JiraIntegration", "j"))
	foreign.Labels = nil
	s := newStore(t, foreign)
	c := &Change{Kind: Slack, Integration: slackKey, Before: SlackSlots(botAt("slack-x")), Given: Values{BotToken: "1"}}
	if err := s.Plan(t.Context(), c); err != nil || c.added[BotToken] == "" {
		t.Errorf("got %v, added %v, want a key of its own", err, c.added)
	}
	s.Prune(t.Context(), c, slackWith("u"), nil)
	s.Forget(t.Context(), Slack, slackWith("u"))
	if got := stored(t, s); len(got.Data) != 1 || len(got.OwnerReferences) != 1 {
		t.Errorf("got %+v, want it as it was", got)
	}
}

func TestStates(t *testing.T) {
	s := newStore(t, secretWith(map[string]string{"token": "s3cr3t", "empty": ""}))
	signing, app := refTo("slack-credentials", "empty"), refTo("none", "token")
	spec := botAt("token")
	spec.SigningSecretRef = &signing
	got, err := s.States(t.Context(), "qa", SlackSlots(spec))
	if err != nil || got[BotToken] != (State{true, "slack-credentials", "token"}) || got[SigningSecret].Set || got[AppToken] != (State{}) {
		t.Errorf("got %v, %v", got, err)
	}
	spec.AppTokenSecretRef = &app
	got, err = s.States(t.Context(), "qa", SlackSlots(spec))
	if err != nil || got[AppToken] != (State{false, "none", "token"}) {
		t.Errorf("of a Secret that does not exist: got %v, %v", got[AppToken], err)
	}
}
