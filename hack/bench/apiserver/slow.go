// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Slow is an API server that takes a time for each request.
type Slow struct {
	server  *http.Server
	address string
}

// NewSlow returns the API server of a config, slowed down.
func NewSlow(ctx context.Context, config *rest.Config, delay time.Duration) (*Slow, error) {
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	to, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(&url.URL{Scheme: to.Scheme, Host: to.Host}) },
		Transport:     transport,
		FlushInterval: -1, // for watches
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Slow{address: "http://" + listener.Addr().String(), server: &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(delay):
				proxy.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		}),
	}}
	go func() { _ = s.server.Serve(listener) }() // until Close
	return s, nil
}

// WriteKubeconfig writes a file with which programs reach the API server.
func (s *Slow) WriteKubeconfig(file string) error {
	const name = "slow"
	c := clientcmdapi.NewConfig()
	c.Clusters[name] = &clientcmdapi.Cluster{Server: s.address}
	c.AuthInfos[name] = &clientcmdapi.AuthInfo{}
	c.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	c.CurrentContext = name
	return clientcmd.WriteToFile(*c, file)
}

// Close stops it. It does not wait for watches.
func (s *Slow) Close() { _ = s.server.Close() }
