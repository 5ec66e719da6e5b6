package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The folder test/cluster of the checkout, set by `launch` when it builds this program.
var sources string

// What shortens compiling by nearly half and changes nothing that a test can see: no debug information, which the linker would
// drop anyway, and nothing inlined in Kubernetes' own packages, most of whose text is generated.
var compilerFlags = []string{"-gcflags=all=-dwarf=false", "-gcflags=k8s.io/...=-dwarf=false -l"}

// One program to build: where its module is, what else its content depends on, and how `go build` is called.
type recipe struct {
	name    string
	module  string
	program string   // the package to build; by default the module's own
	inputs  []string // files whose content decides, relative to the module
	salt    []string
	prepare func(folder string) ([]string, error) // more arguments of `go build`; may write files to the folder
	flags   []string
}

// Returns the built program's path. What was built is kept by the hash of all that decides its content, so a second caller,
// a fresh clone and a changed checkout all find the right one; two callers at once build it once.
func (r recipe) build() (string, error) {
	key, err := r.key()
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "bin", key)
	program := filepath.Join(folder, r.name)
	if isProgram(program) {
		return program, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFolder(folder, fmt.Sprintf("==> waiting for the launcher that builds %s (log: %s)", r.name, filepath.Join(folder, "build.log")))
	if err != nil {
		return "", err
	}
	defer unlock()
	if isProgram(program) {
		return program, nil // another launcher built it while we waited
	}
	began := time.Now()
	fmt.Fprintf(os.Stderr, "==> building %s into %s (log: build.log there; minutes from empty caches, once)\n", r.name, folder)
	if err := r.compile(folder, program+".new"); err != nil {
		return "", err
	}
	if err := os.Rename(program+".new", program); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "==> built %s in %s\n", r.name, time.Since(began).Round(time.Second))
	return program, nil
}

func (r recipe) compile(folder, output string) error {
	log, err := os.Create(filepath.Join(folder, "build.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	flags := r.flags
	if r.prepare != nil {
		more, err := r.prepare(folder)
		if err != nil {
			return err
		}
		flags = append(flags, more...)
	}
	arguments := slices.Concat([]string{"build", "-buildvcs=false", "-trimpath", "-o", output}, compilerFlags, flags, []string{cmp.Or(r.program, ".")})
	command := goCommand(r.module, arguments...)
	command.Stdout, command.Stderr = log, log
	if err := command.Run(); err != nil {
		return fmt.Errorf("building %s: %w; the end of %s:\n%s", r.name, err, log.Name(), tail(log.Name(), 20))
	}
	return nil
}

func (r recipe) key() (string, error) {
	toolchain, err := goCommand(r.module, "env", "GOVERSION", "GOOS", "GOARCH").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("building %s: no 'go' on PATH: install Go 1.26 or newer", r.name)
	}
	if err != nil {
		return "", fmt.Errorf("go env in %s: %w", r.module, err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%q\n%q\n%q\n", r.name, toolchain, compilerFlags, r.flags, r.salt)
	for _, input := range r.inputs {
		content, err := os.ReadFile(filepath.Join(r.module, input))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", input, len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// The programs are static: they run in any folder, for any user, without a C compiler having been there.
func goCommand(folder string, arguments ...string) *exec.Cmd {
	command := exec.Command("go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	return command
}

func isProgram(path string) bool {
	about, err := os.Stat(path)
	return err == nil && about.Mode().IsRegular()
}

func tail(file string, lines int) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// With a node it holds kubelet, kube-proxy and CoreDNS too, which a control plane alone need not wait for.
func buildKubernetes(version string, node bool) (string, error) {
	committed, err := committedVersion()
	if err != nil {
		return "", err
	}
	r := recipe{
		name: "kubernetes", module: sources, inputs: []string{"main.go", "go.mod", "go.sum"}, salt: []string{version},
		flags: []string{"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=" + version},
	}
	if node {
		r.name, r.inputs, r.flags = "kubernetes-node", append(r.inputs, "node.go"), append(r.flags, "-tags", "node")
	}
	if version != committed {
		r.prepare = func(folder string) ([]string, error) { return otherModfile(folder, version) }
	}
	return r.build()
}

func buildHelm() (string, error) {
	module := filepath.Join(sources, "helm")
	return recipe{name: "helm", module: module, inputs: []string{"main.go", "go.mod", "go.sum"}, flags: []string{"-ldflags", "-s -w"}}.build()
}

// Its program is a package of its module: the module here only names the version.
func buildKueue() (string, error) {
	module := filepath.Join(sources, "kueue")
	return recipe{
		name: "kueue", module: module, program: "sigs.k8s.io/kueue/cmd/kueue", inputs: []string{"go.mod", "go.sum"},
		flags: []string{"-ldflags", "-s -w"},
	}.build()
}

// Its programs are packages of its module: the module here only names the version.
func buildKeda(name, program string) (string, error) {
	return recipe{
		name: name, module: filepath.Join(sources, "keda"), program: "github.com/kedacore/keda/v2/cmd/" + program,
		inputs: []string{"go.mod", "go.sum"}, flags: []string{"-ldflags", "-s -w"},
	}.build()
}

// Its programs are packages of its module: the module here only names the version. Whom it would find by the API of a
// cloud is left out, and most of what there is to compile with it.
func buildPrometheus(name string) (string, error) {
	return recipe{
		name: name, module: filepath.Join(sources, "prometheus"), program: "github.com/prometheus/prometheus/cmd/" + name,
		inputs: []string{"go.mod", "go.sum"}, flags: []string{"-tags", "remove_all_sd", "-ldflags", "-s -w"},
	}.build()
}

type releaseTool struct{ module, program string }

// What a release is made and tried with: each a package of its module, of which the module here only names the version.
var releaseTools = map[string]releaseTool{
	"cosign":                 {"cosign", "github.com/sigstore/cosign/v3/cmd/cosign"},
	"crane":                  {"crane", "github.com/google/go-containerregistry/cmd/crane"},
	"krew":                   {"krew", "sigs.k8s.io/krew/cmd/krew"},
	"registry":               {"registry", "github.com/distribution/distribution/v3/cmd/registry"},
	"validate-krew-manifest": {"krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest"},
}

func buildReleaseTool(name string, tool releaseTool) (string, error) {
	return recipe{
		name: name, module: filepath.Join(sources, tool.module), program: tool.program, inputs: []string{"go.mod", "go.sum"},
		flags: []string{"-ldflags", "-s -w"},
	}.build()
}

func buildPause() (string, error) {
	module := filepath.Join(sources, "launcher", "pause")
	return recipe{name: "pause", module: module, inputs: []string{"main.go", "../go.mod"}, flags: []string{"-ldflags", "-s -w"}}.build()
}
