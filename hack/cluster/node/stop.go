package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// grace is what the kubelet gets to end by itself.
const grace = 10 * time.Second

// Down stops everything and leaves the machine as it was before the first Up,
// but for installed packages and built tools. It works on any remains of a
// cluster; it goes on after an error and returns all of them.
func (c *Cluster) Down(ctx context.Context) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !exists(c.dir) {
		return nil
	}
	if !exists(c.path(machineFile)) {
		return fmt.Errorf("folder %s has no %s: it is not a cluster's, remove it yourself", c.dir, machineFile)
	}
	var errs []error
	for _, name := range slices.Backward(daemonNames) {
		errs = append(errs, c.stop(ctx, name, 0)) // their data goes too
	}
	errs = append(errs,
		killMembers(ctx, "pods", nil),
		killMembers(ctx, "daemons", nil),
		c.unmountBelow(ctx, c.dir),
		waitNoPodLinks(ctx),
		c.removeNetwork(ctx),
		wait(ctx, "the removal of control groups", func(context.Context) error { return removeCgroups() }),
		c.removeLogLinks(),
	)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w (what is left is in %s: run it again)", err, c.dir)
	}
	if err := c.restoreMachine(ctx); err != nil {
		return err
	}
	c.say("removing %s", c.dir)
	return os.RemoveAll(c.dir)
}

// StopKubelet stops the kubelet; pods go on running.
func (c *Cluster) StopKubelet(ctx context.Context) error { return c.stop(ctx, kubelet, grace) }

// StartKubelet starts the kubelet and returns when the node is ready.
func (c *Cluster) StartKubelet(ctx context.Context) error {
	if err := c.buildTools(ctx); err != nil {
		return err
	}
	return c.startKubelet(ctx)
}

// RestartNode does to the pods what a reboot does: kubelet, containerd and
// every container are killed at once, what lived in memory is lost, then
// kubelet and containerd start again and make the pods anew. Volumes and images
// stay. It returns when the API server knows that each container that ran is
// gone; those in their place may still be starting.
func (c *Cluster) RestartNode(ctx context.Context) error {
	if err := c.buildTools(ctx); err != nil {
		return err
	}
	before, err := c.runningContainers(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{kubelet, containerd} {
		if err := c.stop(ctx, name, 0); err != nil {
			return err
		}
	}
	if err := errors.Join(killMembers(ctx, "daemons", isShim), killMembers(ctx, "pods", nil)); err != nil {
		return err
	}
	if err := c.forget(ctx); err != nil {
		return err
	}
	if err := c.startContainerd(ctx); err != nil {
		return err
	}
	if err := c.startKubelet(ctx); err != nil {
		return err
	}
	return wait(ctx, "the news of killed containers", func(ctx context.Context) error {
		now, err := c.runningContainers(ctx)
		if err != nil {
			return err
		}
		for id := range now {
			if before[id] {
				return fmt.Errorf("container %s is still said to run", id)
			}
		}
		return nil
	})
}

// runningContainers returns the ids of the containers that run by the word of
// the API server.
func (c *Cluster) runningContainers(ctx context.Context) (map[string]bool, error) {
	out, err := c.Kubectl(ctx, "get", "pods", "--all-namespaces", "-o",
		`jsonpath={range .items[*].status.containerStatuses[?(@.state.running)]}{.containerID}{"\n"}{end}`)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, id := range strings.Fields(out) {
		ids[id] = true
	}
	return ids, nil
}

// isShim recognizes the parents of containers, which outlive containerd.
func isShim(p process) bool {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
	return err == nil && strings.HasPrefix(filepath.Base(exe), "containerd-shim")
}

// killMembers kills the processes of a control group of ours, or those of them
// that chosen names, until none is left.
func killMembers(ctx context.Context, group string, chosen func(process) bool) error {
	return wait(ctx, "the end of the processes in "+group, func(context.Context) error {
		all, err := members(group)
		if err != nil {
			return err
		}
		left := 0
		for _, p := range all {
			if (chosen == nil || chosen(p)) && p.alive() {
				p.signal(syscall.SIGKILL)
				left++
			}
		}
		if left > 0 {
			return fmt.Errorf("%d processes were alive", left)
		}
		return nil
	})
}

// unmountBelow unmounts everything in a folder, the last mount first.
func (c *Cluster) unmountBelow(ctx context.Context, dir string) error {
	all, err := mounts()
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range slices.Backward(all) {
		if !strings.HasPrefix(m.point, dir+"/") {
			continue
		}
		_, err := command(ctx, nil, "umount", "-l", m.point)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// forget removes what containerd keeps in memory on other machines, and what a
// network plugin noted of the addresses in use.
func (c *Cluster) forget(ctx context.Context) error {
	state := c.path("containerd", "state")
	if err := c.unmountBelow(ctx, state); err != nil {
		return err
	}
	for _, dir := range []string{state, c.path("containerd", "runc"), c.path("cni")} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return waitNoPodLinks(ctx)
}

// forgetOldBoot does what forget does if the machine was booted since containerd
// last started: nothing that its state names is there any more.
func (c *Cluster) forgetOldBoot(ctx context.Context) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	noted, err := os.ReadFile(c.path("run", "boot-id"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(noted) > 0 && string(noted) != string(boot) {
		if err := c.forget(ctx); err != nil {
			return err
		}
	}
	return writeFile(c.path("run", "boot-id"), boot, 0o600)
}

// removeLogLinks removes the links to our logs from the folder in which the
// kubelet makes them, wherever its logs are.
func (c *Cluster) removeLogLinks() error {
	links, err := filepath.Glob("/var/log/containers/*.log")
	if err != nil {
		return err
	}
	var errs []error
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, c.dir+"/") {
			errs = append(errs, os.Remove(link))
		}
	}
	return errors.Join(errs...)
}
