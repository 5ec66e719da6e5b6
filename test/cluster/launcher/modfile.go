package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	requiredKubernetes = regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v\S+)`)
	requiredEtcd       = regexp.MustCompile(`(?m)^\s*go\.etcd\.io/etcd/client/v3 (v\S+)`)
	staged             = regexp.MustCompile(`(?m)^\s*(\S+) => \./staging/`)
	versionForm        = regexp.MustCompile(`^v1\.\d+\.\d+$`)
)

// The version of Kubernetes that go.mod names: the one place where it is chosen.
func committedVersion() (string, error) {
	content, err := os.ReadFile(filepath.Join(sources, "go.mod"))
	if err != nil {
		return "", err
	}
	found := requiredKubernetes.FindSubmatch(content)
	if found == nil {
		return "", fmt.Errorf("%s/go.mod requires no k8s.io/kubernetes", sources)
	}
	return string(found[1]), nil
}

func resolveVersion(asked string) (string, error) {
	if asked == "" {
		return committedVersion()
	}
	version := "v" + strings.TrimPrefix(asked, "v")
	if !versionForm.MatchString(version) {
		return "", fmt.Errorf("--version %q: give it like 1.34.4", asked)
	}
	return version, nil
}

// Writes a go.mod and go.sum for another version of Kubernetes beside the program that is built with them.
func otherModfile(folder, version string) ([]string, error) {
	output, err := goCommand(sources, "mod", "download", "-json", "k8s.io/kubernetes@"+version).Output()
	var module struct{ GoMod, Error string }
	if jsonErr := json.Unmarshal(output, &module); jsonErr != nil {
		return nil, fmt.Errorf("downloading k8s.io/kubernetes %s: %w", version, err)
	}
	if module.Error != "" {
		return nil, fmt.Errorf("downloading k8s.io/kubernetes %s: %s", version, module.Error)
	}
	theirs, err := os.ReadFile(module.GoMod)
	if err != nil {
		return nil, err
	}
	ours, err := os.ReadFile(filepath.Join(sources, "go.mod"))
	if err != nil {
		return nil, err
	}
	text, err := modfileFor(string(ours), string(theirs), version)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "kubernetes.mod")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return nil, err
	}
	if output, err := goCommand(sources, "mod", "tidy", "-modfile="+path).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go mod tidy for Kubernetes %s: %w\n%s", version, err, output)
	}
	return []string{"-modfile=" + path}, nil
}

// Kubernetes is published as one module that names its own parts by folders that only its repository has; each such part is
// published too, as v0.MINOR.PATCH. What is not Kubernetes or etcd keeps the version of our own go.mod.
func modfileFor(ours, theirs, version string) (string, error) {
	etcd := requiredEtcd.FindStringSubmatch(theirs)
	parts := staged.FindAllStringSubmatch(theirs, -1)
	if etcd == nil || parts == nil {
		return "", fmt.Errorf("the go.mod of k8s.io/kubernetes %s names no etcd or no staged parts: this launcher does not know its form", version)
	}
	var text strings.Builder
	text.WriteString("module tanren/test/cluster\n\ngo 1.26.0\n\nrequire (\n")
	fmt.Fprintf(&text, "\tk8s.io/kubernetes %s\n\tgo.etcd.io/etcd/server/v3 %s\n", version, etcd[1])
	coredns := regexp.MustCompile(`(?m)^\s*github\.com/coredns/coredns (v\S+)`).FindStringSubmatch(ours)
	if coredns == nil {
		return "", fmt.Errorf("%s/go.mod requires no github.com/coredns/coredns", sources)
	}
	fmt.Fprintf(&text, "\tgithub.com/coredns/coredns %s\n)\n\nreplace (\n", coredns[1])
	for _, part := range parts {
		fmt.Fprintf(&text, "\t%s => %s v0%s\n", part[1], part[1], strings.TrimPrefix(version, "v1"))
	}
	text.WriteString(")\n")
	return text.String(), nil
}
