// SPDX-License-Identifier: Apache-2.0

package inbound

import (
	"net/url"
	"reflect"
	"testing"
)

const blockActions = `{"type":"block_actions","user":{"id":"U1","username":"ann","team_id":"T2"},"api_app_id":"A1","token":"x",
"container":{"type":"message","message_ts":"1700000000.000100","channel_id":"C1","is_ephemeral":true,"thread_ts":"1700000000.000001"},
"trigger_id":"1.2.3","team":{"id":"T1","domain":"acme"},"enterprise":null,
"is_enterprise_install":false,"channel":{"id":"C1","name":"alerts"},
"message":{"type":"message","ts":"1700000000.000100","text":"Defect found","metadata":{"event_type":"x","event_payload":{}}},
"state":{"values":{}},"response_url":"https://hooks.slack.com/actions/T1/1/x",
"actions":[{"action_id":"voiceai_resolve","block_id":"b","text":{"type":"plain_text","text":"Resolve"},
"value":"{}","type":"button","action_ts":"1700000001.5"}]}`

const viewSubmission = `{"type":"view_submission","team":{"id":"T1","domain":"acme"},"user":{"id":"U1","team_id":"T1"},"api_app_id":"A1",
"trigger_id":"1.2.3","view":{"id":"V1","callback_id":"file_defect","private_metadata":"{}","state":{"values":{
"title":{"title":{"type":"plain_text_input","value":"It hangs"}},"empty":{"empty":{"type":"plain_text_input","value":null}},
"severity":{"severity":{"type":"static_select","selected_option":{"text":{"type":"plain_text",
"text":"High"},"value":"High"}}}}}},"response_urls":[]}`

func TestDecodeInteraction(t *testing.T) {
	got, err := DecodeInteraction([]byte(blockActions))
	want := Request{Origin: Origin{TeamID: "T1", AppID: "A1"}, Interaction: &Interaction{
		User: User{ID: "U1", TeamID: "T2"}, Type: BlockActions, TriggerID: "1.2.3", TeamDomain: "acme",
		ResponseURL: "https://hooks.slack.com/actions/T1/1/x",
		Message: Message{
			ChannelID: "C1", TS: "1700000000.000100", ThreadTS: "1700000000.000001", Text: "Defect found", IsEphemeral: true,
		},
		Actions: []Action{{ID: "voiceai_resolve", Value: "{}", TS: "1700000001.5"}}, View: View{Values: map[string]string{}},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got.Interaction, err, want.Interaction)
	}
	if id := got.ID(); id != "1700000000.000100/voiceai_resolve/1700000001.5/U1" {
		t.Errorf("its ID is %s", id)
	}
	got, err = DecodeInteraction([]byte(viewSubmission))
	values := map[string]string{"title": "It hangs", "empty": "", "severity": "High"}
	form := got.Interaction
	if err != nil || form.CallbackID != "file_defect" || got.ID() != "1.2.3" || !reflect.DeepEqual(form.View.Values, values) {
		t.Errorf("the form is %+v, %v", got.Interaction, err)
	}
}

func TestDecodeCommand(t *testing.T) {
	form := url.Values{"team_id": {"T1"}, "user_id": {"U1"}, "command": {"/voiceai"}, "text": {"run x"}, "api_app_id": {"A1"},
		"response_url": {"https://hooks.slack.com/commands/x"}, "trigger_id": {"1.2.3"}, "channel_id": {"C1"}}
	want := Request{Origin: Origin{TeamID: "T1", AppID: "A1"}, Command: &Command{
		User: User{ID: "U1", TeamID: "T1"}, ChannelID: "C1", Name: "/voiceai", Text: "run x",
		ResponseURL: "https://hooks.slack.com/commands/x", TriggerID: "1.2.3",
	}}
	if got, err := DecodeCommand(form); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got.Command, err)
	}
	const json = `{"team_id":"T1","user_id":"U1","command":"/voiceai","text":"run x","api_app_id":"A1","channel_id":"C1",
		"response_url":"https://hooks.slack.com/commands/x","trigger_id":"1.2.3","is_enterprise_install":false}`
	if got, err := DecodeCommandJSON([]byte(json)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got.Command, err)
	}
}

func TestDecodeEvent(t *testing.T) {
	callback := func(id, event string) string {
		return `{"type":"event_callback","team_id":"T1","api_app_id":"A1","event_id":"` + id + `","event":` + event + `}`
	}
	shared := func(source, installed, event string) string {
		return `{"type":"event_callback","team_id":"` + source + `","api_app_id":"A1","event_id":"Ev5","is_ext_shared_channel":true,` +
			`"authorizations":[{"enterprise_id":null,"team_id":"` + installed + `","user_id":"U0","is_bot":true}],"event":` + event + `}`
	}
	anyone := User{TeamID: "T1"}
	for raw, want := range map[string]Event{
		`{"type":"url_verification","challenge":"c","token":"x"}`: {Type: URLVerification, Challenge: "c"},
		callback("Ev1", `{"type":"app_mention","user":"U1","text":"<@U0> help","ts":"1.1","thread_ts":"1.0","channel":"C1"}`): {
			ID: "Ev1", Type: AppMention, User: User{ID: "U1", TeamID: "T1"}, ChannelID: "C1", Text: "<@U0> help", TS: "1.1", ThreadTS: "1.0"},
		callback("Ev2", `{"type":"channel_rename","channel":{"id":"C1","name":"new","created":1}}`): {
			ID: "Ev2", Type: ChannelRename, User: anyone, ChannelID: "C1", ChannelName: "new"},
		callback("Ev3", `{"type":"app_uninstalled"}`): {ID: "Ev3", Type: AppUninstalled, User: anyone},
		callback("Ev4", `{"type":"subteam_members_changed","subteam_id":"S1","added_users":["U1"]}`): {
			ID: "Ev4", Type: SubteamMembersChanged, User: anyone},
		// In a shared channel, the person may be of another workspace. Only members of the app's one have its group.
		shared("T2", "T1", `{"type":"app_mention","user":"W9","ts":"1.1","channel":"C1"}`): {
			ID: "Ev5", Type: AppMention, User: User{ID: "W9", TeamID: "T2"}, ChannelID: "C1", TS: "1.1"},
		shared("T2", "T1", `{"type":"app_mention","user":"W9","team":"T1","ts":"1.1","channel":"C1"}`): {
			ID: "Ev5", Type: AppMention, User: User{ID: "W9", TeamID: "T1"}, ChannelID: "C1", TS: "1.1"},
		shared("T1", "T1", `{"type":"app_mention","user":"W9","team":"T2","ts":"1.1","channel":"C1"}`): {
			ID: "Ev5", Type: AppMention, User: User{ID: "W9", TeamID: "T2"}, ChannelID: "C1", TS: "1.1"},
		shared("T1", "T1", `{"type":"app_mention","user":"W9","team":"T1","user_team":"T2","ts":"1.1","channel":"C1"}`): {
			ID: "Ev5", Type: AppMention, User: User{ID: "W9", TeamID: "T2"}, ChannelID: "C1", TS: "1.1"},
	} {
		got, err := DecodeEvent([]byte(raw))
		if err == nil && got.Event.Type != URLVerification && got.TeamID != "T1" {
			t.Errorf("%s\nis for the workspace %s", raw, got.TeamID)
		}
		if err != nil || !reflect.DeepEqual(*got.Event, want) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", raw, got.Event, err, want)
		}
	}
}

func TestRefusesWhatSlackDoesNotSend(t *testing.T) {
	for _, raw := range []string{"", "{}", "[]", "null", `{"type":"block_actions"}`, `{"type":"event_callback"}`, `{"type":7}`} {
		if _, err := DecodeInteraction([]byte(raw)); err == nil {
			t.Errorf("%q is an interaction", raw)
		}
		if _, err := DecodeEvent([]byte(raw)); err == nil {
			t.Errorf("%q is an event", raw)
		}
		if _, err := DecodeCommandJSON([]byte(raw)); err == nil {
			t.Errorf("%q is a command", raw)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(blockActions))
	f.Add([]byte(viewSubmission))
	f.Add([]byte(`{"type":"event_callback","team_id":"T1","event":{"type":"app_mention","channel":7}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, decode := range []func([]byte) (Request, error){DecodeInteraction, DecodeEvent, DecodeCommandJSON} {
			r, err := decode(raw)
			if err == nil && r.TeamID == "" && (r.Event == nil || r.Event.Type != URLVerification) {
				t.Errorf("%q has no workspace", raw)
			}
			_ = r.ID()
		}
	})
}
