// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestPrintManifest(t *testing.T) {
	const url = "--url=https://edge.example.com"
	for arguments, want := range map[string]struct {
		code      int
		out, errs string
	}{
		url:                          {0, "request_url: https://edge.example.com/api/v1/webhooks/slack/events\n", ""},
		url + " --output=json":       {0, `"request_url": "https://edge.example.com/api/v1/webhooks/slack/events"`, ""},
		"--mode=socket":              {0, "socket_mode_enabled: true\n", ""},
		url + " --features=mentions": {0, "- app_mentions:read\n", ""},
		url + " --features=":         {0, "- chat:write\n", ""},
		url + " --name=Tests":        {0, "display_name: Tests\n", ""},
		"":                           {2, "", "--url is missing"},
		url + " --mode=push":         {2, "", `--mode "push": must be http or socket`},
		url + " --output=xml":        {2, "", `--output "xml": must be yaml or json`},
		url + " --features=all":      {2, "", "The features are private-channels, commands, mentions, user-groups, recordings"},
		url + " now":                 {2, "", `unexpected argument "now"`},
		url + " --token-rotation":    {2, "", "--token-rotation needs --dashboard-url"},
		url + " --token-rotation --dashboard-url=https://d.example.com": {0, "token_rotation_enabled: true\n", ""},
		"--unknown": {2, "", "-unknown"},
		"--help":    {0, "", "-features"},
	} {
		var out, errs bytes.Buffer
		code := printManifest(strings.Fields(arguments), &out, &errs)
		if code != want.code || !strings.Contains(out.String(), want.out) || !strings.Contains(errs.String(), want.errs) {
			t.Errorf("%s: exit code %d, %s%s", arguments, code, out.String(), errs.String())
		}
		if (out.Len() > 0) != (want.out != "") || (errs.Len() > 0) != (want.errs != "") {
			t.Errorf("%s: the output is %q and %q", arguments, out.String(), errs.String())
		}
	}
}
