package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crcontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/controller"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/outbox"
)

var _ = Describe("Counts of rules", func() {
	ctx := context.Background()

	It("are written by a replica that does not lead, for the events that it takes in", func() {
		w := newWorld()
		now, ends, holder := metav1.NowMicro(), int32(3600), "another"
		w.create(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "lease"}, Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: &ends, AcquireTime: &now, RenewTime: &now,
		}})
		mgr, err := ctrl.NewManager(environment.Config, ctrl.Options{
			Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
			LeaderElection: true, LeaderElectionID: "lease", LeaderElectionNamespace: w.namespace,
		})
		Expect(err).NotTo(HaveOccurred())
		tally := &controller.RuleStats{Client: mgr.GetClient(), Clock: clock.RealClock{}}
		skipNames := true
		Expect(tally.SetupWithManager(mgr, crcontroller.Options{SkipNameValidation: &skipNames})).To(Succeed())
		running, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- mgr.Start(running) }()
		DeferCleanup(func() {
			cancel()
			Eventually(ended).Should(Receive()) // that it could not give back a lease that it does not hold is nobody's concern
		})

		r := ruleFor(v1alpha1.EventSystemAlertFiring)
		w.create(r)
		box := &outbox.Outbox{Client: mgr.GetClient(), Clock: clock.RealClock{}, MaxEventAge: time.Hour, OnMatch: tally.RecordMatch, OnEvalError: tally.RecordEvalError}
		Eventually(func() ([]string, error) {
			created, _, err := box.Announce(ctx, w.namespace, &event.Event{ID: "alert", Type: v1alpha1.EventSystemAlertFiring, Time: time.Now()})
			return created, err
		}).Should(HaveLen(1))
		Eventually(func(g Gomega) {
			g.Expect(kube.Get(ctx, client.ObjectKeyFromObject(r), r)).To(Succeed())
			g.Expect(r.Status.MatchedTotal).To(Equal(int64(1)))
			g.Expect(r.Status.LastMatchTime).NotTo(BeNil())
		}).Should(Succeed())
		Expect(mgr.Elected()).NotTo(BeClosed())
	})
})
