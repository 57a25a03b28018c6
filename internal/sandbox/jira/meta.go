// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"net/http"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
)

// serverInfo implements GET /serverInfo.
func (s *Site) serverInfo(r *request) (int, any, *problem) {
	info := object{
		"baseUrl": r.base, "version": "1001.0.0-SNAPSHOT", "versionNumbers": []int{1001, 0, 0}, "deploymentType": "Cloud",
		"buildNumber": 100290, "serverTime": s.now().Format(timeLayout), "serverTitle": "Jira Sandbox",
	}
	if s.mode == DataCenter {
		info["version"] = "10.3.0"
		info["versionNumbers"] = []int{10, 3, 0}
		info["deploymentType"] = "Server"
		info["buildNumber"] = 10030000
	}
	return http.StatusOK, info, nil
}

// myself implements GET /myself.
func (s *Site) myself(r *request) (int, any, *problem) {
	me := s.userView(r.base, r.user)
	me["locale"] = "en_US"
	return http.StatusOK, me, nil
}

// userView returns a user as the REST API shows it.
func (s *Site) userView(base string, u catalog.User) object {
	v := object{"displayName": u.Display, "emailAddress": u.Email, "active": true, "timeZone": "Etc/UTC"}
	if s.mode == Cloud {
		v["self"] = base + "/rest/api/2/user?accountId=" + u.AccountID
		v["accountId"] = u.AccountID
		v["accountType"] = "atlassian"
	} else {
		v["self"] = base + "/rest/api/2/user?username=" + u.Name
		v["name"] = u.Name
		v["key"] = "JIRAUSER-" + u.Name
	}
	return v
}

// priorities implements GET /priority.
func (s *Site) priorities(r *request) (int, any, *problem) {
	return http.StatusOK, catalog.Views(r.base, "priority", catalog.Priorities), nil
}

// project implements GET /project/{project}.
func (s *Site) project(r *request) (int, any, *problem) {
	p, found := catalog.FindProject(r.PathValue("project"))
	if !found {
		return 0, nil, refuse(http.StatusNotFound, "No project could be found with key '%s'.", r.PathValue("project"))
	}
	v := p.View(r.base)
	types := []object{}
	for _, t := range catalog.IssueTypes {
		types = append(types, t.TypeView(r.base))
	}
	v["issueTypes"] = types
	v["lead"] = s.userView(r.base, catalog.Users[1])
	return http.StatusOK, v, nil
}

// createTypes implements GET /issue/createmeta/{project}/issuetypes.
func (s *Site) createTypes(r *request) (int, any, *problem) {
	if _, found := catalog.FindProject(r.PathValue("project")); !found {
		return 0, nil, refuse(http.StatusNotFound, "No project could be found with key '%s'.", r.PathValue("project"))
	}
	var all []object
	for _, t := range catalog.IssueTypes {
		all = append(all, t.TypeView(r.base))
	}
	return http.StatusOK, s.page(r, "issueTypes", all), nil
}

// createFields implements GET /issue/createmeta/{project}/issuetypes/{type}.
func (s *Site) createFields(r *request) (int, any, *problem) {
	p, found := catalog.FindProject(r.PathValue("project"))
	if !found {
		return 0, nil, refuse(http.StatusNotFound, "No project could be found with key '%s'.", r.PathValue("project"))
	}
	t, found := catalog.Find(catalog.IssueTypes, r.PathValue("type"), "")
	if !found {
		return 0, nil, refuse(http.StatusNotFound, "The issue type selected is invalid.")
	}
	var all []object
	for _, f := range catalog.Screen(p) {
		all = append(all, f.View(r.base, p, t))
	}
	return http.StatusOK, s.page(r, "fields", all), nil
}

// maxMetaPage is the maximum size of a page of the createmeta resources.
const maxMetaPage = 200

// page returns a page of a list as the createmeta resources do: under the given name on Cloud, under "values" on Data
// Center.
func (s *Site) page(r *request, name string, all []object) object {
	start := r.number("startAt", 0, len(all))
	size := r.number("maxResults", 50, maxMetaPage)
	end := min(start+size, len(all))
	v := object{"startAt": start, "maxResults": size, "total": len(all)}
	if s.mode == DataCenter {
		name = "values"
		v["isLast"] = end == len(all)
	}
	v[name] = all[start:end]
	return v
}
