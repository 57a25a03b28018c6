// SPDX-License-Identifier: Apache-2.0

package project_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// checkSignatures signs the image in a copy of the project with a new key, and checks the signatures of the image and of its
// SBOM, as cosign and openssl do.
func checkSignatures(t *testing.T, dir, digest string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.key")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second signature replaces the first
		sign := exec.CommandContext(t.Context(), "make", "--no-print-directory", "image-sign", "KEY="+file)
		sign.Dir = dir
		sign.Env = append(os.Environ(), "MAKEFLAGS=")
		if out, err := sign.CombinedOutput(); err != nil {
			t.Fatalf("make image-sign: %v\n%s", err, out)
		}
	}
	payload, signature := imageSignature(t, dir, digest)
	sbom := readFile(t, dir, "dist/image/sbom-amd64.cdx.json")
	for what, signed := range map[string]struct{ content, signature string }{
		"the image": {payload, signature},
		"the SBOM":  {sbom, strings.TrimSpace(readFile(t, dir, "dist/image/sbom-amd64.cdx.json.sig"))},
	} {
		if !isSigned(t, dir, signed.content, signed.signature) {
			t.Errorf("the signature of %s is not valid", what)
		}
		if isSigned(t, dir, signed.content+" ", signed.signature) {
			t.Errorf("another content than %s is signed", what)
		}
	}
	if want := `"docker-manifest-digest":"` + digest + `"`; !strings.Contains(payload, want) {
		t.Errorf("what is signed is %s, want %s", payload, want)
	}
}

// imageSignature returns what was signed of an image, and the signature, from where cosign looks for them.
func imageSignature(t *testing.T, dir, digest string) (payload, signature string) {
	t.Helper()
	var index struct {
		Manifests []struct {
			Digest      string            `json:"digest"`
			Annotations map[string]string `json:"annotations"`
		} `json:"manifests"`
	}
	decodeJSON(t, readFile(t, dir, "dist/image/oci/index.json"), &index)
	if len(index.Manifests) != 2 {
		t.Errorf("the layout has %d images, want that of the operator and its signature", len(index.Manifests))
	}
	blobs := func(digest string) string {
		return readFile(t, dir, filepath.Join("dist/image/oci/blobs", strings.ReplaceAll(digest, ":", "/")))
	}
	for _, m := range index.Manifests {
		if m.Annotations["org.opencontainers.image.ref.name"] != strings.ReplaceAll(digest, ":", "-")+".sig" {
			continue
		}
		var image struct {
			Layers []struct {
				MediaType   string            `json:"mediaType"`
				Digest      string            `json:"digest"`
				Annotations map[string]string `json:"annotations"`
			} `json:"layers"`
		}
		decodeJSON(t, blobs(m.Digest), &image)
		if len(image.Layers) != 1 || image.Layers[0].MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" {
			t.Fatalf("the layers of the signature are %+v", image.Layers)
		}
		return blobs(image.Layers[0].Digest), image.Layers[0].Annotations["dev.cosignproject.cosign/signature"]
	}
	t.Fatal("the image is not signed")
	return "", ""
}

// isSigned reports whether a signature is valid for the public key beside the image.
func isSigned(t *testing.T, dir, content, signature string) bool {
	t.Helper()
	block, _ := pem.Decode([]byte(readFile(t, dir, "dist/image/image.pub")))
	if block == nil {
		t.Fatal("image.pub is not in PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		t.Fatalf("image.pub has a %T", public)
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(content))
	return err == nil && ecdsa.VerifyASN1(key, sum[:], raw)
}

// checkSBOM checks that the SBOM has the modules of both programs, and no others.
func checkSBOM(t *testing.T, dir string) {
	t.Helper()
	var sbom struct {
		Format     string `json:"bomFormat"`
		Components []struct {
			URL string `json:"purl"`
		} `json:"components"`
	}
	decodeJSON(t, readFile(t, dir, "dist/image/sbom-amd64.cdx.json"), &sbom)
	listed := map[string]bool{}
	for _, c := range sbom.Components {
		listed[c.URL] = true
	}
	built := map[string]bool{}
	for _, program := range []string{"operator", "report"} {
		info, err := buildinfo.ReadFile(filepath.Join(dir, "dist/image/bin/amd64", program))
		if err != nil {
			t.Fatal(err)
		}
		built["pkg:golang/stdlib@"+strings.TrimPrefix(info.GoVersion, "go")] = true
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			built["pkg:golang/"+m.Path+"@"+m.Version] = true
		}
	}
	for url := range built {
		if !listed[url] {
			t.Errorf("the SBOM lacks %s", url)
		}
	}
	if sbom.Format != "CycloneDX" || len(built) < 50 || len(sbom.Components) != len(built) {
		t.Errorf("the SBOM is of %q with %d components, and the programs have %d modules", sbom.Format, len(sbom.Components), len(built))
	}
}

// readFile returns the content of a file in a copy of the project.
func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// decodeJSON decodes JSON.
func decodeJSON(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// TestReleaseIsAttested checks that the workflow of releases attests by its identity what it releases, and each SBOM.
func TestReleaseIsAttested(t *testing.T) {
	text := read(t, ".github/workflows/release.yaml")
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	job := w.Jobs["release"]
	if job.Permissions["id-token"] != "write" || job.Permissions["attestations"] != "write" {
		t.Errorf("the permissions are %v", job.Permissions)
	}
	attested := ""
	for _, step := range job.Steps {
		if strings.HasPrefix(step.Uses, "actions/attest@") {
			attested += fmt.Sprintln(step.With)
		}
	}
	for _, want := range []string{
		"steps.image.outputs.digest", "dist/install.yaml", "dist/*.tgz", "dist/image-oci.tar.gz", "sbom-amd64.cdx.json", "sbom-arm64.cdx.json",
	} {
		if !strings.Contains(attested, want) {
			t.Errorf("%s is not attested", want)
		}
	}
}
