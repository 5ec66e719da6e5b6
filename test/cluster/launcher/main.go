// The launcher builds a complete Kubernetes from source and runs clusters of it on this machine, for tests.
package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const usage = `launch builds Kubernetes from source and runs clusters of it on this machine.

  launch build [PROGRAM...]           build kubernetes (the default), kubernetes-node, helm, kueue, keda, keda-adapter,
                                      keda-webhooks, prometheus, promtool, registry, crane, cosign, krew or
                                      validate-krew-manifest, each once per content, and print the programs' paths;
                                      with --owner-pid only as long as that process lives
  launch up                           start a cluster, print its kubeconfig's path as the last line
  launch down                         end it and remove all it made
  launch status                       list clusters and what of them runs
  launch stop-component NAME          end one component (--kill: at once, as a crash does)
  launch start-component NAME         start it again with the same arguments
  launch load-image FILE.tar          give a cluster with a node an image (docker or OCI archive; - reads standard input)

Flags stand after the command; 'launch COMMAND --help' lists them. README.md beside this program says more.
`

func main() {
	// An ordinary user's PATH lacks the folders of ip, nft, iptables and runc.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	err := run(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 || slices.Contains([]string{"help", "--help", "-h"}, arguments[0]) {
		fmt.Print(usage)
		return nil
	}
	command, rest := arguments[0], arguments[1:]
	commands := map[string]func([]string) error{
		"build": runBuild, "up": runUp, "down": runDown, "status": runStatus, "stop-component": runStop,
		"start-component": runStart, "load-image": runLoadImage, "watch-owner": runWatchOwner, "open-volumes": runOpenVolumes,
	}
	do, known := commands[command]
	if !known {
		return fmt.Errorf("no command %q: 'launch --help' lists them", command)
	}
	return do(rest)
}

// Flags that name a cluster, common to all commands but build.
type selection struct {
	flags     *flag.FlagSet
	name      *string
	directory *string
}

func newSelection(command string) selection {
	flags := flag.NewFlagSet("launch "+command, flag.ContinueOnError)
	return selection{
		flags: flags, name: flags.String("name", "default", "the cluster's name"),
		directory: flags.String("directory", "", "its folder (default: instances/NAME in the cache)"),
	}
}

// Parses flags wherever they stand among the arguments and returns the others.
func (s selection) parse(arguments []string) ([]string, error) {
	var others []string
	for {
		if err := s.flags.Parse(arguments); err != nil {
			return nil, err
		}
		if s.flags.NArg() == 0 {
			return others, nil
		}
		others, arguments = append(others, s.flags.Arg(0)), s.flags.Args()[1:]
	}
}

func (s selection) folder() (string, error) {
	if *s.directory != "" {
		return filepath.Abs(*s.directory)
	}
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "instances", *s.name), nil
}

// Parses, wants exactly the named further arguments, and opens the cluster.
func (s selection) open(arguments []string, wanted ...string) (*instance, func(), []string, error) {
	others, err := s.parse(arguments)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(others) != len(wanted) {
		return nil, nil, nil, fmt.Errorf("%s: give %d argument(s) %s, not %q", s.flags.Name(), len(wanted), strings.Join(wanted, " "), others)
	}
	folder, err := s.folder()
	if err != nil {
		return nil, nil, nil, err
	}
	i, unlock, err := openInstance(folder)
	return i, unlock, others, err
}

func versionFlag(flags *flag.FlagSet) *string {
	return flags.String("version", os.Getenv("KUBERNETES_VERSION"), "Kubernetes version, such as 1.34.4 (default: KUBERNETES_VERSION, else that of go.mod)")
}

func runBuild(arguments []string) error {
	s := selection{flags: flag.NewFlagSet("launch build", flag.ContinueOnError)}
	version := versionFlag(s.flags)
	ownerPID := s.flags.Int("owner-pid", 0, "end, with all that compiles, when this `process` is gone")
	names, err := s.parse(arguments)
	if err != nil {
		return err
	}
	resolved, err := resolveVersion(*version)
	if err != nil {
		return err
	}
	builds := map[string]func() (string, error){
		"kubernetes":      func() (string, error) { return buildKubernetes(resolved, false) },
		"kubernetes-node": func() (string, error) { return buildKubernetes(resolved, true) },
		"helm":            buildHelm,
		"kueue":           buildKueue,
		"keda":            func() (string, error) { return buildKeda("keda", "operator") },
		"keda-adapter":    func() (string, error) { return buildKeda("keda-adapter", "adapter") },
		"keda-webhooks":   func() (string, error) { return buildKeda("keda-webhooks", "webhooks") },
		"prometheus":      func() (string, error) { return buildPrometheus("prometheus") },
		"promtool":        func() (string, error) { return buildPrometheus("promtool") },
	}
	for name, tool := range releaseTools {
		builds[name] = func() (string, error) { return buildReleaseTool(name, tool) }
	}
	if len(names) == 0 {
		names = []string{"kubernetes"}
	}
	for _, name := range names {
		if builds[name] == nil {
			return fmt.Errorf("launch build: there is no program %q: give %s", name, strings.Join(slices.Sorted(maps.Keys(builds)), ", "))
		}
	}
	if *ownerPID > 0 {
		if err := endWithOwner(*ownerPID); err != nil {
			return err
		}
	}
	for _, name := range names {
		program, err := builds[name]()
		if err != nil {
			return err
		}
		fmt.Println(program)
	}
	return nil
}

func runUp(arguments []string) error {
	s := newSelection("up")
	var o upOptions
	version := versionFlag(s.flags)
	s.flags.BoolVar(&o.node, "node", false, "with a node that runs pods (needs root)")
	s.flags.StringVar(&o.auditPolicy, "audit-policy", "", "audit policy `file`; the log is audit.log in the cluster's folder")
	s.flags.StringVar(&o.featureGates, "feature-gates", "", "`gates` of the control plane's components, such as GenericWorkload=true")
	s.flags.StringVar(&o.runtimeConfig, "runtime-config", "", "`APIs` that are served or not beside the usual ones, such as scheduling.k8s.io/v1alpha2=true")
	s.flags.StringVar(&o.binary, "kubernetes-binary", "", "use this `program` instead of building one")
	s.flags.IntVar(&o.ownerPID, "owner-pid", 0, "bring the cluster down when this `process` is gone")
	others, err := s.parse(arguments)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return fmt.Errorf("launch up: takes flags only, not %q", others)
	}
	o.name, o.version = *s.name, *version
	if o.directory, err = s.folder(); err != nil {
		return err
	}
	i, err := up(o)
	if err != nil {
		return err
	}
	fmt.Println(i.Kubeconfig)
	return nil
}

func runDown(arguments []string) error {
	i, unlock, _, err := newSelection("down").open(arguments)
	if errors.Is(err, errNoInstance) {
		fmt.Fprintln(os.Stderr, "launch down: nothing to do:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	return i.takeDown()
}

func runStop(arguments []string) error {
	s := newSelection("stop-component")
	kill := s.flags.Bool("kill", false, "end it at once (SIGKILL), as a crash does")
	i, unlock, others, err := s.open(arguments, "COMPONENT")
	if err != nil {
		return err
	}
	defer unlock()
	return i.stopComponent(others[0], *kill)
}

func runStart(arguments []string) error {
	i, unlock, others, err := newSelection("start-component").open(arguments, "COMPONENT")
	if err != nil {
		return err
	}
	defer unlock()
	return i.restartComponent(others[0])
}

func runLoadImage(arguments []string) error {
	i, unlock, others, err := newSelection("load-image").open(arguments, "FILE.tar")
	if err != nil {
		return err
	}
	defer unlock()
	return i.loadImageFile(others[0])
}

func runWatchOwner(arguments []string) error {
	s := newSelection("watch-owner")
	pid := s.flags.Int("owner-pid", 0, "process to wait for")
	start := s.flags.String("owner-start", "", "its start, as the launcher records it")
	if _, err := s.parse(arguments); err != nil {
		return err
	}
	return watchOwner(*s.directory, process{PID: *pid, Start: *start})
}

func runOpenVolumes(arguments []string) error {
	s := newSelection("open-volumes")
	if _, err := s.parse(arguments); err != nil {
		return err
	}
	return openVolumes(*s.directory)
}

func runStatus(arguments []string) error {
	s := newSelection("status")
	if _, err := s.parse(arguments); err != nil {
		return err
	}
	folder, err := s.folder()
	if err != nil {
		return err
	}
	folders := []string{folder}
	if *s.directory == "" && *s.name == "default" {
		if folders, err = filepath.Glob(filepath.Join(filepath.Dir(folder), "*")); err != nil {
			return err
		}
	}
	for _, folder := range folders {
		i, err := loadInstance(folder)
		if errors.Is(err, errNoInstance) {
			continue
		}
		if err != nil {
			return err
		}
		var parts []string
		for _, component := range i.components() {
			if started, known := i.Processes[component]; known && started.alive() {
				parts = append(parts, fmt.Sprintf("%s (%d)", component, started.PID))
			} else {
				parts = append(parts, component+" (not running)")
			}
		}
		fmt.Printf("%s\tKubernetes %s\t%s\n  kubeconfig %s\n  %s\n", i.Name, i.Version, i.Server, i.Kubeconfig, strings.Join(parts, ", "))
	}
	return nil
}
