package workload

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Where volumes are mounted.
const (
	pathBus     = "/etc/weir/bus"
	pathSecrets = "/etc/weir/secrets"
	pathTrust   = "/etc/weir/trust"
	pathData    = "/data"
	pathFiles   = "/files"
	pathTemp    = "/tmp"

	volumeTemp = "tmp"
	volumeData = "data"

	// secretMode lets the group read, which is the pod's own (fsGroup).
	secretMode = 0o440
)

// volume is a volume and where it is mounted. The volume is nil where a claim
// template of a StatefulSet stands for it.
type volume struct {
	volume *applycore.VolumeApplyConfiguration
	mount  *applycore.VolumeMountApplyConfiguration
}

func mount(name, path string) *applycore.VolumeMountApplyConfiguration {
	return applycore.VolumeMount().WithName(name).WithMountPath(path)
}

// allVolumes lists what the pod mounts.
func (p *pod) allVolumes() []volume {
	all := []volume{credsVolume(p.creds, p.bus.CA != nil)}
	if len(p.secrets) > 0 {
		all = append(all, secretsVolume(p.secrets))
	}
	return append(all, p.volumes...)
}

// credsVolume must be there before the pod starts.
func credsVolume(secret string, ca bool) volume {
	files := []string{"user.creds"}
	if ca {
		files = append(files, "ca.crt")
	}
	return secretVolume("bus", pathBus, secret, files...)
}

func secretVolume(name, path, secret string, files ...string) volume {
	source := applycore.SecretVolumeSource().WithSecretName(secret).WithDefaultMode(secretMode).WithOptional(false)
	for _, f := range files {
		source.WithItems(applycore.KeyToPath().WithKey(f).WithPath(f))
	}
	return volume{applycore.Volume().WithName(name).WithSecret(source), mount(name, path).WithReadOnly(true)}
}

// secretsVolume holds <secret>/<key> for exactly the keys that are referenced. One
// that is missing keeps no pod from starting: the component says what it lacks in
// the status of the one feed or subscription that needs it.
func secretsVolume(refs []v1alpha1.FieldRef) volume {
	source := applycore.ProjectedVolumeSource().WithDefaultMode(secretMode)
	for _, s := range keysBySecret(refs) {
		one := applycore.SecretProjection().WithName(s.name).WithOptional(true)
		for _, k := range s.keys {
			one.WithItems(applycore.KeyToPath().WithKey(k).WithPath(s.name + "/" + k))
		}
		source.WithSources(applycore.VolumeProjection().WithSecret(one))
	}
	return volume{applycore.Volume().WithName("secrets").WithProjected(source), mount("secrets", pathSecrets).WithReadOnly(true)}
}

// tempVolume is the only place where a component without a volume of its own may
// write. A pod that goes above the limit is evicted.
func tempVolume(limit int64) volume {
	size := resource.NewQuantity(limit, resource.BinarySI)
	return volume{
		applycore.Volume().WithName(volumeTemp).WithEmptyDir(applycore.EmptyDirVolumeSource().WithSizeLimit(*size)),
		mount(volumeTemp, pathTemp),
	}
}

// claimVolume mounts a claim that somebody else writes to. ReadOnly at the claim
// also keeps the kubelet from giving its files to the pod's group.
func claimVolume(name, path, claim string) volume {
	return volume{
		applycore.Volume().WithName(name).WithPersistentVolumeClaim(
			applycore.PersistentVolumeClaimVolumeSource().WithClaimName(claim).WithReadOnly(true)),
		mount(name, path).WithReadOnly(true),
	}
}

// fieldEnv is an environment variable with a field of the pod.
func fieldEnv(name, path string) *applycore.EnvVarApplyConfiguration {
	return applycore.EnvVar().WithName(name).WithValueFrom(applycore.EnvVarSource().
		WithFieldRef(applycore.ObjectFieldSelector().WithAPIVersion(corev1.SchemeGroupVersion.Version).WithFieldPath(path)))
}
