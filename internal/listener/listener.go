// SPDX-License-Identifier: Apache-2.0

// Package listener serves HTTP to clients that are not trusted: it bounds how long a request may take, how large its
// header may be, and how many connections are open.
package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
)

// ReadTimeout bounds how long a request, its body included, may take to arrive.
const ReadTimeout = 15 * time.Second

const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 30 * time.Second
	shutdownTimeout   = 5 * time.Second
	// maxConnections bounds how many connections are open. Together with maxHeader it bounds the memory of requests whose
	// header has not arrived in full.
	maxConnections = 2048
	// maxPerAddress bounds how many connections are open from one address. A proxy with many clients behind it may have
	// that many, and other addresses still find room.
	maxPerAddress = maxConnections / 2
	// maxHeader bounds a request's header, in bytes.
	maxHeader = 16 << 10
	// maxLogMessage bounds a message of net/http in the log, in bytes.
	maxLogMessage = 1024
)

// Listener serves a handler. A manager runs it.
type Listener struct {
	// Name appears in the log and in errors, such as edge.
	Name string
	// Address is where to listen, such as :8082.
	Address string
	// CertFile and KeyFile are PEM files for TLS, which may be renewed at any time. If both and SelfSignedFor are empty,
	// the listener speaks plain HTTP, for a proxy that terminates TLS.
	CertFile, KeyFile string
	// SelfSignedFor are the names in a certificate that the listener makes, for as long as there are no files.
	SelfSignedFor []string
	// AnswerTimeout bounds how long an answer may take, from the end of the request's header on.
	AnswerTimeout time.Duration
	// Handler answers the requests.
	Handler http.Handler
	// OnShutdown is called when the shutdown begins, to end those answers that never end by themselves. It may be nil.
	OnShutdown func()

	ready chan struct{}
	bound net.Addr
}

// New returns a Listener. Its exported fields may be changed until it is started.
func New(name, address string, handler http.Handler) *Listener {
	return &Listener{
		Name:          name,
		Address:       address,
		Handler:       handler,
		AnswerTimeout: 15 * time.Second,
		ready:         make(chan struct{}),
	}
}

// NeedLeaderElection returns false: every replica serves.
func (l *Listener) NeedLeaderElection() bool { return false }

// Ready returns a channel that is closed once the Listener accepts connections.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Check returns an error until the Listener accepts connections. It serves as a readiness check.
func (l *Listener) Check(*http.Request) error {
	if l.Addr() == nil {
		return fmt.Errorf("the %s listener does not accept connections yet", l.Name)
	}
	return nil
}

// Addr returns the address at which the Listener accepts connections; nil before it is ready.
func (l *Listener) Addr() net.Addr {
	select {
	case <-l.ready:
		return l.bound
	default:
		return nil
	}
}

// Start serves until the context ends. Requests in progress then have 5 seconds to finish. A Listener can be started
// once.
func (l *Listener) Start(ctx context.Context) error {
	inner, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", l.Address, err)
	}
	return l.Serve(ctx, inner)
}

// Serve serves the connections of another listener, as Start does.
func (l *Listener) Serve(ctx context.Context, inner net.Listener) error {
	// Requests in progress outlive ctx until the shutdown is over.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	base = ctrl.LoggerInto(base, ctrl.LoggerFrom(ctx).WithName(l.Name))
	srv := l.server(base)
	ended := make(chan error, 1)
	if l.CertFile != "" || l.KeyFile != "" || len(l.SelfSignedFor) > 0 {
		certificates, err := l.newCertificates(base)
		if err != nil {
			_ = inner.Close()
			return err
		}
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificates.get}
	}
	l.bound = inner.Addr()
	close(l.ready)

	go func() { ended <- serve(srv, newConnections(inner, maxConnections, maxPerAddress)) }()
	select {
	case err := <-ended:
		_ = srv.Close()
		return fmt.Errorf("serving on %s: %w", l.bound, err)
	case <-ctx.Done():
	}
	l.shutDown(base, srv)
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", l.bound, err)
	}
	return nil
}

// serve serves the connections within the limits until the server is closed.
func serve(srv *http.Server, limited *connections) error {
	srv.ConnState = limited.setState
	if srv.TLSConfig != nil {
		return srv.ServeTLS(limited, "", "")
	}
	return srv.Serve(limited)
}

// shutDown waits for requests in progress and closes what remains after shutdownTimeout.
func (l *Listener) shutDown(ctx context.Context, srv *http.Server) {
	if l.OnShutdown != nil {
		l.OnShutdown()
	}
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		_ = srv.Close() // a client that is cut off here has no answer and retries
	}
}

// server returns a server with all limits set.
func (l *Listener) server(base context.Context) *http.Server {
	return &http.Server{
		Handler:                      closeOnUnread(withStrictTransport(l.Handler)),
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  ReadTimeout,
		WriteTimeout:                 l.AnswerTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ErrorLog:                     log.New(debugWriter{base}, "", 0),
	}
}

// withStrictTransport makes browsers that came by TLS come back by TLS only. Behind a proxy that terminates TLS, its header
// says so. A client that sends the header itself affects no other one.
func withStrictTransport(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// debugWriter logs the errors of net/http at debug level only, as any client can cause them.
type debugWriter struct{ ctx context.Context }

func (w debugWriter) Write(p []byte) (int, error) {
	ctrl.LoggerFrom(w.ctx).V(1).Info("Connection failed", "Message", string(p[:min(len(p), maxLogMessage)]))
	return len(p), nil
}
