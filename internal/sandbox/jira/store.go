// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/catalog"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira/issue"
)

// maxFormerKeys is the maximum number of former keys by which an issue is found.
const maxFormerKeys = 100

// find returns an issue by ID, key or former key, or nil. It needs the lock.
func (s *Site) find(keyOrID string) *issue.Issue {
	key := strings.ToUpper(keyOrID)
	if is := s.byKey[key]; is != nil {
		return is
	}
	if id, ok := s.formerly[key]; ok {
		return s.byID[id]
	}
	return s.byID[keyOrID]
}

// index returns the index of an issue in the list, which is sorted by ID. It needs the lock.
func (s *Site) index(is *issue.Issue) int {
	i, _ := slices.BinarySearchFunc(s.issues, is, issue.BySerial)
	return i
}

// insert stores a new issue under a new key and ID. It needs the lock.
func (s *Site) insert(is *issue.Issue, by catalog.User) {
	s.lastID++
	is.Serial = s.lastID
	is.ID = strconv.Itoa(is.Serial)
	s.number(is)
	is.Created = s.now()
	is.Updated = is.Created
	s.past.Add(is.Created, is.ID, nil)
	s.issues = append(s.issues, is)
	s.byKey[is.Key] = is
	s.byID[is.ID] = is
	s.bytes += is.Size()
	s.trim(is)
	s.announceCreated(is, by)
}

// number assigns an issue the next key of its project. It needs the lock.
func (s *Site) number(is *issue.Issue) {
	s.numbers[is.Project]++
	is.Number = s.numbers[is.Project]
	is.Key = fmt.Sprintf("%s-%d", is.Project, is.Number)
}

// trim removes the oldest issues if the site is full, but never the one just written. It needs the lock.
func (s *Site) trim(written *issue.Issue) {
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

// drop removes an issue. It needs the lock.
func (s *Site) drop(is *issue.Issue) {
	i := s.index(is)
	if i == 0 {
		s.issues = s.issues[1:] // the cheap case, when the site is full
	} else {
		s.issues = slices.Delete(slices.Clone(s.issues), i, i+1)
	}
	delete(s.byKey, is.Key)
	delete(s.byID, is.ID)
	for _, key := range is.FormerKeys {
		delete(s.formerly, key)
	}
	s.bytes -= is.Size()
}

// change replaces an issue by an edited copy, so that readers of the old one are not affected. If edit refuses,
// nothing changes. event is the webhook's name for the change; an empty one is not announced. It needs the lock.
func (s *Site) change(old *issue.Issue, by catalog.User, event string, edit func(*issue.Issue) *problem) *problem {
	is := *old
	if p := edit(&is); p != nil {
		return p
	}
	now := s.now()
	is.Updated = now
	if !now.After(old.Updated) { // changes within a millisecond differ too
		is.Updated = old.Updated.Add(time.Millisecond)
	}
	s.past.Add(now, old.ID, old)
	if is.Key != old.Key {
		s.addFormerKey(old, &is)
	}
	s.bytes += is.Size() - old.Size()
	s.issues[s.index(old)] = &is
	s.byKey[is.Key] = &is
	s.byID[is.ID] = &is
	s.trim(&is)
	s.announceChanged(old, &is, by, event)
	return nil
}

// addFormerKey makes an issue available by its former key. It needs the lock.
func (s *Site) addFormerKey(old, is *issue.Issue) {
	is.FormerKeys = append(slices.Clip(old.FormerKeys), old.Key)
	if len(is.FormerKeys) > maxFormerKeys {
		delete(s.formerly, is.FormerKeys[0])
		is.FormerKeys = is.FormerKeys[1:]
	}
	delete(s.byKey, old.Key)
	s.formerly[old.Key] = is.ID
}

// now returns the time in milliseconds, Jira's precision.
func (s *Site) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }
