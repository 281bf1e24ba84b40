package controllers

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/pipeline/plan"
)

// update passes updates for which differ is true, and everything that comes or goes.
type update struct {
	predicate.Funcs
	differ func(was, is client.Object) bool
}

func (u update) Update(e event.UpdateEvent) bool { return u.differ(e.ObjectOld, e.ObjectNew) }

var (
	// edited is a change that a person made: of the specification, or a request to
	// look.
	edited = update{differ: func(was, is client.Object) bool {
		return generation(was, is) || was.GetAnnotations()[v1alpha1.AnnotationRequestedAt] != is.GetAnnotations()[v1alpha1.AnnotationRequestedAt]
	}}

	// spec is a change of the specification, or of whether the object is there.
	spec = builder.WithPredicates(update{differ: generation})

	// acceptance is spec, or that an object was found to take part, or not to any
	// more: an Exchange and a Parser work for those that do.
	acceptance       = builder.WithPredicates(acceptedOrEdited)
	acceptedOrEdited = update{differ: func(was, is client.Object) bool {
		return generation(was, is) || accepted(was) != accepted(is)
	}}

	// shard is a Deployment that several objects share, and that another number of
	// pods is ready in it.
	shard = builder.WithPredicates(
		predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[workload.LabelShard] != "" }),
		update{differ: func(was, is client.Object) bool {
			x, y := was.(*appsv1.Deployment), is.(*appsv1.Deployment)
			return generation(was, is) || !equality.Semantic.DeepEqual(x.Status, y.Status)
		}})

	// left is an object that is gone, or has given up its exchange or its name there.
	left = predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(e event.UpdateEvent) bool { return place(e.ObjectOld) != place(e.ObjectNew) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}

	// bases is a Parser that comes, goes, or builds on another one than before.
	bases = builder.WithPredicates(update{differ: func(was, is client.Object) bool {
		return !equality.Semantic.DeepEqual(was.(*v1alpha1.Parser).Spec.Base, is.(*v1alpha1.Parser).Spec.Base)
	}})

	// onlyDeleted passes what goes.
	onlyDeleted = predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
)

func generation(was, is client.Object) bool { return was.GetGeneration() != is.GetGeneration() }

// accepted reports whether the status says that an object takes part.
func accepted(o client.Object) bool {
	var conditions []metav1.Condition
	switch x := o.(type) {
	case *v1alpha1.FeedSource:
		conditions = x.Status.Conditions
	case *v1alpha1.Subscription:
		conditions = x.Status.Conditions
	}
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionAccepted)
}

// attachment is the exchange that an object names, and the name that it has there,
// which no other object may have.
type attachment struct {
	exchange plan.Ref
	name     string
}

func place(o client.Object) attachment {
	switch x := o.(type) {
	case *v1alpha1.FeedSource:
		return attachment{plan.ExchangeOf(x.Namespace, x.Spec.ExchangeRef), x.Spec.Provider + "." + x.Spec.Channel}
	case *v1alpha1.Subscription:
		return attachment{plan.ExchangeOf(x.Namespace, x.Spec.ExchangeRef), x.Spec.Organisation.ID}
	}
	return attachment{}
}
