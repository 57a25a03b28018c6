// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// No level of the log shows a Secret that was read.
func TestLogsNoBodies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"Secret","apiVersion":"v1","stringData":{"key":"s3cr3t"}}`))
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []string{"debug", "6", "7", "8", "10", "100"} {
		var logged bytes.Buffer
		logging := zap.Options{DestWriter: &logged}
		set := flag.NewFlagSet("", flag.ContinueOnError)
		logging.BindFlags(set)
		if err := set.Parse([]string{"--zap-log-level", level}); err != nil {
			t.Fatal(err)
		}
		log := newLogger(&logging)
		log.V(1).Info("visible")
		ctx := ctrl.LoggerInto(t.Context(), log)
		if _, err := client.CoreV1().Secrets("a").Get(ctx, "b", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
		if text := logged.String(); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "visible") {
			t.Errorf("level %s logged %s", level, text)
		}
	}
}

// TestLogsEveryLine checks that none of many lines that differ in their values only is dropped.
func TestLogsEveryLine(t *testing.T) {
	var logged bytes.Buffer
	log := newLogger(&zap.Options{DestWriter: &logged})
	for k := range 1000 {
		log.Info("Status changed", "k", k)
		log.V(1).Info("Not shown")
	}
	if lines := strings.Count(logged.String(), "\n"); lines != 1000 {
		t.Errorf("%d lines, want 1000", lines)
	}
}
