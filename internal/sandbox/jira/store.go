// SPDX-License-Identifier: Apache-2.0

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

// maxFormerKeys is the maximum number of former keys by which an issue is found.
const maxFormerKeys = 100

// find returns an issue by ID, key or former key, or nil. It needs the lock.
func (s *Site) find(keyOrID string) *Issue {
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
func (s *Site) index(is *Issue) int {
	i, _ := slices.BinarySearchFunc(s.issues, is, bySerial)
	return i
}

// bySerial compares issues by ID.
func bySerial(a, b *Issue) int { return cmp.Compare(a.serial, b.serial) }

// insert stores a new issue under a new key and ID. It needs the lock.
func (s *Site) insert(is *Issue, by user) {
	s.lastID++
	is.serial = s.lastID
	is.ID = strconv.Itoa(is.serial)
	s.number(is)
	is.Created = s.now()
	is.Updated = is.Created
	s.past.add(is.Created, is.ID, nil)
	s.issues = append(s.issues, is)
	s.byKey[is.Key] = is
	s.byID[is.ID] = is
	s.bytes += is.size()
	s.trim(is)
	s.announceCreated(is, by)
}

// number assigns an issue the next key of its project. It needs the lock.
func (s *Site) number(is *Issue) {
	s.numbers[is.Project]++
	is.number = s.numbers[is.Project]
	is.Key = fmt.Sprintf("%s-%d", is.Project, is.number)
}

// trim removes the oldest issues if the site is full, but never the one just written. It needs the lock.
func (s *Site) trim(written *Issue) {
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
func (s *Site) drop(is *Issue) {
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
	s.bytes -= is.size()
}

// change replaces an issue by an edited copy, so that readers of the old one are not affected. If edit refuses,
// nothing changes. event is the webhook's name for the change; an empty one is not announced. It needs the lock.
func (s *Site) change(old *Issue, by user, event string, edit func(*Issue) *problem) *problem {
	is := *old
	if p := edit(&is); p != nil {
		return p
	}
	now := s.now()
	is.Updated = now
	if !now.After(old.Updated) { // changes within a millisecond differ too
		is.Updated = old.Updated.Add(time.Millisecond)
	}
	s.past.add(now, old.ID, old)
	if is.Key != old.Key {
		s.addFormerKey(old, &is)
	}
	s.bytes += is.size() - old.size()
	s.issues[s.index(old)] = &is
	s.byKey[is.Key] = &is
	s.byID[is.ID] = &is
	s.trim(&is)
	s.announceChanged(old, &is, by, event)
	return nil
}

// addFormerKey makes an issue available by its former key. It needs the lock.
func (s *Site) addFormerKey(old, is *Issue) {
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

// size returns the approximate size of an issue in memory.
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
	for _, a := range is.Attachments {
		n += 256 + len(a.Filename) + len(a.ContentType)
	}
	for _, l := range is.RemoteLinks {
		n += 256 + len(l.GlobalID) + len(l.URL) + len(l.Title)
	}
	return n
}
