// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"testing"
)

func TestSpec(t *testing.T) {
	for name, c := range map[string]struct {
		spec, path string
		value      any
		want       string
	}{
		"new":                      {`{}`, "issueType", "Bug", `{"issueType":"Bug"}`},
		"new, nested":              {`{}`, "autoCreate.enabled", true, `{"autoCreate":{"enabled":true}}`},
		"replaced":                 {`{"a":{"b":1,"c":2}}`, "a.b", 3, `{"a":{"b":3,"c":2}}`},
		"removed":                  {`{"a":{"b":1,"c":2}}`, "a.b", nil, `{"a":{"c":2}}`},
		"removed with its parents": {`{"a":{"b":{"c":1}},"d":2}`, "a.b.c", nil, `{"d":2}`},
		"removed, but not there":   {`{"d":2}`, "a.b", nil, `{"d":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			var spec Spec
			if err := json.Unmarshal([]byte(c.spec), &spec); err != nil {
				t.Fatal(err)
			}
			spec.Set(c.path, c.value)
			got, err := json.Marshal(spec)
			if err != nil || string(got) != c.want {
				t.Errorf("got %s %v, want %s", got, err, c.want)
			}
			if got := spec.Get(c.path); got != c.value {
				t.Errorf("Get returns %v, want %v", got, c.value)
			}
		})
	}
}
