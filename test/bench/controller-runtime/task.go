package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "bench.tanren.dev", Version: "v1"}

type TaskSpec struct {
	Command     []string `json:"command"`
	Parallelism int32    `json:"parallelism,omitempty"`
}

type TaskStatus struct {
	ObservedGeneration int64  `json:"observedGeneration,omitempty"`
	JobName            string `json:"jobName,omitempty"`
	Phase              string `json:"phase,omitempty"`
}

type Task struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   TaskSpec   `json:"spec"`
	Status TaskStatus `json:"status,omitempty"`
}

type TaskList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Task `json:"items"`
}

func (in *Task) DeepCopy() *Task {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Command = append([]string(nil), in.Spec.Command...)
	return &out
}

func (in *Task) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *TaskList) DeepCopyObject() runtime.Object {
	out := *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]Task, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopy()
	}
	return &out
}

func addToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(groupVersion, &Task{}, &TaskList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return nil
}
