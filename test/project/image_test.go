// SPDX-License-Identifier: Apache-2.0

package project_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxImage is how many bytes the layers of an image may have, compressed.
const maxImage = 30 << 20

// copyOfProject copies the files of the project, without what was built, to a directory.
func copyOfProject(t *testing.T, dir string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil || !info.Mode().IsRegular() {
			continue // it is deleted, or a link
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// makeImage builds the image in a copy of the project, and returns its digest.
func makeImage(t *testing.T, dir string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", "--no-print-directory", "image", "ARCHES=amd64", "VERSION=v1.2.3", "REVISION=0123abc")
	command.Dir = dir
	command.Env = append(os.Environ(), "MAKEFLAGS=")
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.Output()
	if err != nil {
		t.Fatalf("make image: %v\n%s%s", err, out, log.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// A manifest is what the test reads of an index, an image or its configuration.
type manifest struct {
	Manifests []struct {
		Digest   string `json:"digest"`
		Platform struct {
			OS           string `json:"os"`
			Architecture string `json:"architecture"`
		} `json:"platform"`
	} `json:"manifests"`
	Config struct {
		Digest     string            `json:"digest"`
		User       string            `json:"User"`
		Entrypoint []string          `json:"Entrypoint"`
		Labels     map[string]string `json:"Labels"`
	} `json:"config"`
	Layers []struct {
		Size int `json:"size"`
	} `json:"layers"`
}

// blob returns the content that a digest names in the layout of a copy of the project.
func blob(t *testing.T, dir, digest string) manifest {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "dist/image/oci/blobs", strings.ReplaceAll(digest, ":", "/")))
	if err != nil {
		t.Fatal(err)
	}
	var out manifest
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestImage checks that two directories give one digest, what is in the image and its SBOM, and the signatures of both.
func TestImage(t *testing.T) {
	one := filepath.Join(t.TempDir(), "one")
	other := filepath.Join(t.TempDir(), "a-directory-with-a-longer-name")
	copyOfProject(t, one)
	copyOfProject(t, other)
	digest := makeImage(t, one)
	if again := makeImage(t, other); again != digest || !strings.HasPrefix(digest, "sha256:") {
		t.Fatalf("the digests are %s and %s", digest, again)
	}
	for _, program := range []string{"operator", "report"} {
		binary, err := os.ReadFile(filepath.Join(one, "dist/image/bin/amd64", program))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(binary, []byte(one)) {
			t.Errorf("%s contains the name of its directory", program)
		}
	}
	checkImage(t, one, digest)
	checkSBOM(t, one)
	checkSignatures(t, one, digest)
}

// checkImage checks the platform, the configuration and the size of an image.
func checkImage(t *testing.T, dir, digest string) {
	t.Helper()
	index := blob(t, dir, digest)
	if len(index.Manifests) != 1 || index.Manifests[0].Platform.OS != "linux" || index.Manifests[0].Platform.Architecture != "amd64" {
		t.Fatalf("the index has %+v", index.Manifests)
	}
	image := blob(t, dir, index.Manifests[0].Digest)
	size := 0
	for _, layer := range image.Layers {
		size += layer.Size
	}
	if size == 0 || size > maxImage {
		t.Errorf("the layers have %d bytes, at most %d are allowed", size, maxImage)
	}
	config := blob(t, dir, image.Config.Digest).Config
	if config.User != "65532:65532" || !slices.Equal(config.Entrypoint, []string{"/operator"}) {
		t.Errorf("the image runs %v as %s", config.Entrypoint, config.User)
	}
	for label, want := range map[string]string{"version": "v1.2.3", "revision": "0123abc", "licenses": "Apache-2.0"} {
		if got := config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("the label %s is %q, want %q", label, got, want)
		}
	}
}

// TestDockerfile checks that the context of docker build has each file that the Dockerfile copies.
func TestDockerfile(t *testing.T) {
	ignore := strings.Split(read(t, ".dockerignore"), "\n")
	for line := range strings.Lines(read(t, "Dockerfile")) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "COPY" {
			continue
		}
		name := strings.ReplaceAll(fields[1], "${BINARY}", "bin/operator")
		if !slices.Contains(ignore, "!"+name) {
			t.Errorf(".dockerignore leaves out %s", name)
		}
	}
}
