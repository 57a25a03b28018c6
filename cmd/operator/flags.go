// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// flags are the settings of the operator.
type flags struct {
	metrics       metricsFlags
	probes, pprof string
	leader        leaderFlags
	// maxEventAge, expiry and retention bound how old events and Notifications get.
	maxEventAge, expiry, retention time.Duration
	callTimeout                    time.Duration
	outgoing                       outgoingFlags
	dashboardURL                   string
	edge                           listenerFlags
	api                            apiFlags
}

// leaderFlags are the settings of leader election.
type leaderFlags struct {
	elect bool
	// watch are the namespaces that the operator watches; empty means all.
	watch         namespaceList
	namespace     string
	leaseDuration time.Duration
}

// namespaceList is a flag with names of namespaces, separated by commas.
type namespaceList []string

// String returns the flag's text.
func (l *namespaceList) String() string { return strings.Join(*l, ",") }

// Set parses the flag's text.
func (l *namespaceList) Set(text string) error {
	*l = nil
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return fmt.Errorf("%q is not the name of a namespace: %s", name, strings.Join(problems, "; "))
		}
		*l = append(*l, name)
	}
	slices.Sort(*l)
	*l = slices.Compact(*l)
	return nil
}

// nameList is a flag with DNS names, separated by commas.
type nameList []string

// String returns the flag's text.
func (l *nameList) String() string { return strings.Join(*l, ",") }

// Set parses the flag's text.
func (l *nameList) Set(text string) error {
	*l = nil
	for _, name := range items(text) {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return fmt.Errorf("%q is not a DNS name: %s", name, strings.Join(problems, "; "))
		}
		*l = append(*l, name)
	}
	return nil
}

// listenerFlags are the settings of one listener.
type listenerFlags struct {
	address, cert, key string
}

// isOff reports whether the listener is turned off.
func (f listenerFlags) isOff() bool { return f.address == "" || f.address == "0" }

// apiFlags are the settings of the API.
type apiFlags struct {
	listenerFlags
	namespace, slack, jira string
	// selfSigned are the names in a certificate that the operator makes for the API.
	selfSigned nameList
	// audience is the one that callers' tokens must have; empty for those of the API server.
	audience          string
	requestsPerSecond float64
}

// register defines the flags in a set.
func (f *flags) register(set *flag.FlagSet) {
	set.StringVar(&f.metrics.address, "metrics-bind-address", "0", "The address of the metrics endpoint; 0 turns it off.")
	set.BoolVar(&f.metrics.secure, "metrics-secure", true,
		"Serve metrics by HTTPS, to callers whose token may get the path /metrics. Otherwise to everyone, by plain HTTP.")
	set.StringVar(&f.metrics.certDir, "metrics-cert-dir", "",
		"The directory with tls.crt and tls.key for the metrics endpoint; a self-signed certificate when empty.")
	set.StringVar(&f.probes, "health-probe-bind-address", ":8081", "The address of /healthz and /readyz; 0 turns them off.")
	set.StringVar(&f.pprof, "pprof-bind-address", "0", "The address of Go's profiles of CPU and memory; 0 turns it off.")
	set.BoolVar(&f.leader.elect, "leader-elect", false,
		"Elect a leader by a lease, so that only one of several replicas, or of several installations in a cluster, acts on an object.")
	set.Var(&f.leader.watch, "watch-namespaces",
		"The namespaces on whose objects the operator acts, separated by commas; all namespaces when empty. "+
			"Two operators whose namespaces overlap exclude each other, see --leader-elect.")
	set.StringVar(&f.leader.namespace, "leader-election-namespace", "default",
		"The namespace of the lease of an operator that watches all namespaces. "+
			"Operators exclude each other only if they have the same here. "+
			"One with --watch-namespaces has a lease in each of these.")
	set.DurationVar(&f.leader.leaseDuration, "lease-duration", 15*time.Second,
		"How long after its last renewal another replica may take the lease.")
	set.DurationVar(&f.callTimeout, "call-timeout", transport.DefaultTimeout, "How long a call to Slack or Jira may take.")
	f.outgoing.register(set)
	set.DurationVar(&f.maxEventAge, "max-event-age", 24*time.Hour,
		"How old an event may be and still match a rule. The age of an event from outside counts from its arrival.")
	set.DurationVar(&f.expiry, "notification-expiry", 24*time.Hour, "How old a Notification may be and still be sent.")
	set.DurationVar(&f.retention, "notification-retention", 72*time.Hour,
		"How long a Notification is kept, from when its event last arrived; must be longer than --max-event-age and --notification-expiry.")
	set.StringVar(&f.dashboardURL, "dashboard-url", "",
		"Where people reach the dashboard. Tickets link to their Defect there; no links when empty.")
	set.StringVar(&f.edge.address, "edge-bind-address", "0",
		"The address of the listener for signed webhooks, which may face the internet; 0 turns it off.")
	set.StringVar(&f.edge.cert, "edge-tls-cert-file", "", "The TLS certificate of that listener; plain HTTP when empty.")
	set.StringVar(&f.edge.key, "edge-tls-key-file", "", "The key of that certificate.")
	set.StringVar(&f.api.address, "api-bind-address", "0",
		"The address of the REST API and the dashboard, for clients inside the cluster; 0 turns it off.")
	set.StringVar(&f.api.cert, "api-tls-cert-file", "",
		"The TLS certificate of the API; plain HTTP when this and --api-tls-self-signed are empty.")
	set.StringVar(&f.api.key, "api-tls-key-file", "", "The key of that certificate.")
	set.Var(&f.api.selfSigned, "api-tls-self-signed",
		"The DNS names, separated by commas, in a certificate that the operator makes at each start. "+
			"The API uses it while the file of --api-tls-cert-file does not exist. No such certificate when empty.")
	set.StringVar(&f.api.audience, "api-audience", "",
		"The audience that tokens of the API's callers must have; those of the Kubernetes API server when empty. "+
			"To write, a token needs both.")
	set.StringVar(&f.api.namespace, "api-default-namespace", "default",
		"The namespace of API requests that name none; the first of --watch-namespaces if that does not include it.")
	set.StringVar(&f.api.slack, "api-default-slack", "slack", "The SlackIntegration of API requests that name none.")
	set.StringVar(&f.api.jira, "api-default-jira", "jira", "The JiraIntegration of API requests that name none.")
	set.Float64Var(&f.api.requestsPerSecond, "api-requests-per-second", 100,
		"How many requests a second one client of the API may make; 50 times as many may bring events.")
}

// audiences returns the audiences of which callers' tokens must have one; none for those of the API server.
func (f apiFlags) audiences() []string {
	if f.audience == "" {
		return nil
	}
	return []string{f.audience}
}

// defaultNamespace returns the namespace of API requests that name none.
func (f *flags) defaultNamespace() string {
	if watched := f.leader.watch; len(watched) > 0 && !slices.Contains(watched, f.api.namespace) {
		return watched[0]
	}
	return f.api.namespace
}

// validate returns an error when flags contradict each other.
func (f *flags) validate() error {
	if f.callTimeout < time.Second {
		return fmt.Errorf("--call-timeout must be at least 1s, not %s", f.callTimeout)
	}
	if f.leader.namespace == "" {
		return errors.New("--leader-election-namespace must not be empty")
	}
	if f.retention <= f.maxEventAge || f.retention <= f.expiry {
		return fmt.Errorf("--notification-retention (%s) must be longer than --max-event-age (%s) and --notification-expiry (%s): "+
			"an event can match again once its Notification was removed", f.retention, f.maxEventAge, f.expiry)
	}
	return nil
}
