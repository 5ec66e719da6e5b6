package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Opens each new volume to every user, for as long as the node lives. The controller manager makes a volume's folder for root
// alone, whatever it is told, and kubelet gives no group to host paths; on the storage of real clusters pods that are not root
// can write. This process is also the one that holds the node's namespaces.
func openVolumes(folder string) error {
	watch, err := syscall.InotifyInit1(syscall.IN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	if _, err := syscall.InotifyAddWatch(watch, folder, syscall.IN_CREATE|syscall.IN_ONLYDIR); err != nil {
		return fmt.Errorf("watching %s: %w", folder, err)
	}
	events := make([]byte, 64<<10)
	for {
		if err := openAll(folder); err != nil {
			return err
		}
		// What the events say does not matter: one more look at the folder misses nothing.
		if _, err := syscall.Read(watch, events); err != nil && err != syscall.EINTR {
			return fmt.Errorf("watching %s: %w", folder, err)
		}
	}
}

func openAll(folder string) error {
	volumes, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, volume := range volumes {
		if err := os.Chmod(filepath.Join(folder, volume.Name()), 0o777); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
