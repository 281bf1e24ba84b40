package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// PodOptions adjust the pods of a workload. In a cluster only; weir run has no
// pods.
type PodOptions struct {
	// Resources of the main container. Absent values take the operator's defaults.
	// +optional
	Resources *PodResources `json:"resources,omitempty"`

	// NodeSelector picks nodes by label.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Tolerations let the pods onto tainted nodes.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Tolerations []PodToleration `json:"tolerations,omitempty"`

	// PriorityClassName of the pods.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// Labels are added to the pods; those of the operator win.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations are added to the pods; those of the operator win.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PodResources are requests and limits, as a container has them.
type PodResources struct {
	// Requests by resource: cpu, memory, ephemeral-storage.
	// +kubebuilder:validation:MaxProperties=8
	// +optional
	Requests map[string]resource.Quantity `json:"requests,omitempty"`

	// Limits by resource: cpu, memory, ephemeral-storage.
	// +kubebuilder:validation:MaxProperties=8
	// +optional
	Limits map[string]resource.Quantity `json:"limits,omitempty"`
}

// PodToleration is a toleration, as a pod has it.
// +kubebuilder:validation:XValidation:rule="self.operator != 'Exists' || !has(self.value)",message="operator Exists takes no value"
type PodToleration struct {
	// Key of the taint; absent with operator Exists tolerates every taint.
	// +kubebuilder:validation:MaxLength=316
	// +optional
	Key string `json:"key,omitempty"`

	// Operator is Equal or Exists.
	// +kubebuilder:validation:Enum=Equal;Exists
	// +kubebuilder:default=Equal
	// +optional
	Operator string `json:"operator,omitempty"`

	// Value of the taint.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Value string `json:"value,omitempty"`

	// Effect of the taint; all if absent.
	// +kubebuilder:validation:Enum=NoSchedule;PreferNoSchedule;NoExecute
	// +optional
	Effect string `json:"effect,omitempty"`
}
