// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/product"
)

// integrationPage is the data of the page of one integration, and of that of a new one.
type integrationPage struct {
	Product product.Product
	client.Config
	Status *client.IntegrationStatus
	Form   *form.Form
	ETag   string
	YAML   string
	New    bool
	// OtherDefault is the name of the integration that is the default of the namespace instead of this; empty if there is
	// none, or it is not known.
	OtherDefault string
	// MayStoreSecrets decides whether the form has fields for credentials.
	MayStoreSecrets bool
	// MayReplace is set if the user may write Secrets.
	MayReplace bool
}

// InstallsInSlack reports whether the app of the integration can be installed from this page.
func (p integrationPage) InstallsInSlack() bool { return p.Spec.Get("oauth.clientID") != nil }

// ShowsApp reports whether the page shows the app of the integration: that of a bot.
func (p integrationPage) ShowsApp() bool { return p.Spec.Get("bot") != nil }

// Installed reports whether the integration has a token, which came from Slack's consent page.
func (p integrationPage) Installed() bool {
	return p.InstallsInSlack() && p.Credentials["botToken"].Set
}

// editAnyway is the parameter, and the field, by which the user changes an integration that kubectl applied.
const editAnyway = "editAnyway"

// ReadOnly reports whether the form cannot be changed because a tool applies the integration.
func (p integrationPage) ReadOnly() bool { return p.ManagedBy != "" && !p.EditsAnyway() }

// EditsAnyway reports whether the user changes an integration that kubectl applied.
func (p integrationPage) EditsAnyway() bool {
	return p.ManagedBy != "" && p.Editable && p.Form.Get(editAnyway) != ""
}

// Replaceable returns the fields of the credentials that can be replaced where the spec of a managed integration names
// them.
func (p integrationPage) Replaceable() []form.Field {
	if p.ManagedBy == "" || !p.MayReplace {
		return nil
	}
	var out []form.Field
	for _, name := range p.Product.Credentials {
		c := p.Credentials[name]
		if c.Secret == "" {
			continue
		}
		hint := "Is stored in Secret " + c.Secret + " under " + c.Key + "."
		if !c.Set {
			hint = "Secret " + c.Secret + " has no key " + c.Key + " yet."
		}
		out = append(out, p.Form.Field("credentials."+name, product.CredentialLabels[name], hint))
	}
	return out
}

// OffersReplacing reports whether the form offers to replace the default integration of the namespace: there is one
// besides this.
func (p integrationPage) OffersReplacing() bool {
	return p.OtherDefault != "" || p.Form.ErrorOf("spec.default") != "" || p.Form.Get(replaceDefault) != ""
}

// OffersReplacingBot reports whether the form offers to replace a bot with an incoming webhook.
func (p integrationPage) OffersReplacingBot() bool { return p.Spec.Get("bot") != nil }

// CredentialHint returns the hint at a credential's field: where it is stored, and the hint of the template.
func (p integrationPage) CredentialHint(credential, hint string) string {
	c, ok := p.Credentials[credential]
	switch {
	case !ok || c.Secret == "":
		return hint
	case c.Set:
		return "Stored in Secret " + c.Secret + ". Leave it empty to keep it. " + hint
	}
	return "Secret " + c.Secret + " has no key " + c.Key + ". Enter the value here, or add the key. " + hint
}

// Secrets returns the names of the Secrets that the manifest refers to.
func (p integrationPage) Secrets() string {
	var names []string
	for _, c := range p.Credentials {
		if c.Secret != "" && !slices.Contains(names, c.Secret) {
			names = append(names, c.Secret)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (s *site) routeIntegrations(mux *http.ServeMux) {
	s.handle(mux, "GET /integrations", s.listIntegrations)
	for _, p := range product.All {
		list := "/integrations/" + p.Name()
		page := list + "/{namespace}/{name}"
		s.handle(mux, "GET "+list+"/new", func(v *visit) error {
			return s.showEmptyForm(v, p)
		})
		s.handle(mux, "POST "+list+"/new", func(v *visit) error { return s.createIntegration(v, p) })
		s.handle(mux, "GET "+page, func(v *visit) error { return s.showIntegration(v, p, http.StatusOK, form.New(nil)) })
		s.handleForm(mux, page, "save", func(v *visit) error { return s.saveIntegration(v, p) })
		s.handleForm(mux, page, "credentials", func(v *visit) error { return s.replaceCredentials(v, p) })
		s.handleForm(mux, page, "test", func(v *visit) error { return s.testIntegration(v, p) })
		s.handleForm(mux, page, "remove", func(v *visit) error { return s.removeIntegration(v, p) })
	}
}

func (s *site) listIntegrations(v *visit) error {
	all, err := v.api.Integrations(v.namespace)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "integrations", view{
		Title: "Integrations", Section: "integrations", Follow: "SlackIntegration,JiraIntegration", Data: all,
	})
}

// MayConnect reports whether the user may create an integration of a product, with a Secret for its credentials.
func (v *visit) MayConnect(product string) bool {
	return v.May("create", product+"integrations") && v.May("create", "secrets")
}

func (v *visit) mayStoreSecrets() bool {
	return v.May("create", "secrets") || v.May("update", "secrets")
}

// defaultOf returns the name of the default integration of a namespace; empty if there is none, or it cannot be read:
// the API refuses a second one.
func (v *visit) defaultOf(p product.Product, namespace string) string {
	if namespace == "" || !v.May("list", p.Resource) {
		return ""
	}
	all, err := v.api.Integrations(namespace)
	if err != nil {
		return ""
	}
	return client.DefaultAmong(all, p.Kind, "")
}

// showEmptyForm shows the form for a new integration. It is to be the default unless the namespace has one.
func (s *site) showEmptyForm(v *visit, p product.Product) error {
	namespace := strings.Trim(v.namespace, "*")
	values := url.Values{
		"query.name":              {p.Name()},
		"query.namespace":         {namespace},
		"spec.default":            {"true"},
		"spec.autoCreate.enabled": {"true"},
	}
	if v.defaultOf(p, namespace) != "" {
		values.Del("spec.default")
	}
	return s.showNewIntegration(v, p, http.StatusOK, form.New(values))
}

func (s *site) showNewIntegration(v *visit, p product.Product, status int, f *form.Form) error {
	return v.render(status, "integration-new", view{
		Title: "Connect " + p.Title(), Section: "integrations",
		Data: integrationPage{
			Product: p, Form: f, New: true, MayStoreSecrets: v.mayStoreSecrets(),
			OtherDefault: v.defaultOf(p, f.Get("query.namespace")),
		},
	})
}

// showIntegration shows an integration with a form. A form without values shows what is stored.
func (s *site) showIntegration(v *visit, p product.Product, status int, f *form.Form) error {
	config, etag, err := v.api.Config(p.Provider, v.key())
	if err != nil {
		return err
	}
	data := integrationPage{Product: p, Config: config, Form: f}
	data.MayReplace = v.mayStoreSecrets()
	data.MayStoreSecrets = data.MayReplace && data.ManagedBy == ""
	if f.Values == nil {
		f.Values = form.ValuesOf(data.Spec, p.Fields)
		f.Values.Set(editAnyway, v.parameter(editAnyway))
		if user, ok := data.Spec.Get("basic.username").(string); ok {
			f.Values.Set("credentials.username", user)
		}
	}
	data.ETag = cmp.Or(f.Get("etag"), etag)
	if v.May("list", p.Resource) {
		all, err := v.api.Integrations(v.namespace)
		if err != nil {
			return err
		}
		isShown := func(i client.IntegrationStatus) bool { return i.Kind == p.Kind && i.Name == data.Name }
		if i := slices.IndexFunc(all, isShown); i >= 0 {
			data.Status = &all[i]
		}
		data.OtherDefault = client.DefaultAmong(all, p.Kind, data.Name)
	}
	if data.YAML, err = client.Manifest(p.Kind, client.Key{Namespace: data.Namespace, Name: data.Name}, data.Spec); err != nil {
		return err
	}
	return v.render(status, "integration", view{
		Title: p.Title() + " " + data.Name, Section: "integrations", Follow: p.Kind, Data: data,
	})
}

// integrationPath returns the path of an integration's page.
func integrationPath(p product.Product, key client.Key) string {
	return "/integrations/" + p.Name() + "/" + key.Namespace + "/" + key.Name
}
