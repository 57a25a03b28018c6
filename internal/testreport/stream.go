// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
)

// members reads an object, and calls each with the name of each member, which reads its value.
func members(dec *json.Decoder, each func(member string) error) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		member, ok := t.(string)
		if !ok {
			return errNotJSON
		}
		if err := each(member); err != nil {
			return err
		}
	}
	return expect(dec, '}')
}

// elements reads a list, and calls each for each of its elements, which reads it.
func elements(dec *json.Decoder, each func() error) error {
	if err := expect(dec, '['); err != nil {
		return err
	}
	for dec.More() {
		if err := each(); err != nil {
			return err
		}
	}
	return expect(dec, ']')
}

func expect(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return errNotJSON
	}
	return nil
}

// skipValue skips a value without keeping it.
func skipValue(dec *json.Decoder) error {
	depth := 0
	for {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// jsonError says where a report stops being what it should be.
func jsonError(err error, dec *json.Decoder) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the report ends after %d bytes: it was cut off", dec.InputOffset())
	case errors.As(err, &syntax), errors.As(err, &wrong), errors.Is(err, errNotJSON):
		return fmt.Errorf("near byte %d: %w", dec.InputOffset(), err)
	}
	return err
}

// sorted returns the members of a map by name.
func sorted[V any](all map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(all)) {
			if !yield(k, all[k]) {
				return
			}
		}
	}
}

// sortedKeys returns the keys of a map in order, as they are now.
func sortedKeys[V any](all map[[2]string]V) iter.Seq[[2]string] {
	keys := slices.SortedFunc(maps.Keys(all), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return slices.Values(keys)
}
