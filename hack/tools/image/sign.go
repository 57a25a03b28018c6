// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// nameAnnotation is the tag of an image in a layout.
	nameAnnotation = "org.opencontainers.image.ref.name"
	// signatureAnnotation and payloadType are those of cosign's signatures: an image whose layer is what was signed.
	signatureAnnotation                 = "dev.cosignproject.cosign/signature"
	payloadType         types.MediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
)

// payload is what is signed of an image.
type payload struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]string `json:"optional"`
}

// sign signs the image and the SBOMs with a key. The signature of the image is another image in the layout, under the tag at
// which cosign looks for it. That of an SBOM is beside it.
func sign(o options) error {
	key, err := readKey(o.key)
	if err != nil {
		return fmt.Errorf("reading the key %s: %w", o.key, err)
	}
	path, err := layout.FromPath(filepath.Join(o.out, "oci"))
	if err != nil {
		return err
	}
	digest, err := signed(path)
	if err != nil {
		return err
	}
	if err := signImage(path, digest, o.reference, key); err != nil {
		return err
	}
	sboms, err := filepath.Glob(filepath.Join(o.out, "sbom-*.cdx.json"))
	if err != nil {
		return err
	}
	for _, name := range sboms {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		signature, err := signatureOf(content, key)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name+".sig", []byte(signature+"\n"), 0o644); err != nil {
			return err
		}
	}
	return writePublicKey(o, key)
}

// signed returns the digest of the image in a layout.
func signed(path layout.Path) (v1.Hash, error) {
	index, err := path.ImageIndex()
	if err != nil {
		return v1.Hash{}, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	for _, d := range manifest.Manifests {
		if d.MediaType == types.OCIImageIndex {
			return d.Digest, nil
		}
	}
	return v1.Hash{}, errors.New("the layout has no index of images")
}

// signImage adds the signature of an image to its layout.
func signImage(path layout.Path, digest v1.Hash, reference string, key *ecdsa.PrivateKey) error {
	var p payload
	p.Critical.Identity.Reference = reference
	p.Critical.Image.Digest = digest.String()
	p.Critical.Type = "cosign container image signature"
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	signature, err := signatureOf(raw, key)
	if err != nil {
		return err
	}
	image, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
		Layer: static.NewLayer(raw, payloadType), Annotations: map[string]string{signatureAnnotation: signature},
	})
	if err != nil {
		return err
	}
	name := strings.ReplaceAll(digest.String(), ":", "-") + ".sig"
	annotations := layout.WithAnnotations(map[string]string{nameAnnotation: name})
	return path.ReplaceImage(mutate.ConfigMediaType(image, types.OCIConfigJSON), match.Name(name), annotations)
}

// signatureOf returns the signature of a content, in base64.
func signatureOf(content []byte, key *ecdsa.PrivateKey) (string, error) {
	sum := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

// readKey reads an ECDSA key in PEM, as openssl writes it.
func readKey(file string) (*ecdsa.PrivateKey, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		block, raw = pem.Decode(raw)
		if block == nil {
			return nil, errors.New(`it has no ECDSA key in PEM. Make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`)
		}
		switch block.Type {
		case "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if key, ok := parsed.(*ecdsa.PrivateKey); ok {
				return key, nil
			}
			return nil, errors.Join(err, errors.New("it is not an ECDSA key"))
		}
	}
}

// writePublicKey writes the key by which the signatures are verified.
func writePublicKey(o options, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw})
	return os.WriteFile(filepath.Join(o.out, "image.pub"), text, 0o644)
}
