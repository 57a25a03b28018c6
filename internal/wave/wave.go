// SPDX-License-Identifier: Apache-2.0

// Package wave cuts recordings in the format WAV.
package wave

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// The formats of samples in which each second has the same number of bytes: PCM, floating point, A-law, µ-law, and those that
// an extension of the header names.
var constantRate = map[uint16]bool{1: true, 3: true, 6: true, 7: true, 0xFFFE: true}

const (
	// maxChunks bounds the parts before the samples, maxFormat the one with the format, in bytes.
	maxChunks = 64
	maxFormat = 128
	// headerBytes is the size of what a file has beside its format and its samples.
	headerBytes = 28
)

// ErrTooShort means that a recording ends before the part that is to be cut from it.
var ErrTooShort = errors.New("the recording ends before that")

// recording is what is known of a file.
type recording struct {
	// format is the chunk with the format of the samples.
	format []byte
	// frame is the size of the samples of all channels at one time, rate how many of them a second has.
	frame, rate int64
	// start and bytes are where the samples are in the file.
	start, bytes int64
}

// Part is a part of a recording.
type Part struct{ From, Length time.Duration }

// Cut returns a part of a recording as a file, the samples as they are. The part may begin before the recording, and end after it.
func Cut(file io.ReaderAt, size int64, p Part) ([]byte, error) {
	r, err := open(file, size)
	if err != nil {
		return nil, err
	}
	from := r.offset(max(p.From, 0))
	to := min(r.offset(p.From+p.Length), r.bytes-r.bytes%r.frame)
	if from >= to {
		return nil, ErrTooShort
	}
	out := make([]byte, 0, headerBytes+int64(len(r.format))+to-from)
	out = append(out, "RIFF"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(headerBytes-8+int64(len(r.format))+to-from)) //nolint:gosec // a part of a file
	out = append(out, "WAVEfmt "...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(r.format))) //nolint:gosec // at most maxFormat
	out = append(out, r.format...)
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(to-from)) //nolint:gosec // a part of a file
	begin := len(out)
	out = out[:int64(begin)+to-from]
	if _, err := file.ReadAt(out[begin:], r.start+from); err != nil {
		return nil, err
	}
	return out, nil
}

// Length returns how long a recording is.
func Length(file io.ReaderAt, size int64) (time.Duration, error) {
	r, err := open(file, size)
	if err != nil {
		return 0, err
	}
	return time.Duration(float64(r.bytes/r.frame) / float64(r.rate) * float64(time.Second)), nil
}

// offset returns where a time is among the samples.
func (r *recording) offset(at time.Duration) int64 {
	return int64(at.Seconds()*float64(r.rate)) * r.frame
}

// open reads the chunks of a file up to its samples.
func open(file io.ReaderAt, size int64) (*recording, error) {
	var head [12]byte
	if _, err := file.ReadAt(head[:], 0); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errors.New("it is no WAV file")
	}
	r := &recording{}
	at := int64(len(head))
	for range maxChunks {
		var chunk [8]byte
		if _, err := file.ReadAt(chunk[:], at); err != nil {
			return nil, errors.New("it is a WAV file without samples")
		}
		at += int64(len(chunk))
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if err := r.readFormat(file, at, length); err != nil {
				return nil, err
			}
		case "data":
			if r.format == nil {
				return nil, errors.New("it is a WAV file without a format")
			}
			r.start = at
			if r.bytes = min(length, size-at); length == 0 { // it was written as a stream
				r.bytes = size - at
			}
			return r, nil
		}
		at += length + length%2
	}
	return nil, errors.New("it is a WAV file without samples")
}

// readFormat reads the chunk with the format.
func (r *recording) readFormat(file io.ReaderAt, at, length int64) error {
	if length < 16 || length > maxFormat {
		return fmt.Errorf("the format of its samples has %d bytes", length)
	}
	r.format = make([]byte, length)
	if _, err := file.ReadAt(r.format, at); err != nil {
		return err
	}
	code := binary.LittleEndian.Uint16(r.format)
	r.rate = int64(binary.LittleEndian.Uint32(r.format[4:]))
	r.frame = int64(binary.LittleEndian.Uint16(r.format[12:]))
	second := int64(binary.LittleEndian.Uint32(r.format[8:]))
	if !constantRate[code] || r.frame == 0 || r.rate == 0 || second != r.rate*r.frame {
		return fmt.Errorf("its samples have the format %d, which is not cut", code)
	}
	return nil
}
