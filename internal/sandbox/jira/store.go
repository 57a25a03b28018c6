package jira

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxFormerKeys is how many keys that it had before an issue goes on answering to.
const maxFormerKeys = 100

// find needs the lock. An issue that moved to another project is found by its former keys too.
func (s *Site) find(keyOrID string) *Issue {
	key := strings.ToUpper(keyOrID)
	if is := s.byKey[key]; is != nil {
		return is
	}
	if id, moved := s.formerly[key]; moved {
		return s.byID[id]
	}
	return s.byID[keyOrID]
}

// index is where an issue is in the list, which is in the order of the IDs. It needs the lock.
func (s *Site) index(is *Issue) int {
	i, _ := slices.BinarySearchFunc(s.issues, is, bySerial)
	return i
}

func bySerial(a, b *Issue) int { return cmp.Compare(a.serial, b.serial) }

// insert gives a new issue its key and ID and stores it. It needs the lock.
func (s *Site) insert(is *Issue, by user) {
	s.lastID++
	is.serial = s.lastID
	is.ID = strconv.Itoa(is.serial)
	s.number(is)
	is.Created = s.now()
	is.Updated = is.Created
	s.past.add(is.Created, is.ID, nil)
	s.issues = append(s.issues, is)
	s.byKey[is.Key], s.byID[is.ID] = is, is
	s.bytes += is.size()
	s.makeRoom(is)
	s.tellCreated(is, by)
}

// number gives an issue the next key of its project. It needs the lock.
func (s *Site) number(is *Issue) {
	s.numbers[is.Project]++
	is.number = s.numbers[is.Project]
	is.Key = fmt.Sprintf("%s-%d", is.Project, is.number)
}

// makeRoom lets the oldest issues go when the site is full, but never the one that was just written. It needs the lock.
func (s *Site) makeRoom(written *Issue) {
	for len(s.issues) > maxIssues || s.bytes > maxIssueBytes {
		oldest := s.issues[0]
		if oldest == written && len(s.issues) == 1 {
			return
		} else if oldest == written {
			oldest = s.issues[1]
		}
		s.drop(oldest)
	}
}

// drop forgets an issue. It needs the lock.
func (s *Site) drop(is *Issue) {
	i := s.index(is)
	if i == 0 {
		s.issues = s.issues[1:] // cheap: this is how a full site makes room
	} else {
		s.issues = slices.Delete(slices.Clone(s.issues), i, i+1)
	}
	delete(s.byKey, is.Key)
	delete(s.byID, is.ID)
	for _, key := range is.FormerKeys {
		delete(s.formerly, key)
	}
	s.bytes -= is.size()
}

// change replaces an issue by what edit makes of a copy, so that whoever reads the old one is not disturbed. When edit refuses, nothing
// changes. Event is what Jira's webhooks call it, empty for what they do not tell. It needs the lock.
func (s *Site) change(old *Issue, by user, event string, edit func(*Issue) *problem) *problem {
	is := *old
	if p := edit(&is); p != nil {
		return p
	}
	now := s.now()
	// Two changes in one millisecond can be told apart.
	if is.Updated = now; !now.After(old.Updated) {
		is.Updated = old.Updated.Add(time.Millisecond)
	}
	s.past.add(now, old.ID, old)
	if is.Key != old.Key {
		s.renamed(old, &is)
	}
	s.bytes += is.size() - old.size()
	s.issues[s.index(old)] = &is
	s.byKey[is.Key], s.byID[is.ID] = &is, &is
	s.makeRoom(&is)
	s.tellChanged(old, &is, by, event)
	return nil
}

// renamed lets an issue be found by the key that it had. It needs the lock.
func (s *Site) renamed(old, is *Issue) {
	is.FormerKeys = append(slices.Clip(old.FormerKeys), old.Key)
	if len(is.FormerKeys) > maxFormerKeys {
		delete(s.formerly, is.FormerKeys[0])
		is.FormerKeys = is.FormerKeys[1:]
	}
	delete(s.byKey, old.Key)
	s.formerly[old.Key] = is.ID
}

// now has the precision that Jira shows.
func (s *Site) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }

func (is *Issue) size() int {
	n := 1024 + len(is.Summary) + len(is.Description)
	for _, list := range [][]string{is.Labels, is.FormerKeys} {
		for _, l := range list {
			n += 16 + len(l)
		}
	}
	for _, fields := range []map[string]json.RawMessage{is.Fields, is.Properties} {
		for k, v := range fields {
			n += len(k) + len(v)
		}
	}
	for _, c := range is.Comments {
		n += 256 + len(c.Body)
	}
	for _, l := range is.RemoteLinks {
		n += 256 + len(l.GlobalID) + len(l.URL) + len(l.Title)
	}
	return n
}
