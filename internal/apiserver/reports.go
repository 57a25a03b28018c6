package apiserver

import (
	"context"
	"slices"
	"sync/atomic"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// +kubebuilder:rbac:groups="",resources=pods,verbs=list

const (
	// maxReports are kept, of the runs that were looked at last; maxAsked are asked for in one call, and maxPods taken from its answer.
	maxReports, maxAsked, maxPods = 4096, 100, 1000
)

// reports are what runs that ended said of themselves in termination messages, for those that have no annotation. A run's Pods do not change any
// more: they are asked for once, and its report outlives them.
type reports struct {
	known *lru.Cache // text by types.UID; empty when there is none
	// changes is how often any was learnt.
	changes atomic.Uint64
}

func newReports() *reports { return &reports{known: lru.New(maxReports)} }

// of is the report of a run; empty when there is none, or when it was never learnt.
func (r *reports) of(j *batchv1.Job) string {
	if text := j.Annotations[v1alpha1.ResultsAnnotation]; text != "" {
		return text
	}
	text, _ := r.known.Get(j.UID)
	out, _ := text.(string)
	return out
}

// learn looks up the reports of those runs that need it. Where that fails they are told without, and looked up the next time.
func (s *Server) learn(ctx context.Context, runs []*batchv1.Job) {
	missing := map[string][]types.UID{}
	for _, j := range runs {
		if finished, _, _, _ := event.RunFinished(j); !finished || j.Annotations[v1alpha1.ResultsAnnotation] != "" {
			continue
		}
		if _, known := s.reports.known.Get(j.UID); !known {
			missing[j.Namespace] = append(missing[j.Namespace], j.UID)
		}
	}
	for namespace, uids := range missing {
		for some := range slices.Chunk(uids, maxAsked) {
			if err := s.learnSome(ctx, namespace, some); err != nil {
				ctrl.LoggerFrom(ctx).Error(err, "Looking up what runs reported", "Namespace", namespace)
			}
		}
	}
}

func (s *Server) learnSome(ctx context.Context, namespace string, uids []types.UID) error {
	texts := make([]string, 0, len(uids))
	for _, uid := range uids {
		texts = append(texts, string(uid))
	}
	theirs, err := labels.NewRequirement(batchv1.ControllerUidLabel, selection.In, texts)
	if err != nil {
		return err
	}
	pods := &corev1.PodList{}
	if err := s.o.Live.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: labels.NewSelector().Add(*theirs)}, client.Limit(maxPods)); err != nil {
		return err
	}
	of := map[types.UID][]corev1.Pod{}
	for _, p := range pods.Items {
		uid := types.UID(p.Labels[batchv1.ControllerUidLabel])
		of[uid] = append(of[uid], p)
	}
	for _, uid := range uids {
		s.reports.known.Add(uid, event.TerminationMessage(of[uid]))
	}
	s.reports.changes.Add(1)
	return nil
}
