package dashboard

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// product is Slack or Jira, as far as their pages differ.
type product struct {
	name, kind, resource string
	// fields are what the form shows of the spec, credentials the secrets that it takes.
	fields      []specField
	credentials []string
}

var products = []product{
	{
		name: "slack", kind: "SlackIntegration", resource: "slackintegrations",
		fields: []specField{
			{"default", flag}, {"defaultChannel", text}, {"apiURL", text}, {"suspend", flag},
			{"rateLimit.channelMessagesPerMinute", whole}, {"rateLimit.workspaceMessagesPerMinute", whole},
		},
		credentials: []string{"botToken", "webhookURL"},
	},
	{
		name: "jira", kind: "JiraIntegration", resource: "jiraintegrations",
		fields: []specField{
			{"default", flag}, {"apiURL", text}, {"siteURL", text}, {"deployment", text}, {"projectKey", text}, {"issueType", text}, {"labels", lines},
			{"priorities.critical", text}, {"priorities.high", text}, {"priorities.medium", text}, {"priorities.low", text},
			{"autoCreate.enabled", flag}, {"autoCreate.minSeverity", text}, {"autoCreate.categories", several},
			{"reopen.policy", text}, {"pollIntervalSeconds", whole}, {"suspend", flag},
		},
		credentials: []string{"username", "apiToken", "bearerToken", "webhookSecret"},
	},
}

// Title is what people call it.
func (p product) Title() string { return strings.TrimSuffix(p.kind, "Integration") }

// Name is its part of the address.
func (p product) Name() string { return p.name }

// Resource is what rights are about.
func (p product) Resource() string { return p.resource }

// api is where the API has something of the product.
func (p product) api(part string) string { return "/api/v1/integrations/" + p.name + "/" + part }

// names are those of the form's fields. Secrets are asked of who may store them.
func (p product) names(mayStore bool) []string {
	var out []string
	for _, f := range p.fields {
		out = append(out, "spec."+f.path)
	}
	for _, c := range p.credentials {
		if mayStore || c == "username" {
			out = append(out, "credentials."+c)
		}
	}
	return out
}

// credentialAt is the field of the credential that a place of a spec is about; empty where it is about none.
func credentialAt(place string) string {
	for _, at := range []struct{ place, credential string }{
		{"spec.bot", "botToken"}, {"spec.webhookSecretRef", "webhookSecret"}, {"spec.webhook", "webhookURL"},
		{"spec.basic.username", "username"}, {"spec.basic", "apiToken"}, {"spec.bearer", "bearerToken"},
	} {
		if rest, ok := strings.CutPrefix(place, at.place); ok && (rest == "" || rest[0] == '.') {
			return "credentials." + at.credential
		}
	}
	return ""
}

// integrationStatus is an integration as /api/v1/integrations/status has it.
type integrationStatus struct {
	integration
	SucceededTotal int64       `json:"succeededTotal"`
	FailedTotal    int64       `json:"failedTotal"`
	Conditions     []condition `json:"conditions"`
	LastTest       *struct {
		Outcome   string    `json:"outcome"`
		Message   string    `json:"message"`
		Time      time.Time `json:"time"`
		Channel   string    `json:"channel"`
		Permalink string    `json:"permalink"`
		Checks    []struct {
			Name    string `json:"name"`
			Outcome string `json:"outcome"`
			Message string `json:"message"`
		} `json:"checks"`
	} `json:"lastTest"`
}

// config is an integration's configuration. Credentials say only whether they are set.
type config struct {
	Namespace   string         `json:"namespace"`
	Name        string         `json:"name"`
	Spec        map[string]any `json:"spec"`
	Credentials map[string]struct {
		Set    bool   `json:"set"`
		Secret string `json:"secret"`
		Key    string `json:"key"`
	} `json:"credentials"`
	ManagedBy string `json:"managedBy"`
}

// integrationPage is what the page of one shows, and that of a new one.
type integrationPage struct {
	Product product
	config
	Status *integrationStatus
	Form   *form
	ETag   string
	YAML   string
	New    bool
	// MayStore says that credentials can be stored, and so are asked for.
	MayStore bool
}

// Fixed says that the form only shows: somebody else applies what it is about.
func (p integrationPage) Fixed() bool { return p.ManagedBy != "" }

// Stored is the hint at a credential's field.
func (p integrationPage) Stored(credential, hint string) string {
	c, ok := p.Credentials[credential]
	switch {
	case !ok || c.Secret == "":
		return hint
	case c.Set:
		return "Set, in Secret " + c.Secret + ". Leave it empty to keep it. " + hint
	}
	return "Secret " + c.Secret + " has no key " + c.Key + ": give it here, or there. " + hint
}

// Secrets are the names of the Secrets that the manifest refers to.
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
	s.handle(mux, "GET /integrations", func(v *visit) error {
		var all list[integrationStatus]
		if err := v.get("/api/v1/integrations/status", v.here(), &all); err != nil {
			return err
		}
		return v.render(http.StatusOK, "integrations", view{
			Title: "Integrations", Section: "integrations", Follow: "SlackIntegration,JiraIntegration", Data: all.Items,
		})
	})
	for _, p := range products {
		one := "/integrations/" + p.name + "/{namespace}/{name}"
		s.handle(mux, "GET /integrations/"+p.name+"/new", func(v *visit) error {
			first := url.Values{"query.name": {p.name}, "query.namespace": {strings.Trim(v.namespace, "*")}, "spec.default": {"true"}, "spec.autoCreate.enabled": {"true"}}
			return s.newIntegration(v, p, http.StatusOK, newForm(first))
		})
		s.handle(mux, "POST /integrations/"+p.name+"/new", func(v *visit) error { return s.createIntegration(v, p) })
		s.handle(mux, "GET "+one, func(v *visit) error { return s.showIntegration(v, p, http.StatusOK, newForm(nil)) })
		s.handleForm(mux, one, "save", func(v *visit) error { return s.saveIntegration(v, p) })
		s.handleForm(mux, one, "test", func(v *visit) error { return s.testIntegration(v, p) })
		s.handleForm(mux, one, "remove", func(v *visit) error { return s.removeIntegration(v, p) })
	}
}

func (s *site) newIntegration(v *visit, p product, code int, f *form) error {
	return v.render(code, "integration-new", view{Title: "Connect " + p.Title(), Section: "integrations", Data: integrationPage{Product: p, Form: f, New: true, MayStore: v.mayStore()}})
}

// MayConnect says whether the caller may make an integration of a product, with a Secret for its credentials.
func (v *visit) MayConnect(product string) bool {
	return v.May("create", product+"integrations") && v.May("create", "secrets")
}

// mayStore says whether the caller may write Secrets.
func (v *visit) mayStore() bool { return v.May("create", "secrets") || v.May("update", "secrets") }

func (s *site) createIntegration(v *visit, p product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	f.shown = []string{"query.namespace", "query.name"}
	namespace, name := f.get("query.namespace"), f.get("query.name")
	if !objectName.MatchString(namespace) {
		f.wrong("query.namespace", "Name a namespace.")
	}
	if !objectName.MatchString(name) {
		f.wrong("query.name", "A name has lower-case letters, digits, dots and dashes.")
	}
	err = v.putIntegration(p, namespace, name, f, map[string]any{}, "If-None-Match", "*")
	if statusOf(err) == http.StatusPreconditionFailed {
		f.wrong("query.name", "There is one of that name already: choose another name, or change that one.")
	} else if err != nil {
		return err
	}
	if !f.ok() {
		return s.newIntegration(v, p, f.status, f)
	}
	return v.goTo("/integrations/"+p.name+"/"+namespace+"/"+name, "created")
}

// putIntegration sends what a form says, on top of a spec. What is wrong with it is in the form afterwards.
func (v *visit) putIntegration(p product, namespace, name string, f *form, spec map[string]any, headers ...string) error {
	f.shown = append(f.shown, p.names(v.mayStore())...)
	f.fill(p.fields, spec)
	if p.name == "jira" && at(spec, "autoCreate") != nil && at(spec, "autoCreate.enabled") == nil {
		set(spec, "autoCreate.enabled", false) // which is required there
	}
	if !f.ok() {
		return nil
	}
	credentials := map[string]string{}
	for _, c := range p.credentials {
		if value := f.get("credentials." + c); value != "" {
			credentials[c] = value
		}
	}
	_, err := v.call(http.MethodPut, p.api("config"), query("namespace", namespace, "name", name), map[string]any{"spec": spec, "credentials": credentials}, nil, headers...)
	switch {
	case statusOf(err) == http.StatusForbidden: // what was typed is not lost by it
		f.Problem, f.status = sentence(err.Error()), http.StatusForbidden
		return nil
	case err != nil && f.take(err):
		for place, text := range maps.Clone(f.errors) {
			if credential := credentialAt(place); credential != "" {
				delete(f.errors, place)
				f.wrong(credential, text)
			}
		}
		return nil
	}
	return err
}

// showIntegration shows one with a form, which has what is stored when it has no values.
func (s *site) showIntegration(v *visit, p product, code int, f *form) error {
	data := integrationPage{Product: p, Form: f}
	a, err := v.call(http.MethodGet, p.api("config"), v.here("name", v.name()), nil, &data.config)
	if err != nil {
		return err
	}
	data.ETag, data.MayStore = a.header.Get("ETag"), v.mayStore() && !data.Fixed()
	if f.values == nil {
		f.values = values(p.fields, data.Spec)
		if user, ok := at(data.Spec, "basic.username").(string); ok {
			f.values.Set("credentials.username", user)
		}
	}
	data.ETag = cmp.Or(f.get("etag"), data.ETag)
	if v.May("list", p.resource) {
		var all list[integrationStatus]
		if err := v.get("/api/v1/integrations/status", v.here(), &all); err != nil {
			return err
		}
		if i := slices.IndexFunc(all.Items, func(o integrationStatus) bool { return o.Kind == p.kind && o.Name == data.Name }); i >= 0 {
			data.Status = &all.Items[i]
		}
	}
	if data.YAML, err = manifest(p.kind, data.Namespace, data.Name, data.Spec); err != nil {
		return err
	}
	return v.render(code, "integration", view{Title: p.Title() + " " + data.Name, Section: "integrations", Follow: p.kind, Data: data})
}

func (v *visit) integrationPage(p product) string {
	return "/integrations/" + p.name + "/" + v.namespace + "/" + v.name()
}

func (s *site) saveIntegration(v *visit, p product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	var now config
	if err := v.get(p.api("config"), v.here("name", v.name()), &now); err != nil {
		return err
	}
	spec := maps.Clone(now.Spec)
	if user := f.get("credentials.username"); user != "" && at(spec, "basic") != nil {
		set(spec, "basic.username", user)
	}
	err = v.putIntegration(p, v.namespace, v.name(), f, spec, "If-Match", f.get("etag"))
	if statusOf(err) == http.StatusPreconditionFailed {
		f.values.Del("etag")
		f.Problem = "Somebody else changed this since you opened it. What you typed is still here, and the manifest shows what is stored now: save again to put yours in its place."
	} else if err != nil {
		return err
	}
	if !f.ok() {
		return s.showIntegration(v, p, f.status, f)
	}
	return v.goTo(v.integrationPage(p), "saved")
}

func (s *site) testIntegration(v *visit, p product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	var body any
	if channel := f.get("channel"); channel != "" {
		body = map[string]string{"channel": channel}
	}
	a, err := v.call(http.MethodPost, p.api("test"), v.here("name", v.name()), body, nil)
	switch {
	case err != nil && f.take(err):
		return s.showProblemIn(v, p, "test", cmp.Or(f.Problem, f.errorOf("channel")))
	case err != nil:
		return err
	case a.status == http.StatusAccepted:
		return v.goTo(v.integrationPage(p), "test-undecided")
	}
	return v.goTo(v.integrationPage(p), "tested")
}

// showProblemIn shows why something was not done in its card, beside the form as it is stored.
func (s *site) showProblemIn(v *visit, p product, card, problem string) error {
	f := newForm(nil)
	f.Card, f.Problem = card, problem
	return s.showIntegration(v, p, f.status, f)
}

func (s *site) removeIntegration(v *visit, p product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	if f.get("confirm") != v.name() {
		return s.showProblemIn(v, p, "remove", "Nothing was removed: type the integration's name to confirm.")
	}
	if _, err := v.call(http.MethodDelete, p.api("config"), v.here("name", v.name()), nil, nil); err != nil {
		return err
	}
	return v.goTo("/integrations", "removed")
}
