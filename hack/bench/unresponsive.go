package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

var unresponsive = []scenario{
	{"half-dead", "200 Defects one after the other through 50 Slack integrations, first alone, then beside 50 whose server takes connections and says nothing", halfUnresponsive},
}

const (
	livingIntegrations = 50
	perPhase           = 200
	// forLabel says which integration a Defect is for.
	forLabel = "bench"
)

func halfUnresponsive(ctx context.Context, w *world) (f figures, err error) {
	got := &receipts{at: map[string]time.Time{}}
	w.startSandboxBehind(sandbox.Options{Latency: 20 * time.Millisecond}, got.record)
	silent, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return f, err
	}
	defer func() { _ = silent.Close() }()
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			defer func() { _ = c.Close() }() // only in the end: until then the other side waits
		}
	}()
	if err := w.client.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "slack"}, StringData: map[string]string{"token": slack.BotToken}}); err != nil {
		return f, err
	}
	var living []condition.Object
	for k := range livingIntegrations {
		i, err := w.createSlackIntegration(ctx, "live-"+strconv.Itoa(k), w.server.URL+sandbox.SlackAPIPath)
		if err != nil {
			return f, err
		}
		living = append(living, i)
	}
	if err := w.startOperator(ctx, living...); err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	alone, err := w.measureOneByOne(ctx, got, 0)
	if err != nil {
		return f, err
	}
	for k := range livingIntegrations {
		name := "dead-" + strconv.Itoa(k)
		if _, err := w.createSlackIntegration(ctx, name, "http://"+silent.Addr().String()+"/api/"); err != nil {
			return f, err
		}
		for n := range 4 { // that wait
			d := newDefect(fmt.Sprintf("waits-%d-%d", k, n))
			d.Labels = map[string]string{forLabel: name}
			if err := w.client.Create(ctx, d); err != nil {
				return f, err
			}
		}
	}
	beside, err := w.measureOneByOne(ctx, got, perPhase)
	if err != nil {
		return f, err
	}
	f.percentiles(beside)
	was := figures{}
	was.percentiles(alone)
	f.Notes = fmt.Sprintf("alone p50 %.0f ms, p99 %.0f ms; the figures are those beside the dead ones", was.P50, was.P99)
	return f, w.recordUsage(ctx, &f, since)
}

// createSlackIntegration makes an integration, and a rule that tells it of the Defects that are for it.
func (w *world) createSlackIntegration(ctx context.Context, name, url string) (*v1alpha1.SlackIntegration, error) {
	i := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.SlackIntegrationSpec{
		APIURL: v1alpha1.HTTPURL(url), DefaultChannel: slack.AlertsChannel, RateLimit: unlimited,
		Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
	}}
	r := &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.NotificationRuleSpec{
		EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}, IntegrationRef: &v1alpha1.IntegrationReference{Name: name},
		Selector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{forLabel: v1alpha1.LabelValue(name)}},
	}}
	return i, errors.Join(w.client.Create(ctx, i), w.client.Create(ctx, r))
}

// measureOneByOne creates a Defect, waits for Slack's receipt of its message, and creates the next, and returns how long each took in milliseconds.
func (w *world) measureOneByOne(ctx context.Context, got *receipts, from int) ([]float64, error) {
	var took []float64
	for k := from; k < from+perPhase; k++ {
		name := fmt.Sprintf("message-%d", k)
		d := newDefect(name)
		d.Labels = map[string]string{forLabel: "live-" + strconv.Itoa(k%livingIntegrations)}
		at := time.Now()
		if err := w.client.Create(ctx, d); err != nil {
			return nil, err
		}
		err := w.stage.Poll(ctx, name+" to be told", func() (bool, error) {
			received, ok := got.receivedAt(name)
			if ok {
				took = append(took, ms(received.Sub(at)))
			}
			return ok, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}
