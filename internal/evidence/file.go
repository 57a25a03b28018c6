// SPDX-License-Identifier: Apache-2.0

// Package evidence is what report and the operator both know of files that show a defect: their names, their types, and
// how they are read from their parts.
package evidence

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// maxName bounds the name of a file, maxExtension its extension.
const (
	maxName      = 100
	maxExtension = 16
)

// Name returns the name of a file from its path, such as it fits a Defect: letters, digits, '.', '_' and '-'.
func Name(file string) string {
	base := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, path.Base(strings.ReplaceAll(file, `\`, "/")))
	base = strings.TrimLeft(base, ".-")
	if base == "" {
		return "file"
	}
	return shorten(base, maxName)
}

// shorten returns a name with a maximum length that keeps its extension.
func shorten(name string, most int) string {
	if len(name) <= most {
		return name
	}
	extension := path.Ext(name)
	if len(extension) > maxExtension {
		extension = ""
	}
	return name[:most-len(extension)] + extension
}

// Unique returns a name that is not taken yet, and takes it.
func Unique(name string, taken map[string]bool) string {
	extension := path.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	for n := 2; taken[name]; n++ {
		suffix := fmt.Sprintf("-%d", n)
		name = shorten(stem, maxName-len(suffix)-len(extension)) + suffix + extension
	}
	taken[name] = true
	return name
}

// AttachmentName returns the name of a file on a ticket. It has a part of the file's hash, by which the file is recognised
// there.
func AttachmentName(f v1alpha1.EvidenceFile) string {
	extension := path.Ext(f.Name)
	return strings.TrimSuffix(f.Name, extension) + "-" + f.SHA256[:min(12, len(f.SHA256))] + extension
}

// silentTypes are the types of files that cannot contain a voice, by extension. Archives are not among them.
var silentTypes = map[string]string{
	".txt": "text/plain", ".log": "text/plain", ".out": "text/plain", ".err": "text/plain", ".md": "text/plain", ".yaml": "text/plain",
	".yml": "text/plain", ".diff": "text/plain", ".csv": "text/csv", ".json": "application/json", ".jsonl": "application/json",
	".xml": "application/xml", ".html": "text/html", ".htm": "text/html", ".pdf": "application/pdf",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
}

// otherTypes are the types of further files.
var otherTypes = map[string]string{
	".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".aac": "audio/aac",
	".flac": "audio/flac", ".weba": "audio/webm", ".webm": "video/webm", ".mp4": "video/mp4", ".zip": "application/zip",
	".gz": "application/gzip",
}

// ContentType returns the type of a file by its extension.
func ContentType(name string) string {
	extension := strings.ToLower(path.Ext(name))
	for _, types := range []map[string]string{silentTypes, otherTypes} {
		if t := types[extension]; t != "" {
			return t
		}
	}
	return "application/octet-stream"
}

// IsAudio reports whether a file is a recording, by its extension.
func IsAudio(name string) bool { return strings.HasPrefix(ContentType(name), "audio/") }

// Withheld returns why a policy does not let a file leave the cluster; empty when it does. start is how the file begins.
func Withheld(policy v1alpha1.EvidencePolicy, name string, start []byte) string {
	switch policy {
	case v1alpha1.EvidenceAll:
		return ""
	case v1alpha1.EvidenceNone:
		return "spec.evidence of the integration is None"
	}
	const advice = ". Set spec.evidence of the integration to All to send it"
	if silentTypes[strings.ToLower(path.Ext(name))] == "" {
		return "A file of this type may contain a recording" + advice
	}
	sniffed := http.DetectContentType(start)
	if strings.HasPrefix(sniffed, "audio/") || strings.HasPrefix(sniffed, "video/") || sniffed == "application/ogg" {
		return "Its content is a recording" + advice
	}
	return ""
}
