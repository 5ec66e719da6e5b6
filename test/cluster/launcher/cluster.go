package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The parts of a control plane in the order they start; they end in the opposite order.
var controlPlane = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

// The controller manager writes host-path volumes here, whatever it is told; see the README.
const hostPathVolumes = "/tmp/hostpath_pv"

type upOptions struct {
	name, directory, version, binary, auditPolicy string
	featureGates, runtimeConfig                   string
	node                                          bool
	ownerPID                                      int
}

func up(o upOptions) (*instance, error) {
	if !nameForm.MatchString(o.name) {
		return nil, fmt.Errorf("--name %q: use at most 40 small letters, digits and dashes", o.name)
	}
	if o.node {
		if err := nodeIsPossible(o.directory); err != nil {
			return nil, err
		}
	}
	var policy []byte
	if o.auditPolicy != "" {
		content, err := os.ReadFile(o.auditPolicy)
		if err != nil {
			return nil, fmt.Errorf("--audit-policy: %w", err)
		}
		policy = content
	}
	if o.ownerPID > 0 { // building takes minutes in which nobody else looks whether it is still wanted
		if err := endWithOwner(o.ownerPID); err != nil {
			return nil, err
		}
	}
	version, err := resolveVersion(o.version)
	if err != nil {
		return nil, err
	}
	binary := o.binary
	if binary == "" {
		if binary, err = buildKubernetes(version, o.node); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(o.directory, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(o.directory, "")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clearRemains(o.directory); err != nil {
		return nil, err
	}
	block, freeClaim, err := claimBlock()
	if err != nil {
		return nil, errors.Join(err, os.Remove(o.directory))
	}
	defer freeClaim()
	i := &instance{
		Name: o.name, Version: version, Binary: binary, Block: block, Node: o.node, AuditPolicy: o.auditPolicy,
		FeatureGates: o.featureGates, RuntimeConfig: o.runtimeConfig,
		Processes: map[string]process{}, directory: o.directory,
	}
	if err := i.start(policy, o.ownerPID); err != nil {
		err = errors.Join(err, i.logTails())
		return nil, errors.Join(err, i.takeDown())
	}
	return i, nil
}

// A folder whose processes have all ended (the machine was restarted, or they were killed) is cleared; one that runs is left alone.
func clearRemains(directory string) error {
	i, err := loadInstance(directory)
	if errors.Is(err, errNoInstance) {
		entries, err := os.ReadDir(directory)
		if err == nil && len(entries) > 0 {
			err = fmt.Errorf("--directory %s is not empty and holds no cluster: name a new folder", directory)
		}
		return err
	}
	if err != nil {
		return err
	}
	if len(i.running()) > 0 {
		return fmt.Errorf("cluster %s already runs in %s: use another --name, or end it with 'launch down --directory %s'", i.Name, directory, directory)
	}
	if err := i.takeDown(); err != nil {
		return err
	}
	return os.MkdirAll(directory, 0o755)
}

func (i *instance) start(policy []byte, ownerPID int) error {
	i.Server = fmt.Sprintf("https://%s:%d", i.address(), portOf(i.Block, portAPIServer))
	i.Kubeconfig = i.path("admin.kubeconfig")
	i.HostAddress = "127.0.0.1"
	if i.Node {
		i.HostAddress = hostAddress(i.Block)
	}
	if err := i.save(); err != nil {
		return err
	}
	if ownerPID > 0 {
		if err := i.startOwnerWatcher(ownerPID); err != nil {
			return err
		}
	}
	if err := i.writeCredentials(); err != nil {
		return err
	}
	if policy != nil {
		if err := os.WriteFile(i.path("audit-policy.yaml"), policy, 0o644); err != nil {
			return err
		}
	}
	// Made by whoever comes first, for everybody: the controller managers of several users share it.
	if err := os.Mkdir(hostPathVolumes, 0o777); err == nil {
		if err := os.Chmod(hostPathVolumes, 0o1777|os.ModeSticky); err != nil {
			return err
		}
	}
	if i.Node {
		if err := i.makeNamespaces(); err != nil {
			return err
		}
	}
	for _, component := range controlPlane {
		if err := i.startComponent(component); err != nil {
			return err
		}
		if component == "kube-apiserver" {
			if err := i.waitForAPI(60 * time.Second); err != nil {
				return err
			}
		}
	}
	if err := i.applyAddOns(); err != nil {
		return err
	}
	if err := i.waitForAccounts(60 * time.Second); err != nil {
		return err
	}
	if i.Node {
		return i.startNode()
	}
	return nil
}

func (i *instance) writeCredentials() error {
	ca, err := newAuthority(i.pki(""))
	if err != nil {
		return err
	}
	masters := []string{"system:masters"}
	servers := []string{"localhost", "127.0.0.1", i.address(), apiServiceAddress(i.Block), "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	for file, who := range map[string]subject{
		"apiserver":          {name: "kube-apiserver", hosts: servers},
		"service-accounts":   {name: "service-accounts"},
		"kubelet-client":     {name: "kube-apiserver-kubelet-client", organisations: masters},
		"front-proxy":        {name: frontProxy},
		"admin":              {name: "tanren-admin", organisations: masters},
		"controller-manager": {name: "system:kube-controller-manager"},
		"scheduler":          {name: "system:kube-scheduler"},
		"kubelet":            {name: "system:node:" + i.nodeName(), organisations: []string{"system:nodes"}, hosts: []string{i.nodeName(), nodeAddress(i.Block)}},
		"proxy":              {name: "system:kube-proxy"},
		"coredns":            {name: "tanren:coredns"},
	} {
		if err := ca.issue(file, who); err != nil {
			return err
		}
	}
	for _, user := range []string{"admin", "controller-manager", "scheduler", "kubelet", "proxy", "coredns"} {
		if err := ca.writeKubeconfig(i.path(user+".kubeconfig"), i.Server, user); err != nil {
			return err
		}
	}
	return nil
}

func (i *instance) waitForAPI(limit time.Duration) error {
	client, err := i.api()
	if err != nil {
		return err
	}
	return i.waitFor("the API to be ready", limit, func() error { return client.get("/readyz", nil) })
}

// Pods need this account, and its presence shows that the controller manager works.
func (i *instance) waitForAccounts(limit time.Duration) error {
	client, err := i.api()
	if err != nil {
		return err
	}
	return i.waitFor("the service account default/default", limit, func() error {
		return client.get("/api/v1/namespaces/default/serviceaccounts/default", nil)
	})
}

// Asks until the answer is no error. A component that ended is told at once instead of waited for.
func (i *instance) waitFor(what string, limit time.Duration, ask func() error) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		err := ask()
		if err == nil {
			return nil
		}
		for _, name := range i.fresh {
			if !i.Processes[name].alive() {
				return fmt.Errorf("%s ended while we waited for %s; its log is %s", name, what, i.logFile(name))
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for %s: %w", limit, what, err)
		}
	}
}

func (i *instance) logFile(component string) string { return i.path("logs", component+".log") }

// The last lines of each log as one error, because the folder goes when starting fails.
func (i *instance) logTails() error {
	var text strings.Builder
	for component := range i.Processes {
		content, err := os.ReadFile(i.logFile(component))
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
		if component == ownerWatcher || len(content) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n--- end of %s\n%s", filepath.Base(i.logFile(component)), strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	if text.Len() == 0 {
		return nil
	}
	return errors.New(text.String())
}
