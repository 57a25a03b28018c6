// SPDX-License-Identifier: Apache-2.0

package wave

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
)

// sound returns a recording with two bytes a frame and 1,000 frames a second. Each frame is its number.
func sound(frames int, extra ...string) []byte {
	var samples []byte
	for i := range frames {
		samples = binary.LittleEndian.AppendUint16(samples, uint16(i))
	}
	return file(format(1, 1000), samples, uint32(len(samples)), extra...)
}

func format(code uint16, rate uint32) []byte {
	const frame = 2
	out := binary.LittleEndian.AppendUint16(nil, code)
	out = binary.LittleEndian.AppendUint16(out, 1)
	out = binary.LittleEndian.AppendUint32(out, rate)
	out = binary.LittleEndian.AppendUint32(out, rate*frame)
	out = binary.LittleEndian.AppendUint16(out, frame)
	return binary.LittleEndian.AppendUint16(out, 8*frame)
}

// file returns a file with a format, other chunks and samples.
func file(format, samples []byte, declared uint32, extra ...string) []byte {
	out := []byte("RIFF....WAVEfmt ")
	out = binary.LittleEndian.AppendUint32(out, uint32(len(format)))
	out = append(out, format...)
	for _, e := range extra {
		out = append(out, e...)
	}
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, declared)
	return append(out, samples...)
}

func TestCut(t *testing.T) {
	whole := sound(10_000)
	for name, test := range map[string]struct {
		in          []byte
		part        Part
		first, last int
		frames      int
	}{
		"in the middle":      {whole, Part{2 * time.Second, 3 * time.Second}, 2000, 4999, 3000},
		"from the beginning": {whole, Part{0, time.Second}, 0, 999, 1000},
		"before it":          {whole, Part{-time.Second, 3 * time.Second}, 0, 1999, 2000},
		"after it":           {whole, Part{9 * time.Second, time.Minute}, 9000, 9999, 1000},
		"another chunk":      {sound(10_000, "LIST\x03\x00\x00\x00abc\x00"), Part{2 * time.Second, time.Second}, 2000, 2999, 1000},
		"a stream":           {file(format(1, 1000), whole[44:], 0xFFFFFFFF), Part{time.Second, time.Second}, 1000, 1999, 1000},
		"a stream of none":   {file(format(1, 1000), whole[44:], 0), Part{time.Second, time.Second}, 1000, 1999, 1000},
		"half a frame":       {file(format(7, 1000), whole[44:44+2001], 2001), Part{0, time.Minute}, 0, 999, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Cut(bytes.NewReader(test.in), int64(len(test.in)), test.part)
			if err != nil {
				t.Fatal(err)
			}
			samples := got[44:]
			first := int(binary.LittleEndian.Uint16(samples))
			last := int(binary.LittleEndian.Uint16(samples[len(samples)-2:]))
			if first != test.first || last != test.last || len(samples) != 2*test.frames {
				t.Errorf("it has %d bytes from %d to %d", len(samples), first, last)
			}
			if n := binary.LittleEndian.Uint32(got[4:]); int(n) != len(got)-8 {
				t.Errorf("the header says %d bytes of %d", n, len(got)-8)
			}
			length, err := Length(bytes.NewReader(got), int64(len(got)))
			if want := time.Duration(test.frames) * time.Millisecond; err != nil || length != want {
				t.Errorf("it is %s long, %v, want %s", length, err, want)
			}
		})
	}
}

func TestFilesThatAreNotCut(t *testing.T) {
	whole := sound(1000)
	for name, test := range map[string]struct {
		in   []byte
		part Part
		want string
	}{
		"nothing":            {nil, Part{0, time.Second}, "no WAV file"},
		"MP3":                {[]byte("ID3....................."), Part{0, time.Second}, "no WAV file"},
		"compressed":         {file(format(85, 1000), whole, 9), Part{0, time.Second}, "the format 85"},
		"a rate that lies":   {file(append(format(1, 1000)[:8], 1, 0, 0, 0, 2, 0, 16, 0), whole, 9), Part{0, time.Second}, "the format 1"},
		"no rate":            {file(format(1, 0), whole, 9), Part{0, time.Second}, "the format 1"},
		"no samples":         {whole[:36], Part{0, time.Second}, "without samples"},
		"no format":          {append([]byte("RIFF....WAVEdata"), 9, 0, 0, 0, 1, 2, 3), Part{0, time.Second}, "without a format"},
		"a format too short": {file([]byte{1, 0}, whole, 9), Part{0, time.Second}, "has 2 bytes"},
		"too many chunks":    {sound(9, strings.Repeat("LIST\x00\x00\x00\x00", 100)), Part{0, time.Second}, "without samples"},
		"too short":          {whole, Part{2 * time.Second, time.Second}, ErrTooShort.Error()},
	} {
		if _, err := Cut(bytes.NewReader(test.in), int64(len(test.in)), test.part); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	if _, err := Cut(bytes.NewReader(whole), int64(len(whole)), Part{time.Hour, time.Second}); !errors.Is(err, ErrTooShort) {
		t.Errorf("got %v", err)
	}
}

// FuzzCut checks that no file makes it panic, or return more than it was given and a header.
func FuzzCut(f *testing.F) {
	f.Add(sound(100), int64(0), int64(time.Second))
	f.Add([]byte("RIFF....WAVEfmt \xff\xff\xff\xff"), int64(-1), int64(1))
	f.Fuzz(func(t *testing.T, in []byte, from, length int64) {
		p := Part{time.Duration(from % int64(time.Hour)), time.Duration(length % int64(time.Hour))}
		if got, err := Cut(bytes.NewReader(in), int64(len(in)), p); err == nil && len(got) > len(in)+headerBytes+maxFormat {
			t.Errorf("%d bytes of %d", len(got), len(in))
		}
	})
}
