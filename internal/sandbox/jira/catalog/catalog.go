// SPDX-License-Identifier: Apache-2.0

// Package catalog lists what is the same in each of the sandbox's Jira sites: projects, statuses, users and fields.
package catalog

import (
	"slices"
	"strconv"
	"strings"
)

// Object is an object with an ID and a name, such as an issue type or a priority.
type Object struct {
	ID, Name string
}

// Find returns an object by ID or, ignoring case, by name.
func Find(list []Object, id, name string) (Object, bool) {
	i := slices.IndexFunc(list, func(n Object) bool {
		return id != "" && n.ID == id || id == "" && strings.EqualFold(n.Name, name)
	})
	if i < 0 {
		return Object{}, false
	}
	return list[i], true
}

// The objects of a site.
var (
	IssueTypes  = []Object{{"10001", "Story"}, {"10002", "Task"}, {"10004", "Bug"}}
	Priorities  = []Object{{"1", "Highest"}, {"2", "High"}, {"3", "Medium"}, {"4", "Low"}, {"5", "Lowest"}}
	Resolutions = []Object{{"10000", "Done"}, {"10001", "Won't Do"}, {"10002", "Duplicate"}, {"10003", "Cannot Reproduce"}}
	components  = []Object{{"10100", "Telephony"}, {"10101", "Dialogue"}, {"10102", "Speech"}}
	teams       = []Object{{"10200", "Voice"}, {"10201", "Platform"}}
)

// DefaultPriority is the priority of an issue that is created without one.
const DefaultPriority = "Medium"

// The keys of the projects.
const (
	VoiceKey = "VOICE"
	OpsKey   = "OPS"
)

// Project is a project.
type Project struct {
	ID, Key, Title string
	// NoPriority reports that the project's screens have no priority.
	NoPriority bool
}

var projects = []Project{
	{ID: "10000", Key: VoiceKey, Title: "Voice AI"},
	{ID: "10001", Key: OpsKey, Title: "Operations", NoPriority: true},
}

// FindProject returns a project by ID or key.
func FindProject(idOrKey string) (Project, bool) {
	i := slices.IndexFunc(projects, func(p Project) bool { return p.ID == idOrKey || p.Key == strings.ToUpper(idOrKey) })
	if i < 0 {
		return Project{}, false
	}
	return projects[i], true
}

// Status is a status, which is a column of the board, with the ID of the transition that leads to it.
type Status struct {
	ID, Name, Transition string
	Category             category
}

// category is the category of a status.
type category struct {
	ID                int
	Key, Name, Colour string
}

// Matches reports whether a value in JQL refers to the category.
func (c category) Matches(value string) bool {
	return strings.EqualFold(value, c.Key) || strings.EqualFold(value, c.Name) || value == strconv.Itoa(c.ID)
}

// Statuses are the statuses in the order of the board.
var Statuses = []Status{
	{"10000", "To Do", "11", category{2, "new", "To Do", "blue-gray"}},
	{"3", "In Progress", "21", category{4, "indeterminate", "In Progress", "yellow"}},
	{"10001", "Done", "31", category{3, "done", "Done", "green"}},
}

// FindStatus returns a status by name.
func FindStatus(name string) (Status, bool) {
	i := slices.IndexFunc(Statuses, func(s Status) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		return Status{}, false
	}
	return Statuses[i], true
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
	for _, s := range Statuses {
		names = append(names, s.Name)
	}
	return names
}

// User is a user. Cloud identifies users by accountId, Data Center by name.
type User struct {
	AccountID, Name, Email, Display string
}

// The names of a site's users, and the address of the bot.
const (
	Bot    = "bot"
	Tester = "tester"
	OnCall = "oncall"

	BotEmail = "bot@example.com"
)

// Users are the users of a site.
var Users = []User{
	{"712020:00000000-0000-4000-8000-000000000001", Bot, BotEmail, "Voice AI Bot"},
	{"712020:00000000-0000-4000-8000-000000000002", Tester, "tester@example.com", "Test Engineer"},
	{"712020:00000000-0000-4000-8000-000000000003", OnCall, "oncall@example.com", "On Call"},
}

// FindUser returns a user by account ID or name.
func FindUser(accountID, name string) (User, bool) {
	i := slices.IndexFunc(Users, func(u User) bool {
		return accountID != "" && u.AccountID == accountID || name != "" && u.Name == name
	})
	if i < 0 {
		return User{}, false
	}
	return Users[i], true
}
