// The operator of the comparison, as kubebuilder's book would have it: manager, informer cache, builder.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

func main() {
	namespace := flag.String("namespace", "", "the one namespace to look after")
	metrics := flag.String("metrics", "0", "address of /metrics")
	workers := flag.Int("workers", 4, "objects reconciled at once")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(*namespace, *metrics, *workers); err != nil {
		ctrl.Log.Error(err, "operator ended")
		os.Exit(1)
	}
}

func run(namespace, metrics string, workers int) error {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := addToScheme(scheme); err != nil {
		return err
	}
	// Without a client-side limit of requests, as the library has it by default.
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: metrics},
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{namespace: {}},
			DefaultTransform:  cache.TransformStripManagedFields(),
			ByObject:          map[client.Object]cache.ByObject{&batchv1.Job{}: {Label: labels.SelectorFromSet(managedBy)}},
		},
		LeaderElection:                true,
		LeaderElectionID:              "task-operator",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	asked := make(chan event.GenericEvent, 64)
	// Metadata of Tasks changes with every status write of our own; only spec matters. Jobs matter in all.
	err = ctrl.NewControllerManagedBy(manager).
		For(&Task{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&batchv1.Job{}).
		WatchesRawSource(source.Channel(asked, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(&reconciler{manager.GetClient()})
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	go resyncOnSignal(ctx, manager.GetClient(), namespace, asked)
	return manager.Start(ctx)
}

// resyncOnSignal queues every Task at SIGUSR1, as a periodic resync would.
func resyncOnSignal(ctx context.Context, reader client.Reader, namespace string, asked chan<- event.GenericEvent) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		var tasks TaskList
		if err := reader.List(ctx, &tasks, client.InNamespace(namespace)); err != nil {
			ctrl.Log.Error(err, "listing for resync failed")
			continue
		}
		for i := range tasks.Items {
			asked <- event.GenericEvent{Object: &tasks.Items[i]}
		}
	}
}
