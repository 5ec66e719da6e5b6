package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// A process beside the cluster that brings it down when its owner is gone, even by SIGKILL.
const ownerWatcher = "owner-watcher"

func (i *instance) startOwnerWatcher(pid int) error {
	owner, err := identify(pid)
	if err != nil {
		return fmt.Errorf("--owner-pid %d: no such process: %w", pid, err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	watcher, err := startDetached(i.logFile(ownerWatcher), self, "watch-owner",
		"--directory", i.directory, "--owner-pid", strconv.Itoa(owner.PID), "--owner-start", owner.Start)
	if err != nil {
		return err
	}
	i.Processes[ownerWatcher] = watcher
	return i.save()
}

func watchOwner(directory string, owner process) error {
	if err := waitForEnd(owner); err != nil {
		return err
	}
	i, unlock, err := openInstance(directory)
	if errors.Is(err, errNoInstance) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Printf("owner %d is gone: ending cluster %s\n", owner.PID, i.Name)
	return i.takeDown()
}

// Ends this launcher and all it has started, compilers included, when the owner is gone, even by SIGKILL.
func endWithOwner(pid int) error {
	owner, err := identify(pid)
	if err != nil {
		return fmt.Errorf("--owner-pid %d: no such process: %w", pid, err)
	}
	if err := syscall.Setpgid(0, 0); err != nil {
		return fmt.Errorf("making a process group: %w", err)
	}
	go func() {
		if err := waitForEnd(owner); err != nil {
			fmt.Fprintln(os.Stderr, "launch:", err)
			return
		}
		fmt.Fprintf(os.Stderr, "launch: owner %d is gone: ending\n", owner.PID)
		syscall.Kill(0, syscall.SIGTERM)
	}()
	return nil
}

// Sleeps in the kernel until the process ends; it need not be a child.
func waitForEnd(owner process) error {
	const pidfdOpen = 434 // pidfd_open(2), the same number on every architecture
	handle, _, code := syscall.Syscall(pidfdOpen, uintptr(owner.PID), 0, 0)
	if code == syscall.ESRCH {
		return nil
	}
	if code != 0 {
		return fmt.Errorf("pidfd_open of process %d: %w; the kernel must be Linux 5.3 or newer", owner.PID, code)
	}
	if !owner.alive() {
		return nil // the id already belongs to somebody else
	}
	poll := struct {
		descriptor      int32
		events, revents int16
	}{descriptor: int32(handle), events: 1} // POLLIN
	for {
		_, _, code := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, 0, 0, 0, 0)
		if code == 0 {
			return nil
		}
		if code != syscall.EINTR {
			return fmt.Errorf("waiting for process %d: %w", owner.PID, code)
		}
	}
}
