package clients

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const finalizer = "clients.example.com/cleanup"

// reconciler makes a ConfigMap for each Widget, says so in its status, and lets go of it at the end.
type reconciler struct {
	client.Client
	events  events.EventRecorder
	cleaned chan string
}

func (r reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := widget("", nil)
	if err := r.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.GetDeletionTimestamp() != nil {
		if controllerutil.RemoveFinalizer(object, finalizer) {
			r.cleaned <- object.GetName()
			return ctrl.Result{}, r.Update(ctx, object)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(object, finalizer) {
		return ctrl.Result{}, r.Update(ctx, object)
	}
	colour, _, _ := unstructured.NestedString(object.Object, "spec", "colour")
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: object.GetName(), Namespace: object.GetNamespace()}}
	if _, err := controllerutil.CreateOrUpdate(ctx, r.Client, owned, func() error {
		owned.Data = map[string]string{"colour": colour}
		return controllerutil.SetControllerReference(object, owned, r.Scheme())
	}); err != nil {
		return ctrl.Result{}, err
	}
	r.events.Eventf(object, owned, corev1.EventTypeNormal, "Made", "Reconcile", "it is %s", colour)
	before := object.DeepCopy()
	must2(unstructured.SetNestedField(object.Object, "Ready", "status", "phase"))
	return ctrl.Result{}, r.Status().Patch(ctx, object, client.MergeFrom(before))
}

func must2(err error) {
	if err != nil {
		panic(err)
	}
}

func TestManagerWithReconcilerAndFinalizer(t *testing.T) {
	l := newLab(t)
	widgets := l.withWidgets()
	log.SetLogger(logr.Discard())
	manager, err := ctrl.NewManager(l.config, ctrl.Options{
		Metrics:                 server.Options{BindAddress: "0"},
		Cache:                   cache.Options{DefaultNamespaces: map[string]cache.Config{l.namespace: {}}},
		LeaderElection:          true,
		LeaderElectionID:        "widgets",
		LeaderElectionNamespace: l.namespace,
		GracefulShutdownTimeout: ptr.To(5 * time.Second),
	})
	must(l, err)
	r := reconciler{manager.GetClient(), manager.GetEventRecorder("widgets"), make(chan string, 10)}
	must(l, ctrl.NewControllerManagedBy(manager).For(widget("", nil)).Owns(&corev1.ConfigMap{}).Complete(r))
	ctx, stop := context.WithCancel(l.ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()

	_, err = widgets.Create(l.ctx, widget("a", map[string]any{"colour": "red"}), metav1.CreateOptions{})
	must(l, err)
	maps := l.typed.CoreV1().ConfigMaps(l.namespace)
	hasColour := func(want string) func() bool {
		return func() bool {
			owned, err := maps.Get(l.ctx, "a", metav1.GetOptions{})
			return err == nil && owned.Data["colour"] == want
		}
	}
	l.eventually("its ConfigMap is there", hasColour("red"))
	l.eventually("its status says so", func() bool {
		live, err := widgets.Get(l.ctx, "a", metav1.GetOptions{})
		must(l, err)
		phase, _, _ := unstructured.NestedString(live.Object, "status", "phase")
		return phase == "Ready" && live.GetGeneration() == 1
	})
	l.eventually("an Event says so, under both groups", func() bool {
		about := metav1.ListOptions{FieldSelector: "regarding.kind=Widget,regarding.name=a,reason=Made"}
		recorded, err := l.typed.EventsV1().Events(l.namespace).List(l.ctx, about)
		must(l, err)
		if len(recorded.Items) == 0 {
			return false
		}
		event := recorded.Items[0]
		same, err := l.typed.CoreV1().Events(l.namespace).Get(l.ctx, event.Name, metav1.GetOptions{})
		must(l, err)
		return event.Note == "it is red" && same.Message == event.Note && same.ReportingController == "widgets"
	})
	must(l, maps.Delete(l.ctx, "a", metav1.DeleteOptions{}))
	l.eventually("what is deleted by hand is made again", hasColour("red"))

	live := widget("a", nil)
	live.SetNamespace(l.namespace)
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 3}}
	must(l, manager.GetClient().SubResource("scale").Update(l.ctx, live, client.WithSubResourceBody(scale)))
	scaled, err := widgets.Get(l.ctx, "a", metav1.GetOptions{})
	must(l, err)
	replicas, _, _ := unstructured.NestedInt64(scaled.Object, "spec", "replicas")
	equal(l, "replicas", replicas, 3)

	must(l, widgets.Delete(l.ctx, "a", metav1.DeleteOptions{}))
	equal(l, "the finalizer", next(l, "the finalizer", r.cleaned), "a")
	l.eventually("it is gone", func() bool {
		_, err := widgets.Get(l.ctx, "a", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	stop()
	must(l, next(l, "the manager ends", ended))
}

func TestLeaderElection(t *testing.T) {
	l := newLab(t)
	type leader struct {
		name string
		stop context.CancelFunc
	}
	leading := make(chan string, 2)
	run := func(name string) leader {
		ctx, stop := context.WithCancel(l.ctx)
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: "leader", Namespace: l.namespace},
			Client:     l.typed.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		}
		go leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock:            lock,
			LeaseDuration:   3 * time.Second,
			RenewDeadline:   2 * time.Second,
			RetryPeriod:     200 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leading <- name },
				OnStoppedLeading: func() {},
			},
		})
		return leader{name, stop}
	}
	one := run("one")
	equal(l, "the first", next(l, "the first", leading), "one")
	two := run("two")
	defer two.stop()
	select {
	case also := <-leading:
		l.Fatalf("%s leads beside the first", also)
	case <-time.After(time.Second):
	}
	one.stop()
	equal(l, "the second, once the first lets go", next(l, "the second", leading), "two")
	lease, err := l.typed.CoordinationV1().Leases(l.namespace).Get(l.ctx, "leader", metav1.GetOptions{})
	must(l, err)
	equal(l, "holder", *lease.Spec.HolderIdentity, "two")
}
