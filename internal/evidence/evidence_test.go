// SPDX-License-Identifier: Apache-2.0

package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/evidence"
)

func TestName(t *testing.T) {
	for file, want := range map[string]string{
		"out/call.wav":                     "call.wav",
		`out\call 1.wav`:                   "call-1.wav",
		"../../.ssh/..hidden":              "hidden",
		"...":                              "file",
		"":                                 "file",
		"a\r\nX-Header: 1.txt":             "a--X-Header--1.txt",
		"ünï.png":                          "n-.png",
		strings.Repeat("a", 200) + ".json": strings.Repeat("a", 95) + ".json",
		"a." + strings.Repeat("b", 200):    "a." + strings.Repeat("b", 98),
	} {
		if got := evidence.Name(file); got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

func TestUnique(t *testing.T) {
	taken := map[string]bool{}
	long := strings.Repeat("a", 96) + ".log"
	for _, test := range [][2]string{
		{"a.log", "a.log"}, {"a.log", "a-2.log"}, {"a.log", "a-3.log"}, {"a-2.log", "a-2-2.log"},
		{long, long}, {long, strings.Repeat("a", 94) + "-2.log"},
	} {
		if got := evidence.Unique(test[0], taken); got != test[1] {
			t.Errorf("%q: %q, want %q", test[0], got, test[1])
		}
	}
}

func TestAttachmentName(t *testing.T) {
	got := evidence.AttachmentName(v1alpha1.EvidenceFile{Name: "call.wav", SHA256: strings.Repeat("0123456789abcdef", 4)})
	if got != "call-0123456789ab.wav" {
		t.Error(got)
	}
}

// TestPolicies checks that no recording leaves the cluster unless a policy says so, whatever it is called.
func TestPolicies(t *testing.T) {
	wav := "RIFF\x00\x00\x00\x00WAVEfmt "
	for name, test := range map[string]struct {
		file, start                    string
		withheldByDefault, isRecording bool
	}{
		"a log":                        {"out.log", "hello", false, false},
		"a picture":                    {"a.PNG", "\x89PNG\r\n\x1a\n", false, false},
		"a recording":                  {"call.wav", wav, true, true},
		"a recording called a log":     {"call.log", wav, true, false},
		"Ogg called a text":            {"call.txt", "OggS\x00", true, false},
		"an archive":                   {"trace.zip", "PK\x03\x04", true, false},
		"a type that is not known":     {"call.pcm", "\x00\x01", true, false},
		"a file without any extension": {"call", "hello", true, false},
		"a film":                       {"call.webm", "\x1aE\xdf\xa3", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			start := []byte(test.start)
			for policy, want := range map[v1alpha1.EvidencePolicy]bool{
				"": test.withheldByDefault, v1alpha1.EvidenceWithoutAudio: test.withheldByDefault,
				v1alpha1.EvidenceNone: true, v1alpha1.EvidenceAll: false,
			} {
				if why := evidence.Withheld(policy, test.file, start); (why != "") != want {
					t.Errorf("policy %q: %q, want withheld: %t", policy, why, want)
				}
			}
			if evidence.IsAudio(test.file) != test.isRecording {
				t.Errorf("IsAudio: %t", !test.isRecording)
			}
		})
	}
	if evidence.ContentType("x.svg") != "application/octet-stream" || evidence.ContentType("x.JSON") != "application/json" {
		t.Error(evidence.ContentType("x.svg"), evidence.ContentType("x.JSON"))
	}
}

// fileOf returns the description and the parts of a file.
func fileOf(content []byte) (v1alpha1.EvidenceFile, [][]byte) {
	sum := sha256.Sum256(content)
	var parts [][]byte
	for rest := content; len(rest) > 0; {
		n := min(len(rest), v1alpha1.EvidencePartBytes)
		parts = append(parts, rest[:n])
		rest = rest[n:]
	}
	return v1alpha1.EvidenceFile{Name: "a", Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, parts
}

func TestReader(t *testing.T) {
	for _, size := range []int{1, 511, v1alpha1.EvidencePartBytes, v1alpha1.EvidencePartBytes + 1, 3 * v1alpha1.EvidencePartBytes} {
		content := bytes.Repeat([]byte("0123456789abcdefg"), size/17+1)[:size]
		file, parts := fileOf(content)
		if file.Parts() != len(parts) {
			t.Fatalf("%d bytes: %d parts, want %d", size, file.Parts(), len(parts))
		}
		r := evidence.NewReader(file, func(n int) ([]byte, error) { return parts[n], nil })
		start, err := r.Start()
		if err != nil || !bytes.Equal(start, content[:min(512, size)]) {
			t.Errorf("%d bytes: starts with %d bytes, %v", size, len(start), err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, content) || r.Err() != nil {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
	}
}

// TestBrokenFiles checks that a file which differs from what the Defect says is never read whole.
func TestBrokenFiles(t *testing.T) {
	gone := errors.New("gone")
	content := bytes.Repeat([]byte("x"), v1alpha1.EvidencePartBytes+100)
	for name, test := range map[string]struct {
		change func(parts [][]byte) [][]byte
		want   error
	}{
		"another byte":     {func(p [][]byte) [][]byte { return [][]byte{p[0], bytes.Repeat([]byte("y"), 100)} }, evidence.ErrBroken},
		"too short":        {func(p [][]byte) [][]byte { return [][]byte{p[0], p[1][:50]} }, evidence.ErrBroken},
		"too long":         {func(p [][]byte) [][]byte { return [][]byte{p[0], p[0]} }, evidence.ErrBroken},
		"an empty part":    {func(p [][]byte) [][]byte { return [][]byte{{}, p[1]} }, evidence.ErrBroken},
		"a part is absent": {func(p [][]byte) [][]byte { return p[:1] }, gone},
	} {
		t.Run(name, func(t *testing.T) {
			file, parts := fileOf(content)
			parts = test.change(parts)
			r := evidence.NewReader(file, func(n int) ([]byte, error) {
				if n >= len(parts) {
					return nil, gone
				}
				return parts[n], nil
			})
			got, err := io.ReadAll(r)
			if !errors.Is(err, test.want) || !errors.Is(r.Err(), test.want) || int64(len(got)) >= file.Bytes {
				t.Errorf("read %d of %d bytes, %v, want %v", len(got), file.Bytes, err, test.want)
			}
		})
	}
}
