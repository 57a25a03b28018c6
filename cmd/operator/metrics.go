// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// metricsFlags are the settings of the metrics endpoint.
type metricsFlags struct {
	address string
	secure  bool
	certDir string
}

// metricsOptions returns the options of the metrics endpoint.
func metricsOptions(f metricsFlags) metricsserver.Options {
	options := metricsserver.Options{BindAddress: f.address}
	if f.secure {
		options.SecureServing = true
		options.CertDir = f.certDir
		options.FilterProvider = authorizeScrapes
	}
	return options
}

const (
	// concurrentReviews is how many scrapes may wait for the API server at the same time.
	concurrentReviews = 4
	// reviewWait is how long a further scrape waits for its turn.
	reviewWait = 5 * time.Second
)

// authorizeScrapes returns a filter that serves only callers with a token whose user may get the path.
func authorizeScrapes(config *rest.Config, _ *http.Client) (metricsserver.Filter, error) {
	who, err := identity.New(config)
	if err != nil {
		return nil, fmt.Errorf("setting up authentication for the metrics: %w", err)
	}
	turns := make(chan struct{}, concurrentReviews)
	return func(log logr.Logger, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case turns <- struct{}{}:
			case <-time.After(reviewWait):
				http.Error(w, "Other requests wait for the API server. Try again later.", http.StatusServiceUnavailable)
				return
			}
			status, err := reviewScrape(who, r)
			<-turns
			if err != nil {
				log.Error(err, "Scrape could not be authorized")
			}
			if status != http.StatusOK {
				http.Error(w, http.StatusText(status), status)
				return
			}
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// reviewScrape returns the status with which a scrape is answered. The error is that of the API server.
func reviewScrape(who *identity.Authenticator, r *http.Request) (int, error) {
	caller, err := who.Authenticate(r.Context(), identity.BearerToken(r))
	if errors.Is(err, identity.ErrUnauthenticated) {
		return http.StatusUnauthorized, nil
	}
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	allowed, err := who.AllowedPath(r.Context(), caller, r.URL.Path)
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	if !allowed {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
