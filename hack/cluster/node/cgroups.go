package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// cgroupFS is where systems mount control groups.
const cgroupFS = "/sys/fs/cgroup"

// mount is a line of /proc/self/mountinfo.
type mount struct{ point, kind, options string }

// mounts reads the mounts, in the order in which they were made.
func mounts() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(data), nil
}

func parseMounts(data []byte) []mount {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var all []mount
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		left, right, ok := strings.Cut(s.Text(), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if ok && len(l) >= 5 && len(r) >= 3 {
			all = append(all, mount{unescape.Replace(l[4]), r[0], r[2]})
		}
	}
	return all
}

// hierarchies returns the mount points of the control group hierarchies that
// the kubelet wants our groups in: one in version 2, all in version 1.
func hierarchies() (points []string, unified bool, err error) {
	all, err := mounts()
	if err != nil {
		return nil, false, err
	}
	for _, m := range all {
		switch {
		case m.kind == "cgroup2" && m.point == cgroupFS:
			return []string{m.point}, true, nil
		case m.kind == "cgroup":
			points = append(points, m.point)
		}
	}
	if len(points) == 0 {
		return nil, false, fmt.Errorf("no control groups are mounted below %s", cgroupFS)
	}
	slices.Sort(points)
	return slices.Compact(points), false, nil
}

// daemonProcs is the file that a daemon enters its control group by.
func daemonProcs() string {
	return filepath.Join(memoryHierarchy(), cgroup, "daemons", "cgroup.procs")
}

// memoryHierarchy is where memory is bounded, and where this package finds its
// processes again.
func memoryHierarchy() string {
	if dir := filepath.Join(cgroupFS, "memory"); exists(filepath.Join(dir, "cgroup.procs")) {
		return dir
	}
	return cgroupFS
}

// setUpCgroups makes two control groups: one for the daemons, one for the pods.
func (c *Cluster) setUpCgroups(ctx context.Context) error {
	if err := c.mountMissing(ctx); err != nil {
		return err
	}
	points, unified, err := hierarchies()
	if err != nil {
		return err
	}
	for _, point := range points {
		if unified {
			err = makeUnified(point)
		} else {
			err = makeLegacy(point)
		}
		if err != nil {
			return err
		}
	}
	file := "memory.limit_in_bytes"
	if unified {
		file = "memory.max"
	}
	for group, limit := range map[string]int64{"daemons": daemonMemory, "pods": c.vars.Memory} {
		path := filepath.Join(memoryHierarchy(), cgroup, group, file)
		if err := os.WriteFile(path, []byte(strconv.FormatInt(limit, 10)), 0o644); err != nil {
			return fmt.Errorf("bound the memory of %s: %w", group, err)
		}
	}
	return nil
}

// mountMissing mounts the version 1 controllers that the kubelet insists on.
// The state noted before tells Down to take them away again.
func (c *Cluster) mountMissing(ctx context.Context) error {
	_, unified, err := hierarchies()
	if err != nil || unified {
		return err
	}
	all, err := mounts()
	if err != nil {
		return err
	}
	for _, controller := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "pids"} {
		if slices.ContainsFunc(all, func(m mount) bool {
			return m.kind == "cgroup" && slices.Contains(strings.Split(m.options, ","), controller)
		}) {
			continue
		}
		dir := filepath.Join(cgroupFS, controller)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		c.say("mounting control group %s", controller)
		if _, err := command(ctx, nil, "mount", "-t", "cgroup", "-o", controller, "cgroup", dir); err != nil {
			return err
		}
		if err := c.noteMount(dir); err != nil {
			return err
		}
	}
	return nil
}

func makeLegacy(point string) error {
	for _, group := range []string{cgroup, cgroup + "/daemons", cgroup + "/pods"} {
		dir := filepath.Join(point, group)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		// A set without processors and memory nodes takes no process.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// controllers are those of version 2 that the kubelet looks for.
var controllers = []string{"cpu", "cpuset", "memory", "pids", "hugetlb", "io"}

func makeUnified(point string) error {
	for _, group := range []string{cgroup, cgroup + "/daemons", cgroup + "/pods"} {
		dir := filepath.Join(point, group)
		parent := filepath.Dir(dir)
		have, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
		if err != nil {
			return err
		}
		for _, controller := range strings.Fields(string(have)) {
			if !slices.Contains(controllers, controller) {
				continue
			}
			if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
				return fmt.Errorf("hand on controller %s: %w", controller, err)
			}
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// members returns the processes of a control group of ours and of those in it.
func members(group string) ([]process, error) {
	var found []process
	root := filepath.Join(memoryHierarchy(), cgroup, group)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // groups come and go
		}
		if err != nil || d.Name() != "cgroup.procs" {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil || pid <= 1 {
				continue
			}
			if start, _, err := stat(pid); err == nil {
				found = append(found, process{pid, start})
			}
		}
		return nil
	})
	return found, err
}

// removeCgroups removes our groups, deepest first, in every hierarchy.
func removeCgroups() error {
	all, err := mounts()
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range all {
		if m.kind != "cgroup" && m.kind != "cgroup2" {
			continue
		}
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(m.point, cgroup), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
