// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

const namespace = "default"

// services are Slack and Jira: the sandbox, or real ones that the environment names.
type services struct {
	sandbox                            string
	jiraURL, jiraUser, jiraToken       string
	slackWebhook, slackChannel         string
	slackDisabled, realSlack, realJira bool
	// socketMode has the sandbox send by Socket Mode what people do, instead of by HTTP.
	socketMode bool
}

// startServices reads the services from the environment, and starts the sandbox for those that are not set.
func startServices(ctx context.Context, s *stage.Stage) (*services, error) {
	v := &services{
		jiraURL: os.Getenv("JIRA_URL"), jiraUser: os.Getenv("JIRA_USERNAME"), jiraToken: os.Getenv("JIRA_API_TOKEN"),
		slackWebhook: os.Getenv("SLACK_WEBHOOK_URL"), slackChannel: os.Getenv("SLACK_ALERT_CHANNEL"),
		slackDisabled: strings.EqualFold(os.Getenv("SLACK_NOTIFICATIONS_ENABLED"), "false"),
		socketMode:    os.Getenv("SLACK_SOCKET_MODE") != "",
	}
	v.realJira = v.jiraURL != "" && v.jiraUser != "" && v.jiraToken != ""
	v.realSlack = v.slackWebhook != ""
	if v.jiraURL != "" && !v.realJira {
		return nil, errors.New("JIRA_URL is set: set JIRA_USERNAME and JIRA_API_TOKEN too")
	}
	if v.realJira && v.realSlack {
		return v, nil
	}
	simulated := "Slack and Jira"
	if v.realJira {
		simulated = "Slack"
	}
	step("Starting the sandbox, which simulates %s", simulated)
	var err error
	v.sandbox, err = s.Sandbox(ctx, "--latency", "20ms")
	return v, err
}

// apply configures the samples for the services, creates them and waits until all are Ready. It returns the Defect,
// which it does not create.
func apply(ctx context.Context, c client.Client, v *services) (*v1alpha1.Defect, error) {
	objects, err := samples(c)
	if err != nil {
		return nil, err
	}
	var defect *v1alpha1.Defect
	var waitFor []resource
	for _, o := range objects {
		o.SetNamespace(namespace)
		v.configure(o)
		switch o := o.(type) {
		case *v1alpha1.Defect:
			defect = o
			continue
		case resource:
			waitFor = append(waitFor, o)
		}
		if err := c.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err := c.Create(ctx, o); err != nil {
			return nil, fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	if defect == nil {
		return nil, errors.New("config/samples has no Defect")
	}
	if err := c.Delete(ctx, defect); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	defect.ResourceVersion = ""
	for _, o := range waitFor {
		err := stage.Poll(ctx, fmt.Sprintf("%T %s to be Ready", o, o.GetName()), nil, func() (bool, error) {
			if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
				return false, err
			}
			if s := condition.Get(o, v1alpha1.ConditionStalled); s != nil && !v.slackDisabled {
				return false, fmt.Errorf("%T %s: %s: %s", o, o.GetName(), s.Reason, s.Message)
			}
			return condition.Is(o, v1alpha1.ConditionReady, metav1.ConditionTrue, ""), nil
		})
		if err != nil {
			return nil, err
		}
	}
	// Creation times have whole seconds. A Defect created in the second in which the operator became leader could be
	// older, and the operator would look up its ticket first.
	now := time.Now()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(now.Truncate(time.Second).Add(1100 * time.Millisecond).Sub(now)):
	}
	return defect, nil
}

// configure changes a sample to use the services.
func (v *services) configure(o client.Object) {
	switch o := o.(type) {
	case *corev1.Secret:
		set := map[string]string{
			"bot-token":   "xoxb-sandbox",
			"webhook-url": v.sandbox + "/services/T0SANDBOX/B0SANDBOX/sandbox",
			"api-token":   "jira-sandbox",
		}
		if v.realSlack {
			set["webhook-url"] = v.slackWebhook
		}
		if v.realJira {
			set["api-token"] = v.jiraToken
		}
		for key := range o.StringData {
			o.StringData[key] = set[key]
		}
		if o.Name == "slack" && !v.realSlack {
			o.StringData["signing-secret"] = slack.SigningSecret
			o.StringData["app-token"] = slack.AppToken
		}
	case *v1alpha1.SlackIntegration:
		o.Spec.Suspend = v.slackDisabled
		if o.Spec.Bot != nil {
			o.Spec.APIURL = v1alpha1.HTTPURL(v.sandbox + "/api/")
			o.Spec.SigningSecretRef = &v1alpha1.SecretKeyReference{Name: "slack", Key: "signing-secret"}
			if v.socketMode {
				o.Spec.SigningSecretRef = nil
				o.Spec.AppTokenSecretRef = &v1alpha1.SecretKeyReference{Name: "slack", Key: "app-token"}
			}
			o.Spec.AdminChannel = "#general"
			if v.realSlack { // one integration, by webhook
				o.Spec.Bot = nil
				o.Spec.APIURL = ""
				o.Spec.SigningSecretRef = nil
				o.Spec.AdminChannel = ""
				o.Spec.Webhook = &v1alpha1.SlackWebhook{URLSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "webhook-url"}}
				o.Spec.DefaultChannel = v1alpha1.SlackChannel(v.slackChannel)
			}
		}
	case *v1alpha1.NotificationRule:
		if v.realSlack {
			o.Spec.Channel = ""
		}
	case *v1alpha1.JiraIntegration:
		o.Spec.APIURL = v1alpha1.HTTPURL(v.sandbox + "/jira")
		o.Spec.Basic.Username = "bot@example.com"
		if v.realJira {
			o.Spec.APIURL = v1alpha1.HTTPURL(strings.TrimRight(v.jiraURL, "/"))
			o.Spec.Basic.Username = v.jiraUser
			if key := os.Getenv("JIRA_PROJECT_KEY"); key != "" {
				o.Spec.ProjectKey = key
			}
		}
	}
}

// samples reads the objects in config/samples.
func samples(c client.Client) ([]client.Object, error) {
	var out []client.Object
	decoder := serializer.NewCodecFactory(c.Scheme()).UniversalDeserializer()
	for _, name := range []string{"secrets", "slackintegration", "slackintegration_webhook", "jiraintegration", "notificationrule", "defect"} {
		file, err := os.Open(filepath.Join("config", "samples", name+".yaml"))
		if err != nil {
			return nil, err
		}
		documents := yaml.NewDocumentDecoder(file)
		buffer := make([]byte, 1<<20)
		for {
			n, err := documents.Read(buffer)
			if n == 0 || err != nil {
				break
			}
			o, _, err := decoder.Decode(buffer[:n], nil, nil)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file.Name(), err)
			}
			out = append(out, o.(client.Object))
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
