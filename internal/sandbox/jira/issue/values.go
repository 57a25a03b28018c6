// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
)

// Units returns the number of UTF-16 units of a text, in which Jira counts.
func Units(text string) int { return len(utf16.Encode([]rune(text))) }

// readSummary reads a summary. It returns the value or an error message, as the functions below do.
func readSummary(raw json.RawMessage) (value, message string) {
	var text *string
	switch {
	case json.Unmarshal(raw, &text) != nil:
		return "", notAString
	case text == nil || strings.TrimSpace(*text) == "":
		return "", "You must specify a summary of the issue."
	case strings.ContainsAny(*text, "\r\n"):
		return "", "The summary is invalid because it contains newline characters."
	case Units(*text) > maxSummary:
		return "", "Summary must be less than 255 characters."
	}
	return *text, ""
}

// readText reads a text.
func readText(raw json.RawMessage) (value, message string) {
	var text *string
	switch {
	case json.Unmarshal(raw, &text) != nil:
		return "", notAString
	case text == nil:
		return "", ""
	case Units(*text) > MaxText:
		return "", TooLong
	}
	return *text, ""
}

// readLabels reads a list of labels.
func readLabels(raw json.RawMessage) (value []string, message string) {
	var labels []string
	if json.Unmarshal(raw, &labels) != nil {
		return nil, "data was not an array"
	}
	var kept []string
	for _, l := range labels {
		if message := checkLabel(l); message != "" {
			return nil, message
		}
		if !slices.Contains(kept, l) {
			kept = append(kept, l)
		}
	}
	slices.Sort(kept)
	return kept, ""
}

// checkLabel returns the error message for a label, or "".
func checkLabel(l string) string {
	switch {
	case l == "":
		return "The label '' is empty which is invalid."
	case strings.IndexFunc(l, unicode.IsSpace) >= 0:
		return fmt.Sprintf("The label '%s' contains spaces which is invalid.", l)
	case Units(l) > maxLabel:
		return fmt.Sprintf("The label '%s' exceeds the maximum length for a single label of 255 characters.", l)
	}
	return ""
}

// ReadNamed reads a reference by ID or name. missing is the error message for null. If it is empty, null is allowed.
func ReadNamed(raw json.RawMessage, list []catalog.Object, missing, invalid string) (value, message string) {
	var ref *struct{ ID, Name string }
	switch err := json.Unmarshal(raw, &ref); {
	case err != nil:
		return "", invalid
	case ref == nil:
		return "", missing
	}
	n, found := catalog.Find(list, ref.ID, ref.Name)
	if !found {
		return "", invalid
	}
	return n.Name, ""
}

// checkOther returns the error message for a field that is stored as JSON, or "".
func checkOther(f catalog.Field, raw json.RawMessage) string {
	if string(raw) == "null" {
		return ""
	}
	switch f.Kind {
	case "string":
		text, message := readText(raw)
		if message == "" && f.ID != "environment" && Units(text) > 255 {
			return "The entered text is too long. It exceeds the allowed limit of 255 characters."
		}
		return message
	case "number":
		var n float64
		if json.Unmarshal(raw, &n) != nil {
			return "Operation value must be a number"
		}
	case "date":
		var day string
		if json.Unmarshal(raw, &day) != nil {
			return notAString
		}
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return fmt.Sprintf("Error parsing date string: %s", day)
		}
	case "option":
		var ref struct{ ID, Value string }
		if json.Unmarshal(raw, &ref) != nil {
			return "Specify a valid 'id' or 'name' for " + f.Name
		}
		if _, found := catalog.Find(f.Options, ref.ID, ref.Value); !found {
			return fmt.Sprintf("Option value '%s' is not valid", ref.Value+ref.ID)
		}
	case "component":
		var refs []struct{ ID, Name string }
		if json.Unmarshal(raw, &refs) != nil {
			return "data was not an array"
		}
		for _, ref := range refs {
			if _, found := catalog.Find(f.Options, ref.ID, ref.Name); !found {
				return fmt.Sprintf("Component name '%s' is not valid", ref.Name+ref.ID)
			}
		}
	}
	return ""
}
