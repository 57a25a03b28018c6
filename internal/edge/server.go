// Package edge is the listener that may face the internet. It serves nothing that is not signature-checked, and what it is told is only a hint.
//
// Jira's webhook is such a guest: a body whose signature is right says which issue may have changed, and nothing else of it is used. The hint
// is noted on the Defect, as the annotation integrations.voiceai.dev/jira-changed-at, and that is all that happens here. Every replica listens,
// and whichever of them is asked, the leader sees the annotation and reads the issue again: so the hint reaches it wherever it runs, and is
// still there after a restart.
package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"path"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// maxInFlight requests are served at once. With the bound on a body this bounds the memory that strangers can take.
	maxInFlight = 64
	// busyRetryAfter, in seconds, is when to come back to a server that has too much to do.
	busyRetryAfter = "5"

	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 15 * time.Second
	idleTimeout       = time.Minute
	shutdownTimeout   = 5 * time.Second
	maxHeader         = 16 << 10
)

// Route is something the edge serves. Its handler checks the signature of what it gets, and bounds how much it reads.
type Route struct {
	// Method and Path are as in the patterns of http.ServeMux.
	Method, Path string
	// Source is what its requests are counted under.
	Source string
	// Handler may run for 15 seconds, reading the body included.
	Handler http.Handler
}

// Server is the edge listener, for a manager to run.
type Server struct {
	// CertFile and KeyFile are PEM files to serve TLS with; plain HTTP, for something in front that ends TLS, when both are empty.
	CertFile, KeyFile string

	addr    string
	handler http.Handler
	ready   chan struct{}
	bound   net.Addr
}

// New is a server of some routes on an address such as :8082. It listens when it is started.
func New(addr string, routes ...Route) *Server {
	return &Server{addr: addr, handler: serve(routes), ready: make(chan struct{})}
}

// NeedLeaderElection is false: every replica serves.
func (s *Server) NeedLeaderElection() bool { return false }

// Ready is closed once the server listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is where the server listens; nil before it is ready.
func (s *Server) Addr() net.Addr {
	select {
	case <-s.ready:
		return s.bound
	default:
		return nil
	}
}

// Start serves until the context ends; what is under way then has 5 seconds to finish. A Server can be started once.
func (s *Server) Start(ctx context.Context) error {
	// Requests under way outlive ctx until the shutdown is over.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv, err := s.server(ctrl.LoggerInto(base, ctrl.LoggerFrom(ctx).WithName("edge")))
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.addr, err)
	}
	s.bound = listener.Addr()
	close(s.ready)

	ended := make(chan error, 1)
	go func() {
		if srv.TLSConfig != nil {
			ended <- srv.ServeTLS(listener, "", "")
			return
		}
		ended <- srv.Serve(listener)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serving on %s: %w", s.bound, err)
	case <-ctx.Done():
	}
	shutdown, cancelShutdown := context.WithTimeout(base, shutdownTimeout)
	defer cancelShutdown()
	if err := srv.Shutdown(shutdown); err != nil {
		_ = srv.Close() // who is cut off here has had no answer and tries again
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", s.bound, err)
	}
	return nil
}

// server is how HTTP is spoken: nobody may take long, or send much.
func (s *Server) server(base context.Context) (*http.Server, error) {
	out := &http.Server{
		Handler:                      s.handler,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ErrorLog:                     log.New(quiet{base}, "", 0),
	}
	if s.CertFile == "" && s.KeyFile == "" {
		return out, nil
	}
	certificate, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate of the edge listener: %w", err)
	}
	out.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	return out, nil
}

// quiet logs what net/http has to say of its connections only when details are wanted: strangers cause it at will.
type quiet struct{ ctx context.Context }

func (q quiet) Write(p []byte) (int, error) {
	ctrl.LoggerFrom(q.ctx).V(1).Info("Connection failed", "Message", string(p[:min(len(p), 1024)]))
	return len(p), nil
}

// serve routes requests, of which a limited number is under way at once.
func serve(routes []Route) http.Handler {
	slots := make(chan struct{}, maxInFlight)
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.Method+" "+r.Path, func(w http.ResponseWriter, req *http.Request) {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				r.Handler.ServeHTTP(w, req)
			default:
				count(r.Source, failed)
				w.Header().Set("Retry-After", busyRetryAfter)
				answer(w, http.StatusServiceUnavailable)
			}
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if path.Clean(req.URL.Path) != req.URL.Path { // the mux would redirect
			answer(w, http.StatusNotFound)
			return
		}
		mux.ServeHTTP(w, req)
	})
}

// answer says no more than the status.
func answer(w http.ResponseWriter, status int) {
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	http.Error(w, http.StatusText(status), status)
}
