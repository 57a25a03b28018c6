// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// selfSignedAge is how long a certificate of the listener's own is valid. Each start makes another.
const selfSignedAge = 10 * 365 * 24 * time.Hour

// certificates are the certificate of a listener: that of its files, or one of its own until there are files.
type certificates struct {
	ctx  context.Context //nolint:containedctx // of the listener, which outlives each handshake
	name string
	// certFile and keyFile are empty if there are never files.
	certFile, keyFile string
	// own is the certificate without files; nil if there must be files.
	own *tls.Certificate

	mu sync.Mutex
	// files is the certificate of the files; nil until there are files that can be read.
	files *certwatcher.CertWatcher
	// failed is the last failure to read the files, which is logged once.
	failed string
}

// newCertificates returns the certificates of a listener. It fails if there are files that cannot be read.
func (l *Listener) newCertificates(ctx context.Context) (*certificates, error) {
	c := &certificates{ctx: ctx, name: l.Name, certFile: l.CertFile, keyFile: l.KeyFile}
	if len(l.SelfSignedFor) > 0 {
		own, err := selfSigned(l.SelfSignedFor)
		if err != nil {
			return nil, fmt.Errorf("making a certificate for the %s listener: %w", l.Name, err)
		}
		c.own = own
	}
	if err := c.watchFiles(); err != nil {
		return nil, err
	}
	if c.files == nil {
		ctrl.LoggerFrom(ctx).Info("Serving with a self-signed certificate, which clients cannot verify",
			"Names", l.SelfSignedFor, "SHA256", fmt.Sprintf("%X", sha256.Sum256(c.own.Certificate[0])))
	}
	return c, nil
}

// watchFiles reads the files and follows their changes. Without files, it does nothing if the listener has a certificate
// of its own.
func (c *certificates) watchFiles() error {
	if c.own != nil && (c.certFile == "" || isMissing(c.certFile) || isMissing(c.keyFile)) {
		return nil
	}
	files, err := certwatcher.New(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("loading the certificate of the %s listener: %w", c.name, err)
	}
	c.files = files
	go func() {
		if err := files.Start(c.ctx); err != nil {
			ctrl.LoggerFrom(c.ctx).Error(err, "The certificate is not renewed: restart the operator", "File", c.certFile)
		}
	}()
	return nil
}

// get returns the certificate for a handshake.
func (c *certificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		if err := c.watchFiles(); err != nil && err.Error() != c.failed {
			c.failed = err.Error()
			ctrl.LoggerFrom(c.ctx).Error(err, "The certificate cannot be used", "File", c.certFile)
		}
	}
	if c.files == nil {
		return c.own, nil
	}
	return c.files.GetCertificate(hello)
}

func isMissing(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}

// selfSigned makes a certificate for some names, and for connections by kubectl port-forward.
func selfSigned(names []string) (*tls.Certificate, error) {
	certificate, key, err := cert.GenerateSelfSignedCertKeyWithOptions(cert.SelfSignedCertKeyOptions{
		Host:         names[0],
		AlternateDNS: append([]string{"localhost"}, names[1:]...),
		AlternateIPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		MaxAge:       selfSignedAge,
	})
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	return &pair, err
}
