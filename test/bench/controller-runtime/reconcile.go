package main

import (
	"context"
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// managedBy is on every Job, so that the cache holds no others.
var managedBy = map[string]string{"app.kubernetes.io/managed-by": "task-operator"}

type reconciler struct {
	client.Client
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var task Task
	if err := r.Get(ctx, request.NamespacedName, &task); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !task.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	job, err := r.job(ctx, &task)
	if err != nil {
		return ctrl.Result{}, err
	}
	status := TaskStatus{ObservedGeneration: task.Generation, JobName: job.Name, Phase: phaseOf(job)}
	if task.Status == status {
		return ctrl.Result{}, nil
	}
	// A merge patch without a resourceVersion cannot conflict with what the cache has not seen yet.
	before := task.DeepCopy()
	task.Status = status
	return ctrl.Result{}, client.IgnoreNotFound(r.Status().Patch(ctx, &task, client.MergeFrom(before)))
}

// job returns the Task's Job as wanted, made or changed where it is not so yet.
func (r *reconciler) job(ctx context.Context, task *Task) (*batchv1.Job, error) {
	var job batchv1.Job
	err := r.Get(ctx, client.ObjectKeyFromObject(task), &job)
	if apierrors.IsNotFound(err) {
		wanted := wantedJob(task)
		if err := controllerutil.SetControllerReference(task, wanted, r.Scheme()); err != nil {
			return nil, err
		}
		return wanted, r.Create(ctx, wanted)
	}
	if err != nil || *job.Spec.Parallelism == task.Spec.Parallelism {
		return &job, err
	}
	before := job.DeepCopy()
	job.Spec.Parallelism = &task.Spec.Parallelism
	job.Spec.Completions = &task.Spec.Parallelism
	return &job, r.Patch(ctx, &job, client.MergeFrom(before))
}

func wantedJob(task *Task) *batchv1.Job {
	jobLabels := maps.Clone(managedBy)
	jobLabels["bench.tanren.dev/task"] = task.Name
	suspend, mode, noRetry := true, batchv1.IndexedCompletion, int32(0)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name:      task.Name,
			Namespace: task.Namespace,
			Labels:    jobLabels,
		},
		Spec: batchv1.JobSpec{
			Suspend:        &suspend,
			CompletionMode: &mode,
			Completions:    &task.Spec.Parallelism,
			Parallelism:    &task.Spec.Parallelism,
			BackoffLimit:   &noRetry,
			Template: corev1.PodTemplateSpec{
				Spec: corev1.PodSpec{
					RestartPolicy: corev1.RestartPolicyNever,
					Containers: []corev1.Container{
						{Name: "task", Image: "tanren.dev/none:0", Command: task.Spec.Command},
					},
				},
			},
		},
	}
}

func phaseOf(job *batchv1.Job) string {
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return "Succeeded"
		case batchv1.JobFailed:
			return "Failed"
		case batchv1.JobSuspended:
			return "Suspended"
		}
	}
	if job.Status.Active > 0 {
		return "Running"
	}
	return "Pending"
}
