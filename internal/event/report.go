// SPDX-License-Identifier: Apache-2.0

package event

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// ReportOf returns the result that a run reported: in the Job's annotation, or else the sum of what its Pods left. The
// error says what cannot be read of it, nil when nothing is wrong or nothing was reported.
func ReportOf(job *batchv1.Job, pods []corev1.Pod) (Result, error) {
	if reported := job.Annotations[v1alpha1.ResultsAnnotation]; reported != "" {
		return ParseResult(reported)
	}
	var sum Result
	var problems []error
	counted := countedPods(pods)
	silent := 0
	for i := range counted {
		var r Result
		if message := terminationMessage(&counted[i]); message == "" {
			silent++
		} else {
			var err error
			r, err = ParseResult(message)
			problems = append(problems, err)
		}
		r.Ended = endOf(&counted[i], r)
		sum.add(r)
	}
	all := max(len(counted), indexesOf(job))
	silent += all - len(counted)
	if silent > 0 && silent < all {
		problems = append(problems, fmt.Errorf("%d of %d Pods left no result", silent, all))
	}
	return sum, joinProblems(problems)
}

// endOf returns how a Pod failed; empty when it did not, or when the tests in its result say why.
func endOf(pod *corev1.Pod, r Result) string {
	if pod.Status.Phase != corev1.PodFailed {
		return ""
	}
	if reason := pod.Status.Reason; reason != "" { // such as Evicted
		return "a Pod failed: " + reason
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		t := s.State.Terminated
		switch {
		case t == nil || t.ExitCode == 0:
		case t.Reason != "" && t.Reason != "Error": // such as OOMKilled
			return fmt.Sprintf("container %s ended: %s", s.Name, t.Reason)
		case !r.IsFailed():
			return fmt.Sprintf("container %s ended with exit code %d", s.Name, t.ExitCode)
		}
	}
	return ""
}

// indexesOf returns how many Pods an Indexed Job has to end, 0 of another Job. Those that still ran when the Job failed are
// deleted, or never started.
func indexesOf(job *batchv1.Job) int {
	if ptr.Deref(job.Spec.CompletionMode, "") != batchv1.IndexedCompletion {
		return 0
	}
	return int(ptr.Deref(job.Spec.Completions, 0))
}

// countedPods returns the Pods of a run whose results add up: of each index of an Indexed Job the last, and of another
// Job those that succeeded, or else the last. A Pod that was replaced does not count, because its tests ran again.
func countedPods(pods []corev1.Pod) []corev1.Pod {
	lastOf := map[string]*corev1.Pod{}
	var succeeded []corev1.Pod
	for i := range pods {
		p := &pods[i]
		index := cmp.Or(p.Annotations[batchv1.JobCompletionIndexAnnotation], p.Labels[batchv1.JobCompletionIndexAnnotation])
		if last := lastOf[index]; last == nil || isLaterPod(p, last) {
			lastOf[index] = p
		}
		if p.Status.Phase == corev1.PodSucceeded && index == "" {
			succeeded = append(succeeded, *p)
		}
	}
	if len(succeeded) > 0 {
		return succeeded
	}
	var out []corev1.Pod
	for _, index := range slices.Sorted(maps.Keys(lastOf)) {
		out = append(out, *lastOf[index])
	}
	return out
}

// isLaterPod reports whether the containers of a ended later than those of b. One that left a message comes before one
// that left none.
func isLaterPod(a, b *corev1.Pod) bool {
	aLast := lastTerminated(a)
	bLast := lastTerminated(b)
	if aLast == nil || bLast == nil {
		return aLast != nil
	}
	return aLast.FinishedAt.After(bLast.FinishedAt.Time)
}

// terminationMessage returns the message that the containers of a Pod left; empty when they left none.
func terminationMessage(pod *corev1.Pod) string {
	if last := lastTerminated(pod); last != nil {
		return last.Message
	}
	return ""
}

// lastTerminated returns the last container of a Pod to end among those that left a result, or else among those that
// left any message; nil when none did. A sidecar may end later than the tests, and its message may be the end of its
// log.
func lastTerminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	var last, lastResult *corev1.ContainerStateTerminated
	for _, s := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) {
		t := s.State.Terminated
		if t == nil || strings.TrimSpace(t.Message) == "" {
			continue
		}
		last = later(last, t)
		if r, _ := ParseResult(t.Message); r.HasCounts() { // a line of a log may be JSON too
			lastResult = later(lastResult, t)
		}
	}
	return cmp.Or(lastResult, last)
}

// later returns the container that ended later. a may be nil, and wins a tie.
func later(a, b *corev1.ContainerStateTerminated) *corev1.ContainerStateTerminated {
	if a == nil || b.FinishedAt.After(a.FinishedAt.Time) {
		return b
	}
	return a
}

// add adds the result of another Pod of the run. The longest duration counts, and the first report and commit.
func (r *Result) add(more Result) {
	if all := more.All(); all != nil {
		total := *all
		if r.Total != nil {
			total += *r.Total
		}
		r.Total = &total
	}
	for _, c := range []struct{ into, from **int64 }{
		{&r.Passed, &more.Passed}, {&r.Failed, &more.Failed}, {&r.Skipped, &more.Skipped},
	} {
		if *c.from != nil {
			sum := **c.from
			if *c.into != nil {
				sum += **c.into
			}
			*c.into = &sum
		}
	}
	r.SaysFailed = r.SaysFailed || more.SaysFailed
	if d := more.DurationSeconds; d != nil && (r.DurationSeconds == nil || *d > *r.DurationSeconds) {
		r.DurationSeconds = d
	}
	r.ReportURL = cmp.Or(r.ReportURL, more.ReportURL)
	r.Commit = cmp.Or(r.Commit, more.Commit)
	r.Ended = cmp.Or(r.Ended, more.Ended)
}
