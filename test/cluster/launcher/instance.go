package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// What is known of one cluster, kept in instance.json of its directory. Everything it made can be found from here.
type instance struct {
	Name          string             `json:"name"`
	Version       string             `json:"version"` // of Kubernetes, with the v
	Binary        string             `json:"binary"`
	Block         int                `json:"block"`
	Node          bool               `json:"node"`
	AuditPolicy   string             `json:"auditPolicy,omitempty"`
	FeatureGates  string             `json:"featureGates,omitempty"`
	RuntimeConfig string             `json:"runtimeConfig,omitempty"`
	Processes     map[string]process `json:"processes"`
	MadeFolders   []string           `json:"madeFolders,omitempty"` // mount points on the machine that were not there before
	Kubeconfig    string             `json:"kubeconfig"`
	Server        string             `json:"server"`
	HostAddress   string             `json:"hostAddress"` // where pods reach what listens on this machine

	directory string
	fresh     []string // components that this launcher started
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$`)

// The kernel hides these folders of the machine from a node, so its own state cannot live there.
var hiddenFromNode = []string{"/run", "/var/run", "/var/log", "/var/lib/kubelet", "/var/lib/cni", hostPathVolumes}

func cacheFolder() (string, error) {
	cache, err := os.UserCacheDir() // XDG_CACHE_HOME, else ~/.cache
	if err != nil {
		return "", fmt.Errorf("no cache folder (%w): set HOME or XDG_CACHE_HOME to a folder you may write", err)
	}
	return filepath.Join(cache, "tanren", "cluster"), nil
}

func (i *instance) path(parts ...string) string {
	return filepath.Join(append([]string{i.directory}, parts...)...)
}

func (i *instance) save() error {
	content, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	// Renamed into place: a reader, or a launcher killed half-way, never meets half a file.
	if err := os.WriteFile(i.path("instance.json.new"), append(content, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(i.path("instance.json.new"), i.path("instance.json"))
}

var errNoInstance = errors.New("no cluster there")

func loadInstance(directory string) (*instance, error) {
	content, err := os.ReadFile(filepath.Join(directory, "instance.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s holds no instance.json; 'launch up' with the same --name or --directory makes one", errNoInstance, directory)
	}
	if err != nil {
		return nil, err
	}
	i := &instance{directory: directory}
	if err := json.Unmarshal(content, i); err != nil {
		return nil, fmt.Errorf("%s/instance.json: %w; if nothing of it runs any more, remove the folder", directory, err)
	}
	return i, nil
}

// Takes the folder for this launcher alone; the kernel frees it when the launcher ends, however it ends.
// The words, where there are any, are said when another launcher has it.
func lockFolder(folder, whileWaiting string) (func(), error) {
	handle, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(handle.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		if whileWaiting != "" {
			fmt.Fprintln(os.Stderr, whileWaiting)
		}
		err = syscall.EINTR
	}
	for errors.Is(err, syscall.EINTR) {
		err = syscall.Flock(int(handle.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		handle.Close()
		return nil, fmt.Errorf("locking %s: %w", folder, err)
	}
	return func() { handle.Close() }, nil
}

// Opens an instance that exists, locked. The folder may have gone while we waited for another launcher's `down`.
func openInstance(directory string) (*instance, func(), error) {
	unlock, err := lockFolder(directory, "")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s does not exist; 'launch status' lists what runs", errNoInstance, directory)
	}
	if err != nil {
		return nil, nil, err
	}
	i, err := loadInstance(directory)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return i, unlock, nil
}
