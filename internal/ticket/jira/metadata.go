// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// metadataWithForm returns the metadata. If there are fields to fill in, it includes the form.
func (t *tracker) metadataWithForm(ctx context.Context) (*metadata, error) {
	meta := t.metadata.Load()
	if meta.form != nil || len(t.config.Fields) == 0 {
		return meta, nil
	}
	if _, err := t.deployment(ctx); err != nil {
		return nil, err
	}
	return t.readMetadata(ctx, t.metadata.Load().server, nil)
}

// readMetadata reads how to fill in tickets, and stores it. Old servers do not describe the create screen, and others
// refuse to. Then the issue type is one of types, those of the project, or it is used by name.
func (t *tracker) readMetadata(ctx context.Context, s server, types []issueType) (*metadata, error) {
	id, screen, err := t.createScreen(ctx)
	meta := &metadata{server: s, issueTypeID: id}
	switch {
	case err == nil:
		meta.form = newForm(t.config, id, screen)
	case isUndescribed(fault.From(err)):
		meta.form = unknownForm(t.config, fault.From(err))
		if id == "" && len(types) > 0 {
			if meta.issueTypeID, err = pickType(t.config, types); err != nil {
				return nil, err
			}
		}
	default:
		return nil, err
	}
	t.metadata.Store(meta)
	return meta, nil
}

// isUndescribed reports whether f is Jira's refusal to describe the create screen, or a description that is too long. A
// fault without a code is createScreen's own. If the credentials were wrong, other calls are refused as well: a 401 of
// this one means that the token lacks a scope.
func isUndescribed(f *fault.Fault) bool {
	return f.Code != "" && (f.Kind == fault.NotFound || f.Kind == fault.Unauthorized) || transport.IsTooLong(f)
}

// issueType is an issue type of a project.
type issueType struct {
	ID, Name         string
	UntranslatedName string
	Subtask          bool
}

// pickType returns the ID of the configured issue type. Its name may be in another case, or the one that Jira does not
// translate: an issue type Bug is called Fehler for a German account.
func pickType(c ticket.Config, types []issueType) (id string, err error) {
	wanted := strings.TrimSpace(c.IssueType)
	var names []string
	for _, it := range types {
		if !it.Subtask {
			names = append(names, it.Name)
		}
	}
	oneOf := fmt.Sprintf("Set spec.issueType to one of: %s.", text.Truncate(strings.Join(names, ", "), 300))
	for _, matches := range []func(issueType) bool{
		func(it issueType) bool { return it.Name == wanted },
		func(it issueType) bool { return strings.EqualFold(it.Name, wanted) },
		func(it issueType) bool { return wanted != "" && strings.EqualFold(it.UntranslatedName, wanted) },
	} {
		i := slices.IndexFunc(types, matches)
		switch {
		case i < 0:
			continue
		case types[i].Subtask:
			return "", &fault.Fault{Kind: fault.Invalid, Scope: fault.Connection, Field: "issuetype", Message: fmt.Sprintf(
				"A sub-task type such as %q cannot be used: tickets have no parent. %s", types[i].Name, oneOf)}
		case types[i].ID == "":
			return "", incomplete("the ID of the issue type")
		}
		return types[i].ID, nil
	}
	return "", &fault.Fault{Kind: fault.NotFound, Scope: fault.Connection, Field: "issuetype", Message: fmt.Sprintf(
		"Project %s has no issue type %q that the account may create. %s", c.Project, c.IssueType, oneOf)}
}

// createScreen returns the ID of the configured issue type, and the fields of its create screen.
func (t *tracker) createScreen(ctx context.Context) (issueTypeID string, screen []screenField, err error) {
	path := "rest/api/2/issue/createmeta/" + url.PathEscape(t.config.Project) + "/issuetypes"
	types, err := paged[issueType](ctx, t, path)
	if err != nil {
		return "", nil, err
	}
	id, err := pickType(t.config, types)
	if err != nil {
		return "", nil, err
	}
	screen, err = paged[screenField](ctx, t, path+"/"+url.PathEscape(id))
	return id, screen, err
}

// paged reads a list of the createmeta resources. Cloud names it after its elements, Data Center names it values.
func paged[T any](ctx context.Context, t *tracker, path string) ([]T, error) {
	var all []T
	size := pageSize
	for range maxPages {
		var got struct {
			IssueTypes, Fields, Values *[]T
			Total                      *int
			IsLast                     bool
		}
		err := t.get(ctx, fmt.Sprintf("%s?startAt=%d&maxResults=%d", path, len(all), size), &got)
		if transport.IsTooLong(err) && size > minPageSize { // lists of allowed values may be long
			size /= 10
			continue
		}
		if err != nil {
			return nil, err
		}
		var part *[]T
		for _, p := range []*[]T{got.IssueTypes, got.Fields, got.Values} {
			if p != nil {
				part = p
			}
		}
		if part == nil {
			return nil, incomplete("the issue types or their fields")
		}
		if all = append(all, *part...); len(all) > maxPages*pageSize {
			break
		}
		if len(*part) == 0 || got.IsLast || got.Total != nil && len(all) >= *got.Total {
			return all, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "Project %s has more than %d issue types or fields, the most that are read",
		t.config.Project, len(all))
}
