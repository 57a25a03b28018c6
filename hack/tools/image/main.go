// SPDX-License-Identifier: Apache-2.0

// Command image writes an image of Linux programs as an OCI layout, without an engine: one image for each architecture, and
// an index of them. The same programs give the same digest, which it prints. It writes the modules in the programs beside
// the layout, as a CycloneDX SBOM for each architecture. With -sign it signs both.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// options are the settings of the program.
type options struct {
	// binaries is a directory with one for each architecture, which holds the programs.
	binaries string
	arches   string
	// programs are the names of the programs. The image runs the first.
	programs string
	out      string
	version  string
	revision string
	// key is the file of a key: the image that was written before is signed. reference is the image's name.
	key       string
	reference string
}

func main() {
	var o options
	flag.StringVar(&o.binaries, "binaries", "dist/image/bin", "The directory with a directory of programs for each architecture.")
	flag.StringVar(&o.arches, "arches", "amd64,arm64", "The architectures, separated by commas.")
	flag.StringVar(&o.programs, "programs", "operator,report", "The programs, separated by commas. The image runs the first.")
	flag.StringVar(&o.out, "out", "dist/image", "The directory for the layout and the SBOMs.")
	flag.StringVar(&o.version, "version", "", "The version of the programs.")
	flag.StringVar(&o.revision, "revision", "", "The commit that they are built from.")
	flag.StringVar(&o.key, "sign", "", "A file with an ECDSA key, to sign what was written before.")
	flag.StringVar(&o.reference, "reference", "ghcr.io/voiceai-dev/integrations-operator", "The name of the image, for the signature.")
	flag.Parse()
	if o.key != "" {
		if err := sign(o); err != nil {
			fmt.Fprintln(os.Stderr, "image: signing:", err)
			os.Exit(1)
		}
		return
	}
	digest, err := write(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Println(digest)
}

// write writes the layout and the SBOMs, and returns the digest of the index.
func write(o options) (v1.Hash, error) {
	index := v1.ImageIndex(mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	for arch := range strings.SplitSeq(o.arches, ",") {
		image, err := imageOf(o, arch)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("%s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
		if err := writeSBOM(o, arch); err != nil {
			return v1.Hash{}, fmt.Errorf("SBOM of %s: %w", arch, err)
		}
	}
	dir := filepath.Join(o.out, "oci")
	if err := os.RemoveAll(dir); err != nil {
		return v1.Hash{}, err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	annotations := map[string]string{nameAnnotation: o.version}
	if err := path.AppendIndex(index, layout.WithAnnotations(annotations)); err != nil {
		return v1.Hash{}, err
	}
	return index.Digest()
}
