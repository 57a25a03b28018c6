// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// MaxItems bounds the alerts or events that are taken from one request.
	MaxItems = 1000
	// MaxItemsBytes bounds their JSON.
	MaxItemsBytes = 4 << 20
	// MaxBodyBytes bounds a body. What is over MaxItemsBytes is read to count what does not fit, and is not kept.
	MaxBodyBytes = 32 << 20
	// maxRead bounds what is read at once, in bytes.
	maxRead = 64 << 10
	// maxProblems bounds the problems of a batch.
	maxProblems = 20
	// maxProblem bounds one problem, in characters.
	maxProblem = 300
)

// ErrTooLarge is the error of a body of which nothing can be taken because of its size.
var ErrTooLarge = errors.New("the body is too large")

// ReadError is the error of a body that did not arrive as a whole.
type ReadError struct{ Err error }

// Error returns the error's message.
func (e *ReadError) Error() string { return "reading the body: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// A Batch is what arrived in one request.
type Batch struct {
	Events []Event
	// Omitted is how many items were left out because the request has more than fit.
	Omitted int
	// Malformed is how many items are no events. Problems has what is wrong with the first of them.
	Malformed int
	Problems  []string
}

// Refuse counts an item that is no event, and what is wrong with it.
func (b *Batch) Refuse(problem string) {
	b.Malformed++
	if len(b.Problems) < maxProblems {
		b.Problems = append(b.Problems, text.Truncate(problem, maxProblem))
	}
}

// result returns the batch, or an error when all of its items are malformed.
func (b *Batch) result() (Batch, error) {
	if len(b.Events) == 0 && b.Omitted == 0 && b.Malformed > 0 {
		return Batch{}, errors.New(b.Problems[0])
	}
	return *b, nil
}

// stream is the body of a request, of which only one value at a time is kept in memory.
type stream struct {
	// of says what the body is the JSON of.
	of   string
	json *json.Decoder
	body *boundedBody
	// items and bytes are what was taken from lists.
	items, bytes int
}

func newStream(of string, body io.Reader) *stream {
	b := &boundedBody{body: body}
	return &stream{of: of, json: json.NewDecoder(b), body: b}
}

// boundedBody is a body that must not be larger than MaxBodyBytes.
type boundedBody struct {
	body io.Reader
	// total is how many bytes were read, value how many since the last value ended.
	total, value int
	// err is the error other than the body's end.
	err error
}

// Read reads from the body. It fails when the body, or one value, is too large. The decoder reads ahead by at most the
// size of what it has read, hence the factor.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.body.Read(p[:min(len(p), maxRead)])
	b.total += n
	b.value += n
	if b.total > MaxBodyBytes || b.value > 2*MaxItemsBytes {
		err = ErrTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// fail returns the error of the body when it could not be read, and otherwise that of its JSON.
func (s *stream) fail(err error) error {
	switch {
	case errors.Is(s.body.err, ErrTooLarge):
		return ErrTooLarge
	case s.body.err != nil:
		return &ReadError{s.body.err}
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return invalidJSON(s.of, err)
}

// decode decodes the next value. The type error of a member names it.
func (s *stream) decode(member string, into any) error {
	s.body.value = 0
	err := s.json.Decode(into)
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typed):
		return s.wrongType(member, typed.Value)
	case err != nil:
		return s.fail(err)
	}
	return nil
}

func (s *stream) wrongType(member, got string) error {
	if member == "" {
		member = "it"
	}
	return fmt.Errorf("not the JSON of %s: %s cannot be of type %s", s.of, member, got)
}

// begin reads the beginning of an object or a list. It reports false for null.
func (s *stream) begin(member string, delim json.Delim) (bool, error) {
	token, err := s.json.Token()
	switch {
	case err != nil:
		return false, s.fail(err)
	case token == nil:
		return false, nil
	case token == delim:
		return true, nil
	}
	switch token.(type) {
	case json.Delim:
		if token == json.Delim('[') {
			return false, s.wrongType(member, "array")
		}
		return false, s.wrongType(member, "object")
	case string:
		return false, s.wrongType(member, "string")
	case bool:
		return false, s.wrongType(member, "bool")
	}
	return false, s.wrongType(member, "number")
}

// end reads the end of an object or a list.
func (s *stream) end() error {
	if _, err := s.json.Token(); err != nil {
		return s.fail(err)
	}
	return nil
}

// finish makes sure that nothing follows.
func (s *stream) finish() error {
	_, err := s.json.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return s.fail(err)
	}
	return fmt.Errorf("not the JSON of %s: more follows after its end", s.of)
}

// members reads an object and calls each with the name of each member, whose value it must decode.
func (s *stream) members(each func(name string) error) error {
	if ok, err := s.begin("", '{'); !ok {
		if err == nil {
			err = s.wrongType("", "null")
		}
		return err
	}
	for s.json.More() {
		token, err := s.json.Token()
		if err != nil {
			return s.fail(err)
		}
		name, _ := token.(string)
		if err := each(name); err != nil {
			return err
		}
	}
	if err := s.end(); err != nil {
		return err
	}
	return s.finish()
}

// list reads a list whose beginning was read. It calls take with each item that fits, and counts the others.
func (s *stream) list(b *Batch, take func(index int, item json.RawMessage)) error {
	var item json.RawMessage
	for index := 0; s.json.More(); index++ {
		if err := s.decode("", &item); err != nil {
			return err
		}
		if s.items == MaxItems || s.bytes+len(item) > MaxItemsBytes {
			b.Omitted++
			continue
		}
		s.items++
		s.bytes += len(item)
		take(index, item)
	}
	return s.end()
}

// readAll returns a body that is one event.
func readAll(body io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(body, MaxItemsBytes+1))
	switch {
	case err != nil:
		return nil, &ReadError{err}
	case len(raw) > MaxItemsBytes:
		return nil, ErrTooLarge
	}
	return raw, nil
}
