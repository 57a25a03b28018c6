// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// served returns the certificate that a listener serves.
func served(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test looks at it itself
	connection, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

// A listener makes a certificate for its names, and serves that of its files as soon as there are any.
func TestSelfSigned(t *testing.T) {
	l := New("test", "127.0.0.1:0", ok)
	folder := t.TempDir()
	l.CertFile = filepath.Join(folder, "tls.crt")
	l.KeyFile = filepath.Join(folder, "tls.key")
	l.SelfSignedFor = []string{"api.system.svc", "api.system.svc.cluster.local"}
	address, _ := start(t, l)
	own := served(t, address)
	for _, name := range append([]string{"localhost", "127.0.0.1"}, l.SelfSignedFor...) {
		if err := own.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	for _, file := range []string{l.CertFile, l.KeyFile} {
		if err := os.WriteFile(file, []byte("none"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := served(t, address); !got.Equal(own) {
		t.Error("a file that is no certificate took the place of the own one")
	}
	want := writeCertificate(t, l, 1)
	if got := served(t, address); !got.Equal(want) {
		t.Errorf("serves %s, want the certificate of the files", got.SerialNumber)
	}
}

// Files that are there when a listener starts count, also when they are wrong.
func TestFilesComeFirst(t *testing.T) {
	l := New("test", "127.0.0.1:0", ok)
	folder := t.TempDir()
	l.CertFile = filepath.Join(folder, "tls.crt")
	l.KeyFile = filepath.Join(folder, "tls.key")
	if err := l.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate of the test listener") {
		t.Errorf("without its files and without a certificate of its own the listener ended with %v", err)
	}
	l.SelfSignedFor = []string{"x"}
	want := writeCertificate(t, l, 1)
	address, _ := start(t, l)
	if got := served(t, address); !got.Equal(want) {
		t.Error("serves a certificate of its own, not that of the files")
	}
}
