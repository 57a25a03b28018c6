// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// source is where the project is.
const source = "https://github.com/voiceai-dev/integrations-operator"

// user runs the programs.
const user = "65532:65532"

// imageOf returns the image of one architecture.
func imageOf(o options, arch string) (v1.Image, error) {
	programs := strings.Split(o.programs, ",")
	content, err := archive(filepath.Join(o.binaries, arch), programs)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestCompression),
	)
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, configOf(o, arch, image, programs[0]))
}

// configOf returns the configuration of an image that runs a program.
func configOf(o options, arch string, image v1.Image, program string) *v1.ConfigFile {
	config := &v1.ConfigFile{OS: "linux", Architecture: arch, Created: v1.Time{Time: time.Unix(0, 0).UTC()}}
	if known, err := image.ConfigFile(); err == nil {
		config.RootFS = known.RootFS
		config.History = known.History
	}
	config.Config = v1.Config{
		User:       user,
		Entrypoint: []string{"/" + program},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "voiceai-integrations-operator",
			"org.opencontainers.image.description": "Connects a voice AI testing framework to Slack and Jira.",
			"org.opencontainers.image.source":      source,
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     o.version,
			"org.opencontainers.image.revision":    o.revision,
		},
	}
	return config
}

// archive returns a tar archive of programs. It depends on nothing but their names and contents.
func archive(dir string, programs []string) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range programs {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Name: name, Mode: 0o555, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
