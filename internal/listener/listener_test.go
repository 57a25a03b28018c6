// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ok answers every request 200.
var ok = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// start runs a listener until the test ends or calls stop.
func start(t *testing.T, l *Listener) (address string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Start(ctx) }()
	select {
	case <-l.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), stop
}

func TestSetsTimeouts(t *testing.T) {
	l := New("test", "127.0.0.1:0", ok)
	l.AnswerTimeout = 7 * time.Second
	srv := l.server(t.Context())
	for name, test := range map[string]struct{ got, want time.Duration }{
		"header": {srv.ReadHeaderTimeout, 5 * time.Second},
		"read":   {srv.ReadTimeout, 15 * time.Second},
		"write":  {srv.WriteTimeout, 7 * time.Second},
		"idle":   {srv.IdleTimeout, 30 * time.Second},
	} {
		if test.got != test.want {
			t.Errorf("the %s timeout is %s, want %s", name, test.got, test.want)
		}
	}
	if !srv.DisableGeneralOptionsHandler {
		t.Error("net/http answers OPTIONS * in place of the handler")
	}
}

// A browser that came by TLS, to the listener or to a proxy before it, comes back by TLS only.
func TestStrictTransport(t *testing.T) {
	handler := New("test", "127.0.0.1:0", ok).server(t.Context()).Handler
	for name, test := range map[string]struct {
		url, forwarded, want string
	}{
		"plain":          {"http://x/", "", ""},
		"plain at proxy": {"http://x/", "http", ""},
		"TLS":            {"https://x/", "", "max-age=31536000"},
		"TLS at a proxy": {"http://x/", "https", "max-age=31536000"},
	} {
		r := httptest.NewRequest(http.MethodGet, test.url, nil)
		r.Header.Set("X-Forwarded-Proto", test.forwarded)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security"); got != test.want {
			t.Errorf("%s: Strict-Transport-Security is %q, want %q", name, got, test.want)
		}
	}
}

func TestLimitsTheHeader(t *testing.T) {
	address, _ := start(t, New("test", "127.0.0.1:0", ok))
	for size, want := range map[int]int{8 << 10: http.StatusOK, 32 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		request := "GET / HTTP/1.1\r\nHost: x\r\nLong: " + strings.Repeat("x", size) + "\r\n\r\n"
		if _, err := connection.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("a header of %d bytes was answered with %d, want %d", size, answer.StatusCode, want)
		}
		_ = connection.Close()
	}
}

// A client that does not finish its header is cut off.
func TestCutsOffASlowHeader(t *testing.T) {
	address, _ := start(t, New("test", "127.0.0.1:0", ok))
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if _, err := connection.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil) // without the timeout it would wait forever
	if err == nil {
		if answer.Body.Close(); answer.StatusCode == http.StatusOK {
			t.Error("an unfinished request was answered")
		}
	}
}

// A request in progress when the operator stops is finished.
func TestFinishesRequestsInProgress(t *testing.T) {
	entered := make(chan struct{})
	release := make(chan struct{})
	l := New("test", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		if r.Context().Err() != nil {
			w.WriteHeader(http.StatusGone)
		}
	}))
	if l.Addr() != nil || l.NeedLeaderElection() {
		t.Errorf("before it is started: the address is %v, needs leader election: %t", l.Addr(), l.NeedLeaderElection())
	}
	if err := l.Check(nil); err == nil || !strings.Contains(err.Error(), "test") {
		t.Errorf("before it is started, the check returns %v", err)
	}
	l.OnShutdown = func() { close(release) }
	address, stop := start(t, l)
	if err := l.Check(nil); err != nil {
		t.Errorf("after it was started, the check returns %v", err)
	}
	status := make(chan int, 1)
	go func() {
		answer, err := http.Get("http://" + address)
		if err != nil {
			status <- 0
			return
		}
		answer.Body.Close()
		status <- answer.StatusCode
	}()
	<-entered
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := <-status; got != http.StatusOK {
		t.Errorf("answered %d", got)
	}
}

func TestReportsWhyItCannotListen(t *testing.T) {
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = occupied.Close() }()
	address := occupied.Addr().String()
	if err := New("test", address, ok).Start(t.Context()); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("the error is %v, want the address in it", err)
	}
	l := New("test", "127.0.0.1:0", ok)
	l.CertFile = "none.pem"
	want := "loading the certificate of the test listener"
	if err := l.Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

// A certificate that is renewed is served without a restart.
func TestServesTLS(t *testing.T) {
	l := New("test", "127.0.0.1:0", ok)
	folder := t.TempDir()
	l.CertFile = filepath.Join(folder, "tls.crt")
	l.KeyFile = filepath.Join(folder, "tls.key")
	roots := x509.NewCertPool()
	roots.AddCert(writeCertificate(t, l, 1))
	address, _ := start(t, l)
	serial := func() (int64, error) {
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
		connection, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			return 0, err
		}
		defer func() { _ = connection.Close() }()
		return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	if got, err := serial(); err != nil || got != 1 {
		t.Fatalf("served certificate %d, %v; want 1", got, err)
	}
	roots.AddCert(writeCertificate(t, l, 2))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for got := int64(1); got != 2; <-tick.C { // until the test's own timeout
		var err error
		if got, err = serial(); err != nil {
			t.Fatal(err)
		}
	}
	old := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}
	if _, err := old.DialContext(t.Context(), "tcp", address); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

// writeCertificate writes a certificate and its key where a listener reads them.
func writeCertificate(t *testing.T, l *Listener, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		l.CertFile: {Type: "CERTIFICATE", Bytes: raw},
		l.KeyFile:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
