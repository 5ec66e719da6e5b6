package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Ends what the instance started and removes what it made. It goes on after an error, so that as little as possible stays,
// and can be repeated: the folder with the instance's record goes last, and only when everything else is gone.
func (i *instance) takeDown() error {
	volumes := i.emptyVolumes()
	var failures []error
	order := slices.Concat([]string{ownerWatcher}, reversed(i.components()))
	for _, name := range order {
		if name == "containerd" {
			failures = append(failures, i.endContainers())
		}
		if started, known := i.Processes[name]; known && started.PID != os.Getpid() {
			if err := started.end(0); err != nil { // nothing of it is kept, so nobody needs time to tidy up
				failures = append(failures, fmt.Errorf("ending %s: %w", name, err))
			}
		}
	}
	if i.Node {
		failures = append(failures, i.removeNamespaces())
	}
	for _, volume := range volumes {
		os.Remove(volume) // not forced: no pod ran, so the folder is empty; anything else is not ours
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("cluster %s is not wholly down (%s is kept; run 'launch down --directory %s' again): %w", i.Name, i.directory, i.directory, err)
	}
	return os.RemoveAll(i.directory)
}

// The folders that a control plane alone made for claims. With a node they lie in the instance's own folder.
func (i *instance) emptyVolumes() []string {
	if manager, known := i.Processes["kube-controller-manager"]; i.Node || !known || !manager.alive() {
		return nil
	}
	client, err := i.api()
	if err != nil {
		return nil
	}
	client.client.Timeout = 2 * time.Second // it may well be stopped
	var list struct {
		Items []struct {
			Spec struct{ HostPath struct{ Path string } }
		}
	}
	if err := client.get("/api/v1/persistentvolumes", &list); err != nil {
		return nil
	}
	var folders []string
	for _, volume := range list.Items {
		if filepath.Dir(volume.Spec.HostPath.Path) == hostPathVolumes {
			folders = append(folders, volume.Spec.HostPath.Path)
		}
	}
	return folders
}

func reversed(names []string) []string {
	copied := slices.Clone(names)
	slices.Reverse(copied)
	return copied
}

// Pods first (they are the processes in the instance's control groups), then the shims that watch them.
func (i *instance) endContainers() error {
	var pids []int
	for _, group := range i.controlGroups() {
		filepath.WalkDir(group, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil
			}
			content, _ := os.ReadFile(path)
			for _, line := range strings.Fields(string(content)) {
				if pid, err := strconv.Atoi(line); err == nil {
					pids = append(pids, pid)
					pids = append(pids, shimOf(pid)...)
				}
			}
			return nil
		})
	}
	keep := map[int]bool{}
	for _, started := range i.Processes {
		keep[started.PID] = true
	}
	for _, started := range i.Processes {
		if started.alive() {
			pids = append(pids, sharingMounts(started.PID)...)
		}
	}
	slices.Sort(pids)
	var ended []process
	for _, pid := range slices.Compact(pids) {
		if known, err := identify(pid); err == nil && pid > 1 && !keep[pid] {
			syscall.Kill(pid, syscall.SIGKILL)
			ended = append(ended, known)
		}
	}
	for _, container := range ended {
		if !container.goneWithin(10 * time.Second) {
			return fmt.Errorf("process %d of a pod is still there 10 s after SIGKILL", container.PID)
		}
	}
	return nil
}

// The shim above a pod's process. It is in the node's mount namespace too, but finding it so needs a component that still lives.
func shimOf(pid int) []int {
	about, err := readStat(pid)
	if err != nil {
		return nil
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", about.parent))
	if err != nil || !strings.HasPrefix(string(name), "containerd-shim") {
		return nil
	}
	return []int{about.parent}
}
