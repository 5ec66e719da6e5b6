package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A cluster with a node lives in a mount and a network namespace of its own. kube-proxy's rules, the pods' links, the volumes'
// mounts and the fixed paths that containerd, CNI and kubelet insist on are all inside, so two nodes do not meet, the machine's
// own rules and mounts stay untouched, and the kernel takes it all away with the last process.
const namespaceHolder = "namespaces" // the process by which the namespaces stay while components restart

func (i *instance) inside() []string {
	return []string{"nsenter", "--target", fmt.Sprint(i.Processes[namespaceHolder].PID), "--mount", "--net", "--"}
}

func (i *instance) insideCommand(argv ...string) *exec.Cmd {
	argv = append(i.inside(), argv...)
	return exec.Command(argv[0], argv[1:]...)
}

func (i *instance) makeNamespaces() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(i.path("volumes"), 0o755); err != nil {
		return err
	}
	holder, err := startDetached(i.logFile(namespaceHolder), "unshare", "--mount", "--net", "--propagation", "private",
		self, "open-volumes", "--directory", i.path("volumes"))
	if err != nil {
		return err
	}
	i.Processes[namespaceHolder] = holder
	if err := i.save(); err != nil {
		return err
	}
	err = i.waitFor("namespaces", 5*time.Second, func() error {
		for _, kind := range []string{"mnt", "net"} {
			own, _ := os.Readlink("/proc/self/ns/" + kind)
			if its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", holder.PID, kind)); err != nil || its == own {
				return fmt.Errorf("no %s namespace (%v)", kind, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := i.makeMounts(); err != nil {
		return err
	}
	if err := i.makeLink(holder.PID); err != nil {
		return err
	}
	return i.makeControlGroups()
}

// Folder of the node -> folder of the instance that stands there.
func (i *instance) nodeFolders() map[string]string {
	return map[string]string{
		"/var/log": i.path("node", "log"), "/var/lib/kubelet": i.path("node", "kubelet"),
		"/var/lib/cni": i.path("node", "cni"), hostPathVolumes: i.path("volumes"),
	}
}

// kubelet sets these for the whole machine; here it writes to files that stand in their place.
var machineSettings = []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"}

func (i *instance) makeMounts() error {
	commands := [][]string{{"mount", "--make-rshared", "/"}, {"mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"}, {"mkdir", "-p", "/run/lock"}}
	for point, folder := range i.nodeFolders() {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if _, err := os.Stat(point); errors.Is(err, os.ErrNotExist) {
			// Noted before it is made, so that `down` finds it whatever happens in between.
			i.MadeFolders = append(i.MadeFolders, point)
			if err := errors.Join(i.save(), os.MkdirAll(point, 0o755)); err != nil {
				return err
			}
		}
		commands = append(commands, []string{"mount", "--bind", folder, point})
	}
	for _, setting := range machineSettings {
		real := filepath.Join("/proc/sys", setting)
		value, err := os.ReadFile(real)
		if err != nil {
			continue // this kernel has none; kubelet will say so where it matters
		}
		file := filepath.Join("node", "settings", filepath.Base(setting))
		if err := i.write(file, string(value)); err != nil {
			return err
		}
		commands = append(commands, []string{"mount", "--bind", i.path(file), real})
	}
	return i.runInside(commands)
}

func (i *instance) makeLink(holder int) error {
	link, host, node := linkName(i.Block), hostAddress(i.Block), nodeAddress(i.Block)
	for _, command := range []string{
		fmt.Sprintf("link add %s type veth peer name eth0 netns %d", link, holder),
		fmt.Sprintf("addr add %s/30 dev %s", host, link),
		fmt.Sprintf("link set %s up", link),
		fmt.Sprintf("route add %s via %s", podRange(i.Block), node),
		fmt.Sprintf("route add %s via %s", serviceRange(i.Block), node),
	} {
		if output, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, output)
		}
	}
	// No default route: pods reach this machine and each other, and nothing they send goes further.
	return i.runInside([][]string{
		{"ip", "link", "set", "lo", "up"}, {"ip", "addr", "add", node + "/30", "dev", "eth0"}, {"ip", "link", "set", "eth0", "up"},
		{"sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"},
	})
}

func (i *instance) runInside(commands [][]string) error {
	for _, command := range commands {
		if output, err := i.insideCommand(command...).CombinedOutput(); err != nil {
			return fmt.Errorf("on the node: %s: %w: %s", strings.Join(command, " "), err, output)
		}
	}
	return nil
}

// The hierarchies of this machine: one for each controller (version 1), or a single one (version 2).
func hierarchies() (first, second []string) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, nil
	}
	for line := range strings.Lines(string(mounts)) {
		switch fields := strings.Fields(line); fields[2] {
		case "cgroup":
			first = append(first, fields[1])
		case "cgroup2":
			second = append(second, fields[1])
		}
	}
	return first, second
}

// The instance's control group in every hierarchy where it has one.
func (i *instance) controlGroups() []string {
	if !i.Node {
		return nil
	}
	first, second := hierarchies()
	var groups []string
	for _, hierarchy := range slices.Concat(first, second) {
		group := filepath.Join(hierarchy, linkName(i.Block))
		if _, err := os.Stat(group); err == nil {
			groups = append(groups, group)
		}
	}
	return groups
}

func (i *instance) makeControlGroups() error {
	first, second := hierarchies()
	if len(first) == 0 {
		for _, hierarchy := range second {
			for _, controller := range []string{"cpu", "cpuset", "memory", "pids", "hugetlb", "io"} {
				// One at a time: a controller this kernel lacks must not keep the others away. kubelet names those it misses.
				os.WriteFile(filepath.Join(hierarchy, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
			}
			first = append(first, hierarchy)
		}
	}
	for _, hierarchy := range first {
		group := filepath.Join(hierarchy, linkName(i.Block))
		if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		// In version 1 a new group may use no processor and no memory until it is told which.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if value, err := os.ReadFile(filepath.Join(hierarchy, file)); err == nil {
				if err := os.WriteFile(filepath.Join(group, file), value, 0o644); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (i *instance) removeNamespaces() error {
	var failures []error
	if holder, known := i.Processes[namespaceHolder]; known {
		failures = append(failures, holder.end(0))
	}
	// The link goes with its other end, a moment after the last process of the namespace.
	for deadline := time.Now().Add(5 * time.Second); linkExists(i.Block); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			output, err := exec.Command("ip", "link", "del", linkName(i.Block)).CombinedOutput()
			if err != nil {
				failures = append(failures, fmt.Errorf("ip link del %s: %w: %s", linkName(i.Block), err, output))
			}
			break
		}
	}
	for _, group := range i.controlGroups() {
		failures = append(failures, removeControlGroup(group))
	}
	for _, folder := range i.MadeFolders {
		os.Remove(folder) // stays when something else put files there meanwhile
	}
	return errors.Join(failures...)
}

// A group is removed from its leaves up; one whose last process just ended may be busy for a moment.
func removeControlGroup(group string) error {
	var folders []string
	filepath.WalkDir(group, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return nil
	})
	slices.Reverse(folders)
	for _, folder := range folders {
		var err error
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if err = os.Remove(folder); err == nil || errors.Is(err, os.ErrNotExist) {
				err = nil
				break
			}
		}
		if err != nil {
			return fmt.Errorf("removing control group %s: %w", folder, err)
		}
	}
	return nil
}
