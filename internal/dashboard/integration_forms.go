// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"maps"
	"net/http"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/dashboard/client"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/form"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/product"
	"github.com/voiceai-dev/integrations-operator/internal/dashboard/web"
)

// replaceDefault is the field by which the user lets an integration take the place of the default one.
const replaceDefault = "replaceDefault"

// keepToken is the field by which the user removes an integration without having its token revoked.
const keepToken = "keepToken"

// replaceBot is the field by which the user lets an incoming webhook replace a bot.
const replaceBot = "replaceBot"

func (s *site) createIntegration(v *visit, p product.Product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	f.AddFields("query.namespace", "query.name")
	key := client.Key{Namespace: f.Get("query.namespace"), Name: f.Get("query.name")}
	if !objectName.MatchString(key.Namespace) {
		f.SetError("query.namespace", "Enter the name of a namespace.")
	}
	if !objectName.MatchString(key.Name) {
		f.SetError("query.name", "Use lower-case letters, digits, dots and dashes.")
	}
	err = v.store(p, f, client.Spec{}, func(change client.ConfigChange) error {
		return v.api.CreateConfig(p.Provider, key, change)
	})
	if client.StatusOf(err) == http.StatusPreconditionFailed {
		f.SetError("query.name", "An integration with this name exists already. Choose another name, or edit the existing one.")
	} else if err != nil {
		return err
	}
	if !f.OK() {
		return s.showNewIntegration(v, p, f.Status, f)
	}
	return v.redirectWithNote(integrationPath(p, key), "created")
}

func (s *site) saveIntegration(v *visit, p product.Product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	stored, _, err := v.api.Config(p.Provider, v.key())
	if err != nil {
		return err
	}
	spec := maps.Clone(stored.Spec)
	if user := f.Get("credentials.username"); user != "" && spec.Get("basic") != nil {
		spec.Set("basic.username", user)
	}
	err = v.store(p, f, spec, func(change client.ConfigChange) error {
		return v.api.UpdateConfig(p.Provider, v.key(), change, f.Get("etag"))
	})
	if client.StatusOf(err) == http.StatusPreconditionFailed {
		f.Values.Del("etag")
		f.Problem = "The integration was changed after you opened it. Your input is kept below, " +
			"and the manifest shows what is stored now. Save again to overwrite it."
	} else if err != nil {
		return err
	}
	if !f.OK() {
		return s.showIntegration(v, p, f.Status, f)
	}
	return v.redirectWithNote(integrationPath(p, v.key()), "saved")
}

// store writes the form's values into a spec and sends it with the credentials. What the user can fix becomes an
// error of the form.
func (v *visit) store(p product.Product, f *form.Form, spec client.Spec, send func(client.ConfigChange) error) error {
	f.AddFields(p.FieldNames(v.mayStoreSecrets())...)
	f.Fill(spec, p.Fields)
	if p.Provider == "jira" && spec.Get("autoCreate") != nil && spec.Get("autoCreate.enabled") == nil {
		spec.Set("autoCreate.enabled", false) // autoCreate requires the field
	}
	v.checkCredentials(p, f, spec)
	if p.Provider == "slack" {
		checkDefaultChannel(f, spec)
	}
	if !f.OK() {
		return nil
	}
	credentials := map[string]string{}
	for _, c := range p.Credentials {
		if value := f.Get("credentials." + c); value != "" {
			credentials[c] = value
		}
	}
	err := send(client.ConfigChange{Spec: spec, Credentials: credentials, ReplaceDefault: f.Get(replaceDefault) != "",
		EditAnyway: f.Get(editAnyway) != ""})
	switch {
	case client.StatusOf(err) == http.StatusForbidden: // the form keeps the user's input
		f.Problem = web.Sentence(err.Error())
		f.Status = http.StatusForbidden
		return nil
	case err != nil && f.AddProblem(err):
		f.MoveErrors(product.CredentialAt)
		return nil
	}
	return err
}

// checkCredentials sets the errors of credentials that are missing, or of which only one may be entered.
func (v *visit) checkCredentials(p product.Product, f *form.Form, spec client.Spec) {
	if !v.mayStoreSecrets() {
		return
	}
	if p.Provider == "slack" {
		checkSlackCredentials(f, spec)
	} else {
		checkJiraCredentials(f, spec)
	}
}

func isEntered(f *form.Form, credential string) bool { return f.Get("credentials."+credential) != "" }

func checkSlackCredentials(f *form.Form, spec client.Spec) {
	bot := isEntered(f, "botToken")
	webhook := isEntered(f, "webhookURL")
	switch {
	case bot && webhook:
		f.SetError("credentials.webhookURL", "Enter a bot token or a webhook URL, not both.")
	case !bot && !webhook && spec.Get("bot") == nil && spec.Get("webhook") == nil:
		f.SetError("credentials.botToken", "Enter a bot token or a webhook URL.")
	case webhook && spec.Get("bot") != nil && f.Get(replaceBot) == "":
		f.SetError(replaceBot, "The webhook would replace the bot, and messages could not be edited any more. Select this to do so.")
	}
}

// checkDefaultChannel sets the error of a bot without a default channel.
func checkDefaultChannel(f *form.Form, spec client.Spec) {
	bot := isEntered(f, "botToken") || spec.Get("bot") != nil && !isEntered(f, "webhookURL")
	if bot && f.Get("spec.defaultChannel") == "" {
		f.SetError("spec.defaultChannel", "Enter a channel. A bot needs one for rules that name none.")
	}
}

func checkJiraCredentials(f *form.Form, spec client.Spec) {
	token := isEntered(f, "apiToken")
	bearer := isEntered(f, "bearerToken")
	switch {
	case bearer && token:
		f.SetError("credentials.bearerToken", "Enter an API token or a personal access token, not both.")
	case token && !isEntered(f, "username") && spec.Get("basic.username") == nil:
		f.SetError("credentials.username", "Enter the user of the API token.")
	case !bearer && !token && spec.Get("basic") == nil && spec.Get("bearer") == nil:
		f.SetError("credentials.apiToken", "Enter an API token or a personal access token.")
	}
}

func (s *site) testIntegration(v *visit, p product.Product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	finished, err := v.api.TestIntegration(p.Provider, v.key(), f.Get("channel"))
	switch {
	case err != nil && f.AddProblem(err):
		return s.showProblemInCard(v, p, "test", cmp.Or(f.Problem, f.ErrorOf("channel")))
	case err != nil:
		return err
	case finished:
		return v.redirectWithNote(integrationPath(p, v.key()), "tested")
	}
	return v.redirectWithNote(integrationPath(p, v.key()), "test-undecided")
}

func (s *site) removeIntegration(v *visit, p product.Product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	if f.Get("confirm") != v.key().Name {
		return s.showProblemInCard(v, p, "remove", "Not removed. Type the integration's name to confirm.")
	}
	if f.Get(keepToken) == "" && p.Provider == product.Slack.Provider {
		installed, err := v.isInstalled()
		if err == nil && installed {
			err = v.api.RevokeInstall(v.key())
		}
		if err != nil {
			return s.showNotRevoked(v, err, "remove", "Nothing was removed. To remove the integration all the same, select that the token is kept.")
		}
	}
	if err := v.api.DeleteConfig(p.Provider, v.key()); err != nil {
		return err
	}
	return v.redirectWithNote("/integrations", "removed")
}

// isInstalled reports whether the integration has a token that came from Slack's consent page.
func (v *visit) isInstalled() (bool, error) {
	config, _, err := v.api.Config(product.Slack.Provider, v.key())
	return integrationPage{Config: config}.Installed(), err
}

// replaceCredentials stores credentials of a managed integration where its spec names them.
func (s *site) replaceCredentials(v *visit, p product.Product) error {
	f, err := v.readForm()
	if err != nil {
		return err
	}
	credentials := map[string]string{}
	for _, c := range p.Credentials {
		if value := f.Get("credentials." + c); value != "" {
			credentials[c] = value
		}
	}
	if len(credentials) == 0 {
		return s.showProblemInCard(v, p, "credentials", "Enter the new value.")
	}
	err = v.api.ReplaceCredentials(p.Provider, v.key(), credentials)
	switch {
	case client.StatusOf(err) == http.StatusForbidden:
		return s.showProblemInCard(v, p, "credentials", web.Sentence(err.Error()))
	case err != nil && f.AddProblem(err):
		return s.showProblemInCard(v, p, "credentials", cmp.Or(f.Problem, credentialProblems(f), "Not saved. Check the value."))
	case err != nil:
		return err
	}
	return v.redirectWithNote(integrationPath(p, v.key()), "replaced")
}

// credentialProblems returns what is wrong with the credentials of a form, each with its label.
func credentialProblems(f *form.Form) string {
	var out []string
	for _, e := range f.Errors() {
		label := product.CredentialLabels[strings.TrimPrefix(e.Place, "credentials.")]
		out = append(out, cmp.Or(label, e.Place)+": "+web.Sentence(e.Text))
	}
	return strings.Join(out, " ")
}

// showProblemInCard shows the integration as it is stored, with a problem in one of the page's cards.
func (s *site) showProblemInCard(v *visit, p product.Product, card, problem string) error {
	f := form.New(nil)
	f.Card = card
	f.Problem = problem
	return s.showIntegration(v, p, f.Status, f)
}
