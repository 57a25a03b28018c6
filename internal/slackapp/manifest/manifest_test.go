// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/internal/slackapp/manifest"
)

var update = flag.Bool("update", false, "rewrite docs/slack.md")

// app returns an app with all features.
func app(modify ...func(*manifest.Options)) manifest.Options {
	o := manifest.Options{
		Name: "Voice AI", Mode: manifest.HTTP, URL: "https://edge.example.com/base/", Features: manifest.Features(),
	}
	for _, m := range modify {
		m(&o)
	}
	return o
}

func socketMode(o *manifest.Options) {
	o.Mode = manifest.SocketMode
	o.URL = ""
}

func messagesOnly(o *manifest.Options) { o.Features = nil }

// decoded returns the manifest of an app. It checks that both formats have the same content.
func decoded(t *testing.T, o manifest.Options) map[string]any {
	t.Helper()
	fromJSON, fromYAML := map[string]any{}, map[string]any{}
	raw, err := manifest.JSON(o)
	text, err2 := manifest.YAML(o)
	if err := errors.Join(err, err2, json.Unmarshal(raw, &fromJSON), yaml.Unmarshal(text, &fromYAML)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromJSON, fromYAML) {
		t.Errorf("the formats differ:\n%s\n%s", raw, text)
	}
	return fromJSON
}

// TestSchema checks manifests by the schema that Slack publishes.
func TestSchema(t *testing.T) {
	raw, err := os.ReadFile("../../../../shared/data/slack-manifest/manifest.schema.2.0.0.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("Slack's schema is not here")
	}
	schema, err2 := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseRegexpEngine(withoutLookahead)
	if err := compiler.AddResource("manifest.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]manifest.Options{
		"http": app(), "socket": app(socketMode), "messages by http": app(messagesOnly), "messages by socket": app(socketMode, messagesOnly),
		"token rotation": app(func(o *manifest.Options) { o.TokenRotation = true; o.DashboardURL = "https://dashboard.example.com" }),
		"longest name":   app(func(o *manifest.Options) { o.Name = strings.Repeat("ü", 35) }),
	} {
		if err := compiled.Validate(decoded(t, o)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := decoded(t, app())
	wrong["settings"].(map[string]any)["event_subscriptions"].(map[string]any)["request_url"] = "edge"
	if compiled.Validate(wrong) == nil {
		t.Error("the schema accepts a URL without a scheme")
	}
}

// withoutLookahead compiles a pattern. Go has no lookahead, which Slack's schema has at the beginning of the patterns of
// domains. The app has no domains.
func withoutLookahead(pattern string) (jsonschema.Regexp, error) {
	return regexp.Compile(strings.Replace(pattern, `^(?![\.\-])`, "^", 1))
}

// at returns a member of a manifest.
func at(m any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			object, _ := m.(map[string]any)
			m = object[p]
		case int:
			m = m.([]any)[p]
		}
	}
	return m
}

func TestModes(t *testing.T) {
	const base = "https://edge.example.com/base/api/v1/webhooks/slack/"
	command := []any{"features", "slash_commands", 0, "url"}
	events := []any{"settings", "event_subscriptions", "request_url"}
	clicks := []any{"settings", "interactivity", "request_url"}
	byHTTP, bySocket := decoded(t, app()), decoded(t, app(socketMode))
	for _, c := range []struct {
		path []any
		http any
		// socket is the value with Socket Mode; nil for none.
		socket any
	}{
		{command, base + "commands", nil},
		{events, base + "events", nil},
		{clicks, base + "interactions", nil},
		{[]any{"settings", "interactivity", "is_enabled"}, true, true},
		{[]any{"settings", "socket_mode_enabled"}, false, true},
		{[]any{"settings", "token_rotation_enabled"}, false, false},
		{[]any{"features", "slash_commands", 0, "command"}, "/voiceai", "/voiceai"},
		{[]any{"features", "shortcuts", 0, "callback_id"}, "voiceai_file_defect", "voiceai_file_defect"},
		{[]any{"features", "shortcuts", 0, "type"}, "message", "message"},
	} {
		if got := at(byHTTP, c.path...); got != c.http {
			t.Errorf("%v by HTTP: got %v, want %v", c.path, got, c.http)
		}
		if got := at(bySocket, c.path...); got != c.socket {
			t.Errorf("%v in Socket Mode: got %v, want %v", c.path, got, c.socket)
		}
	}
}

// TestFeatures checks that a feature adds what it needs and no more.
func TestFeatures(t *testing.T) {
	messages := []string{"chat:write", "channels:read", "channels:history"}
	about := []string{"tokens_revoked", "app_uninstalled", "channel_rename", "channel_archive", "channel_unarchive", "channel_deleted"}
	for feature, c := range map[manifest.Feature]struct{ scopes, events []string }{
		manifest.PrivateChannels: {[]string{"groups:read", "groups:history"},
			[]string{"group_rename", "group_archive", "group_unarchive", "group_deleted"}},
		manifest.Commands:   {[]string{"commands"}, nil},
		manifest.Mentions:   {[]string{"app_mentions:read"}, []string{"app_mention"}},
		manifest.UserGroups: {[]string{"usergroups:read"}, []string{"subteam_created", "subteam_updated", "subteam_members_changed"}},
		manifest.Recordings: {[]string{"files:write"}, nil},
	} {
		m := decoded(t, app(func(o *manifest.Options) { o.Features = []manifest.Feature{feature} }))
		scopes := fmt.Sprint(at(m, "oauth_config", "scopes", "bot"))
		if want := fmt.Sprint(slices.Concat(messages, c.scopes)); scopes != want {
			t.Errorf("%s: the scopes are %s, want %s", feature, scopes, want)
		}
		events := fmt.Sprint(at(m, "settings", "event_subscriptions", "bot_events"))
		if want := fmt.Sprint(slices.Concat(about, c.events)); events != want {
			t.Errorf("%s: the events are %s, want %s", feature, events, want)
		}
		if got := at(m, "features", "slash_commands") != nil; got != (feature == manifest.Commands) {
			t.Errorf("%s: there is a slash command: %v", feature, got)
		}
	}
}

// TestComments checks that the YAML explains each scope in the line above it.
func TestComments(t *testing.T) {
	text, err := manifest.YAML(app())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range manifest.Scopes(manifest.Features()) {
		if want := "      # " + s.Reason + "\n      - " + s.Name + "\n"; !strings.Contains(string(text), want) {
			t.Errorf("the YAML has no\n%s\n%s", want, text)
		}
	}
}

func TestRefuses(t *testing.T) {
	for want, modify := range map[string]func(*manifest.Options){
		"--url is missing":                      func(o *manifest.Options) { o.URL = "" },
		`--url "http://edge.example.com"`:       func(o *manifest.Options) { o.URL = "http://edge.example.com" },
		`--url "edge.example.com"`:              func(o *manifest.Options) { o.URL = "edge.example.com" },
		`--url "https://"`:                      func(o *manifest.Options) { o.URL = "https://" },
		`--url "https://u@example.com"`:         func(o *manifest.Options) { o.URL = "https://u@example.com" },
		`--url "https://example.com/?a=b"`:      func(o *manifest.Options) { o.URL = "https://example.com/?a=b" },
		`--mode ""`:                             func(o *manifest.Options) { o.Mode = "" },
		`--name ""`:                             func(o *manifest.Options) { o.Name = "" },
		"must have 1 to 35 characters":          func(o *manifest.Options) { o.Name = strings.Repeat("x", 36) },
		`--features: there is no feature "all"`: func(o *manifest.Options) { o.Features = []manifest.Feature{"all"} },
	} {
		for format, encode := range map[string]func(manifest.Options) ([]byte, error){"YAML": manifest.YAML, "JSON": manifest.JSON} {
			if raw, err := encode(app(modify)); err == nil || !strings.Contains(err.Error(), want) || raw != nil {
				t.Errorf("%s: got %v, want an error with %s", format, err, want)
			}
		}
	}
}

// TestEveryEventIsNamed checks that the manifest has each event that package inbound has a name for.
func TestEveryEventIsNamed(t *testing.T) {
	raw, err := os.ReadFile("../inbound/inbound.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(raw), "// The types of an Event that are handled.")
	list, _, ok2 := strings.Cut(list, "\n)\n")
	names := regexp.MustCompile(`= +"([a-z_]+)"`).FindAllStringSubmatch(list, -1)
	if !ok || !ok2 || len(names) < 10 {
		t.Fatalf("the list of events was not found: %v", names)
	}
	events := manifest.Events(manifest.Features())
	for _, n := range names {
		// Slack checks the URL by url_verification without a subscription.
		if n[1] != "url_verification" && !slices.Contains(events, n[1]) {
			t.Errorf("the manifest does not subscribe to %s", n[1])
		}
	}
	if len(events) != len(names)-1 {
		t.Errorf("the manifest subscribes to %v", events)
	}
}

// TestDocs compares docs/slack.md with the table of scopes, and checks that the pages about the scopes' uses name no
// other scope. With -update it rewrites the table.
func TestDocs(t *testing.T) {
	const path, begin, end = "../../../docs/slack.md", "<!-- begin scopes -->\n", "<!-- end scopes -->\n"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no part scopes", path)
	}
	want := before + begin + "\n" + scopesTable() + "\n" + end + after
	switch {
	case want == string(raw):
	case *update:
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date: run go test ./internal/slackapp/manifest -run TestDocs -update", path)
	}
	named := map[string]bool{}
	for _, page := range []string{"notifications.md", "slack-rbac.md", "getting-started.md"} {
		text, err := os.ReadFile("../../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("`([a-z_]+:(?:read|write|history))`").FindAllStringSubmatch(string(text), -1) {
			named[m[1]] = true
		}
	}
	for _, s := range manifest.Scopes(manifest.Features()) {
		delete(named, s.Name)
	}
	if len(named) > 0 {
		t.Errorf("the documentation names scopes that the manifest does not have: %v", named)
	}
}

// scopesTable returns the scopes, what they are for and the events that they bring.
func scopesTable() string {
	var b strings.Builder
	b.WriteString("| scope | feature | the operator | events |\n|---|---|---|---|\n")
	for _, s := range manifest.Scopes(manifest.Features()) {
		feature := "always"
		if s.Feature != "" {
			feature = "`" + string(s.Feature) + "`"
		}
		events := ""
		if len(s.Events) > 0 {
			events = "`" + strings.Join(s.Events, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, feature, s.Reason, events)
	}
	return b.String()
}
