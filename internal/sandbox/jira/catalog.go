// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"slices"
	"strconv"
	"strings"
)

// named is an object with an ID and a name, such as an issue type or a priority.
type named struct {
	ID, Name string
}

// match returns an object by ID or, ignoring case, by name.
func match(list []named, id, name string) (named, bool) {
	i := slices.IndexFunc(list, func(n named) bool {
		return id != "" && n.ID == id || id == "" && strings.EqualFold(n.Name, name)
	})
	if i < 0 {
		return named{}, false
	}
	return list[i], true
}

// The objects of a site.
var (
	issueTypes  = []named{{"10001", "Story"}, {"10002", "Task"}, {"10004", "Bug"}}
	priorities  = []named{{"1", "Highest"}, {"2", "High"}, {"3", "Medium"}, {"4", "Low"}, {"5", "Lowest"}}
	resolutions = []named{{"10000", "Done"}, {"10001", "Won't Do"}, {"10002", "Duplicate"}, {"10003", "Cannot Reproduce"}}
	components  = []named{{"10100", "Telephony"}, {"10101", "Dialogue"}, {"10102", "Speech"}}
	teams       = []named{{"10200", "Voice"}, {"10201", "Platform"}}
)

const defaultPriority = "Medium"

// project is a project.
type project struct {
	ID, Key, Title string
	// NoPriority reports that the project's screens have no priority.
	NoPriority bool
}

var projects = []project{
	{ID: "10000", Key: VoiceProject, Title: "Voice AI"},
	{ID: "10001", Key: OpsProject, Title: "Operations", NoPriority: true},
}

// findProject returns a project by ID or key.
func findProject(idOrKey string) (project, bool) {
	i := slices.IndexFunc(projects, func(p project) bool { return p.ID == idOrKey || p.Key == strings.ToUpper(idOrKey) })
	if i < 0 {
		return project{}, false
	}
	return projects[i], true
}

// status is a status, which is a column of the board, with the ID of the transition that leads to it.
type status struct {
	ID, Name, Transition string
	category             category
}

// category is the category of a status.
type category struct {
	ID                int
	Key, Name, Colour string
}

// matches reports whether a value in JQL refers to the category.
func (c category) matches(value string) bool {
	return strings.EqualFold(value, c.Key) || strings.EqualFold(value, c.Name) || value == strconv.Itoa(c.ID)
}

var statuses = []status{
	{"10000", "To Do", "11", category{2, "new", "To Do", "blue-gray"}},
	{"3", "In Progress", "21", category{4, "indeterminate", "In Progress", "yellow"}},
	{"10001", "Done", "31", category{3, "done", "Done", "green"}},
}

// findStatus returns a status by name.
func findStatus(name string) (status, bool) {
	i := slices.IndexFunc(statuses, func(s status) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		return status{}, false
	}
	return statuses[i], true
}

// Projects returns the keys of the projects.
func Projects() []string {
	var keys []string
	for _, p := range projects {
		keys = append(keys, p.Key)
	}
	return keys
}

// Columns returns the names of the statuses in the order of the board.
func Columns() []string {
	var names []string
	for _, s := range statuses {
		names = append(names, s.Name)
	}
	return names
}

// user is a user. Cloud identifies users by accountId, Data Center by name.
type user struct {
	AccountID, Name, Email, Display string
}

// The names of a site's users. BotToken and BearerToken belong to Bot.
const (
	Bot    = "bot"
	Tester = "tester"
	OnCall = "oncall"
)

var users = []user{
	{"712020:00000000-0000-4000-8000-000000000001", Bot, BotUser, "Voice AI Bot"},
	{"712020:00000000-0000-4000-8000-000000000002", Tester, "tester@example.com", "Test Engineer"},
	{"712020:00000000-0000-4000-8000-000000000003", OnCall, "oncall@example.com", "On Call"},
}

// findUser returns a user by account ID or name.
func findUser(accountID, name string) (user, bool) {
	i := slices.IndexFunc(users, func(u user) bool {
		return accountID != "" && u.AccountID == accountID || name != "" && u.Name == name
	})
	if i < 0 {
		return user{}, false
	}
	return users[i], true
}
