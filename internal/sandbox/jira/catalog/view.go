// SPDX-License-Identifier: Apache-2.0

package catalog

import "strings"

// object is an object of JSON.
type object = map[string]any

// View returns an object of a kind as the REST API at an address shows it.
func (n Object) View(base, kind string) map[string]any {
	return object{"self": base + "/rest/api/2/" + kind + "/" + n.ID, "id": n.ID, "name": n.Name}
}

// TypeView returns an issue type as the REST API shows it.
func (n Object) TypeView(base string) map[string]any {
	v := n.View(base, "issuetype")
	v["description"] = ""
	v["subtask"] = false
	return v
}

// Views returns objects of a kind as the REST API shows them.
func Views(base, kind string, list []Object) []map[string]any {
	all := make([]object, 0, len(list))
	for _, n := range list {
		all = append(all, n.View(base, kind))
	}
	return all
}

// View returns a status as the REST API shows it.
func (st Status) View(base string) map[string]any {
	v := Object{ID: st.ID, Name: st.Name}.View(base, "status")
	v["description"] = ""
	v["statusCategory"] = object{"id": st.Category.ID, "key": st.Category.Key, "name": st.Category.Name, "colorName": st.Category.Colour}
	return v
}

// View returns a project as the REST API shows it.
func (p Project) View(base string) map[string]any {
	return object{"self": base + "/rest/api/2/project/" + p.ID, "id": p.ID, "key": p.Key, "name": p.Title, "projectTypeKey": "software"}
}

// View returns a field of the create screen for a project and an issue type as the REST API shows it.
func (f Field) View(base string, p Project, t Object) map[string]any {
	v := object{
		"fieldId": f.ID, "key": f.ID, "name": f.Name, "required": f.Required, "hasDefaultValue": f.ID == "priority" || f.ID == "reporter",
		"operations": f.Operations(), "schema": f.Schema(),
	}
	switch f.ID {
	case "project":
		v["allowedValues"] = []object{p.View(base)}
	case "issuetype":
		v["allowedValues"] = []object{t.TypeView(base)}
	default:
		if f.Options != nil {
			v["allowedValues"] = f.optionViews(base)
		}
	}
	if f.ID == "priority" {
		n, _ := Find(Priorities, "", DefaultPriority)
		v["defaultValue"] = n.View(base, "priority")
	}
	return v
}

// optionViews returns the options of a field as the REST API shows them.
func (f Field) optionViews(base string) []map[string]any {
	kind := f.ID
	if strings.HasPrefix(f.ID, "customfield_") {
		kind = "customFieldOption"
	}
	all := Views(base, kind, f.Options)
	if f.Kind == "option" {
		for _, v := range all {
			v["value"] = v["name"]
			delete(v, "name")
		}
	}
	return all
}
