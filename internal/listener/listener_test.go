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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var fine = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// start has a listener serve until the test ends, or stop is called.
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

func TestNobodyMayTakeLong(t *testing.T) {
	l := New("test", "127.0.0.1:0", fine)
	l.Within = 7 * time.Second
	srv := l.server(t.Context())
	got := []time.Duration{srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout}
	for i, want := range []time.Duration{5 * time.Second, 15 * time.Second, 7 * time.Second, 30 * time.Second} {
		if got[i] != want {
			t.Errorf("timeouts are %v", got)
		}
	}
	if !srv.DisableGeneralOptionsHandler {
		t.Errorf("configured %+v", srv)
	}
}

func TestNobodyMaySendMuch(t *testing.T) {
	address, _ := start(t, New("test", "127.0.0.1:0", fine))
	for size, want := range map[int]int{8 << 10: http.StatusOK, 32 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := connection.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nLong: " + strings.Repeat("x", size) + "\r\n\r\n")); err != nil {
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

// Who sends a header without an end is cut off.
func TestASlowHeaderIsCutOff(t *testing.T) {
	address, _ := start(t, New("test", "127.0.0.1:0", fine))
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if _, err := connection.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil) // it would wait for ever
	if err == nil {
		if answer.Body.Close(); answer.StatusCode == http.StatusOK {
			t.Error("an unfinished request was answered")
		}
	}
}

// What is under way when the operator is told to stop is finished.
func TestFinishesWhatIsUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	l := New("test", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		if r.Context().Err() != nil {
			w.WriteHeader(http.StatusGone)
		}
	}))
	if l.Addr() != nil || l.NeedLeaderElection() {
		t.Errorf("before it listens its address is %v; only the leader serves: %t", l.Addr(), l.NeedLeaderElection())
	}
	if err := l.Check(nil); err == nil || !strings.Contains(err.Error(), "test") {
		t.Errorf("before it listens its check says %v", err)
	}
	l.Stopping = func() { close(leave) }
	address, stop := start(t, l)
	if err := l.Check(nil); err != nil {
		t.Errorf("it listens, and its check says %v", err)
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

func TestSaysWhyItCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if err := New("test", taken.Addr().String(), fine).Start(t.Context()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("error is %v", err)
	}
	l := New("test", "127.0.0.1:0", fine)
	l.CertFile = "none.pem"
	if err := l.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "loading the certificate of the test listener") {
		t.Errorf("error is %v", err)
	}
}

// A certificate that is renewed is served without a restart.
func TestServesTLS(t *testing.T) {
	l := New("test", "127.0.0.1:0", fine)
	folder := t.TempDir()
	l.CertFile, l.KeyFile = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	roots := x509.NewCertPool()
	roots.AddCert(certify(t, l, 1))
	address, _ := start(t, l)
	serial := func() (int64, error) {
		connection, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return 0, err
		}
		defer func() { _ = connection.Close() }()
		return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	if got, err := serial(); err != nil || got != 1 {
		t.Fatalf("certificate %d was served, and the error is %v", got, err)
	}
	roots.AddCert(certify(t, l, 2))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for got := int64(1); got != 2; <-tick.C { // until the test's own timeout
		var err error
		if got, err = serial(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}}).DialContext(t.Context(), "tcp", address); err == nil { //nolint:gosec // it must be refused
		t.Error("TLS 1.1 was spoken")
	}
}

// certify writes a certificate and its key where a listener reads them.
func certify(t *testing.T, l *Listener, serial int64) *x509.Certificate {
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
	for file, block := range map[string]*pem.Block{l.CertFile: {Type: "CERTIFICATE", Bytes: raw}, l.KeyFile: {Type: "PRIVATE KEY", Bytes: private}} {
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
