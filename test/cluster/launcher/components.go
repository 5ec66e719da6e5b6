package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var nodeParts = []string{"containerd", "kubelet", "kube-proxy", "coredns"}

// The components of an instance in starting order.
func (i *instance) components() []string {
	if i.Node {
		return slices.Concat(controlPlane, nodeParts)
	}
	return controlPlane
}

func (i *instance) startComponent(component string) error {
	argv, err := i.commandLine(component)
	if err != nil {
		return err
	}
	if running, known := i.Processes[component]; known && running.alive() {
		return fmt.Errorf("%s of cluster %s already runs as process %d", component, i.Name, running.PID)
	}
	started, err := startDetached(i.logFile(component), argv...)
	if err != nil {
		return fmt.Errorf("starting %s: %w", component, err)
	}
	i.Processes[component] = started
	i.fresh = append(i.fresh, component)
	return i.save()
}

func (i *instance) commandLine(component string) ([]string, error) {
	arguments := map[string]func() []string{
		"etcd":                    i.etcdArguments,
		"kube-apiserver":          i.apiServerArguments,
		"kube-controller-manager": i.controllerManagerArguments,
		"kube-scheduler":          i.schedulerArguments,
		"kubelet":                 i.kubeletArguments,
		"kube-proxy":              i.proxyArguments,
		"coredns":                 i.dnsArguments,
		"containerd":              i.containerdArguments,
	}
	if !slices.Contains(i.components(), component) {
		return nil, fmt.Errorf("cluster %s has no component %q: it has %s", i.Name, component, strings.Join(i.components(), ", "))
	}
	argv := append([]string{i.Binary, component}, arguments[component]()...)
	if component == "containerd" {
		argv = argv[1:] // a program of the machine, not a part of ours
	}
	if i.Node {
		argv = append(i.inside(), argv...)
	}
	return argv, nil
}

func (i *instance) stopComponent(component string, kill bool) error {
	if _, err := i.commandLine(component); err != nil {
		return err
	}
	running, known := i.Processes[component]
	if !known || !running.alive() {
		return fmt.Errorf("%s of cluster %s does not run", component, i.Name)
	}
	patience := 20 * time.Second
	if kill {
		patience = 0
	}
	if err := running.end(patience); err != nil {
		return err
	}
	delete(i.Processes, component)
	return i.save()
}

// Starts a component that was stopped, and waits until it serves where it serves what tests ask at once.
func (i *instance) restartComponent(component string) error {
	if err := i.startComponent(component); err != nil {
		return err
	}
	if component == "etcd" || component == "kube-apiserver" {
		if api := i.Processes["kube-apiserver"]; api.alive() {
			return i.waitForAPI(60 * time.Second)
		}
	}
	return nil
}

// What of the instance lives, by name.
func (i *instance) running() map[string]process {
	alive := map[string]process{}
	for name, started := range i.Processes {
		if started.alive() {
			alive[name] = started
		}
	}
	return alive
}
