// Package listener speaks HTTP with strangers: nobody may take long, send much, or open connections without end.
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

	"golang.org/x/net/netutil"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// ReadTimeout is how long a request may take to arrive, its body included.
const ReadTimeout = 15 * time.Second

const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 30 * time.Second
	shutdownTimeout   = 5 * time.Second
	// maxConnections are open at once; who comes later waits. With maxHeader, in bytes, it bounds what requests take that have not begun yet.
	maxConnections = 2048
	// maxPerAddress are open from one address, which may be that of a proxy with many behind it, and leaves room for others.
	maxPerAddress = maxConnections / 2
	maxHeader     = 16 << 10
)

// Listener serves a handler, for a manager to run.
type Listener struct {
	// Name is what it is called in the log and in errors, such as edge.
	Name string
	// Address is where to listen, such as :8082.
	Address string
	// CertFile and KeyFile are PEM files to serve TLS with, which may be renewed at any time; plain HTTP, for something in front that ends TLS, when
	// both are empty.
	CertFile, KeyFile string
	// Within is how long an answer may take, from the end of the request's header on.
	Within time.Duration
	// Handler answers.
	Handler http.Handler
	// Stopping is called when the end has begun, to end those answers that would never end by themselves; nothing when nil.
	Stopping func()

	ready chan struct{}
	bound net.Addr
}

// New is a Listener, to be filled in further before it is started.
func New(name, address string, handler http.Handler) *Listener {
	return &Listener{Name: name, Address: address, Handler: handler, Within: 15 * time.Second, ready: make(chan struct{})}
}

// NeedLeaderElection is false: every replica serves.
func (l *Listener) NeedLeaderElection() bool { return false }

// Ready is closed once there is a listener.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Check is a readiness check: an error until there is a listener.
func (l *Listener) Check(*http.Request) error {
	if l.Addr() == nil {
		return fmt.Errorf("the %s listener does not listen yet", l.Name)
	}
	return nil
}

// Addr is where it listens; nil before it is ready.
func (l *Listener) Addr() net.Addr {
	select {
	case <-l.ready:
		return l.bound
	default:
		return nil
	}
}

// Start serves until the context ends; what is under way then has 5 seconds to finish. A Listener can be started once.
func (l *Listener) Start(ctx context.Context) error {
	// Requests under way outlive ctx until the shutdown is over.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	base = ctrl.LoggerInto(base, ctrl.LoggerFrom(ctx).WithName(l.Name))
	srv := l.server(base)
	ended := make(chan error, 2)
	if l.CertFile != "" || l.KeyFile != "" {
		certificate, err := certwatcher.New(l.CertFile, l.KeyFile)
		if err != nil {
			return fmt.Errorf("loading the certificate of the %s listener: %w", l.Name, err)
		}
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.GetCertificate}
		go func() {
			if err := certificate.Start(base); err != nil {
				ended <- fmt.Errorf("watching the certificate of the %s listener: %w", l.Name, err)
			}
		}()
	}
	open, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", l.Address, err)
	}
	l.bound = open.Addr()
	close(l.ready)

	go func() {
		limited := netutil.LimitListener(newFair(open, maxPerAddress), maxConnections)
		if srv.TLSConfig != nil {
			ended <- srv.ServeTLS(limited, "", "")
			return
		}
		ended <- srv.Serve(limited)
	}()
	select {
	case err := <-ended:
		_ = srv.Close()
		return fmt.Errorf("serving on %s: %w", l.bound, err)
	case <-ctx.Done():
	}
	if l.Stopping != nil {
		l.Stopping()
	}
	shutdown, cancelShutdown := context.WithTimeout(base, shutdownTimeout)
	defer cancelShutdown()
	if err := srv.Shutdown(shutdown); err != nil {
		_ = srv.Close() // who is cut off here has had no answer and tries again
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", l.bound, err)
	}
	return nil
}

// server is how HTTP is spoken.
func (l *Listener) server(base context.Context) *http.Server {
	return &http.Server{
		Handler:                      l.Handler,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  ReadTimeout,
		WriteTimeout:                 l.Within,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ErrorLog:                     log.New(quiet{base}, "", 0),
	}
}

// quiet logs what net/http has to say of its connections only when details are wanted: strangers cause it at will.
type quiet struct{ ctx context.Context }

func (q quiet) Write(p []byte) (int, error) {
	ctrl.LoggerFrom(q.ctx).V(1).Info("Connection failed", "Message", string(p[:min(len(p), 1024)]))
	return len(p), nil
}
