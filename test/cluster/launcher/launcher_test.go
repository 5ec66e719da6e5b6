package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestClaimedBlocksDifferAndAvoidPortsInUse(t *testing.T) {
	first, free, err := claimBlock()
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	second, freeSecond, err := claimBlock()
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Fatalf("two launchers at once got block %d", first)
	}
	freeSecond()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", portOf(second, portAPIServer)))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if blockIsFree(second) {
		t.Errorf("block %d counts as free while its API port is in use", second)
	}
}

func TestPortsOfBlocksDoNotMeet(t *testing.T) {
	if portsUsed > portsInBlock {
		t.Errorf("%d ports do not fit a block of %d", portsUsed, portsInBlock)
	}
	if last := portOf(blocks-1, portsUsed-1); last >= 32768 {
		t.Errorf("port %d lies in the kernel's range of ephemeral ports", last)
	}
}

func TestStatIsReadAfterTheProgramsName(t *testing.T) {
	for name, want := range map[string]stat{
		"4242 (sleep) S 1 4242 4242 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 5 6":         {"S", 1, "98765"},
		"4242 (a ) R (b) Z 77 4242 4242 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 5 6":     {"Z", 77, "98765"},
		"4242 (kubernetes) R 12 4242 4242 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 1234567 5 6": {"R", 12, "1234567"},
	} {
		if got, err := parseStat(name); err != nil || got != want {
			t.Errorf("%q: got %v (%v), want %v", name, got, err, want)
		}
	}
	if _, err := parseStat("4242 (sleep) S 1"); err == nil {
		t.Error("a short line was accepted")
	}
}

func TestOnlyTheProcessItselfIsEnded(t *testing.T) {
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	go sleeper.Wait()
	known, err := identify(sleeper.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	successor := process{PID: known.PID, Start: known.Start + "1"} // the same id, given to a later process
	if err := successor.end(0); err != nil || !known.alive() {
		t.Fatalf("a process with another start was ended (%v)", err)
	}
	if err := known.end(time.Second); err != nil || known.alive() {
		t.Fatalf("the process itself was not ended (%v)", err)
	}
}

func TestOwnersEndIsNoticed(t *testing.T) {
	owner := exec.Command("sleep", "0.2")
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	known, err := identify(owner.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	go owner.Wait()
	if err := waitForEnd(known); err != nil || known.alive() {
		t.Errorf("returned %v while the owner is alive: %v", err, known.alive())
	}
}

func TestLauncherAndWhatItStartedEndWithTheOwner(t *testing.T) {
	if pid, err := strconv.Atoi(os.Getenv("TEST_OWNER_PID")); err == nil { // the launcher, in a process of its own
		if err := endWithOwner(pid); err != nil {
			t.Fatal(err)
		}
		compiler := exec.Command("sleep", "60")
		if err := compiler.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(compiler.Process.Pid)
		compiler.Wait()
		return
	}
	owner := exec.Command("sleep", "60")
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	launcher := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	launcher.Env = append(os.Environ(), fmt.Sprintf("TEST_OWNER_PID=%d", owner.Process.Pid))
	output, err := launcher.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := launcher.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(output, &pid); err != nil {
		t.Fatal(err)
	}
	compiler, err := identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	owner.Process.Kill()
	owner.Wait()
	if err := launcher.Wait(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("the launcher ended with %v", err)
	}
	if !compiler.goneWithin(10 * time.Second) {
		t.Error("what the launcher had started outlived the owner")
	}
}

func TestArgumentsKeepInstancesApart(t *testing.T) {
	one := &instance{Name: "one", Binary: "/bin/k", Block: 1, directory: "/one", Processes: map[string]process{}}
	two := &instance{Name: "two", Binary: "/bin/k", Block: 2, directory: "/two", Processes: map[string]process{}}
	own := regexp.MustCompile(`[:=]2\d{4}$|/one|/two|=10\.`) // ports, files and ranges
	for _, component := range controlPlane {
		ones, err := one.commandLine(component)
		if err != nil {
			t.Fatal(err)
		}
		twos, _ := two.commandLine(component)
		for _, argument := range ones {
			if own.MatchString(argument) && slices.Contains(twos, argument) {
				t.Errorf("%s: both instances use %s", component, argument)
			}
		}
	}
	if _, err := one.commandLine("kubelet"); err == nil || !strings.Contains(err.Error(), "etcd") {
		t.Errorf("a kubelet without a node: %v; the message shall list what there is", err)
	}
	if slices.ContainsFunc(one.apiServerArguments(), func(a string) bool { return strings.HasPrefix(a, "--audit") }) {
		t.Error("an audit log nobody asked for")
	}
}

func TestCertificatesAreAcceptedByTheirAuthority(t *testing.T) {
	folder := t.TempDir()
	ca, err := newAuthority(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.issue("server", subject{name: "s", hosts: []string{"kubernetes.default", "10.1.2.3"}}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, "server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	for host, accepted := range map[string]bool{"kubernetes.default": true, "10.1.2.3": true, "elsewhere": false} {
		if _, err := certificate.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); (err == nil) != accepted {
			t.Errorf("%s: %v", host, err)
		}
	}
	if secret, err := os.Stat(filepath.Join(folder, "server.key")); err != nil || secret.Mode().Perm() != 0o600 {
		t.Errorf("the key may be read by others: %v %v", secret.Mode(), err)
	}
}

func TestModfileForAnotherVersion(t *testing.T) {
	ours := "module m\n\nrequire (\n\tgithub.com/coredns/coredns v1.13.1\n\tk8s.io/kubernetes v1.36.3\n)\n"
	theirs := "require (\n\tgo.etcd.io/etcd/client/v3 v3.6.4\n\tk8s.io/utils v0.0.1\n)\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)\n"
	got, err := modfileFor(ours, theirs, "v1.34.4")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"k8s.io/kubernetes v1.34.4", "etcd/server/v3 v3.6.4", "coredns v1.13.1", "k8s.io/api => k8s.io/api v0.34.4"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "k8s.io/utils =>") {
		t.Error("k8s.io/utils is no part of Kubernetes but was replaced")
	}
	if _, err := modfileFor(ours, "module other\n", "v1.34.4"); err == nil {
		t.Error("an unknown form of go.mod was accepted")
	}
}

func TestVersionIsCheckedBeforeMinutesOfBuilding(t *testing.T) {
	if got, err := resolveVersion("1.34.4"); err != nil || got != "v1.34.4" {
		t.Errorf("1.34.4 became %s (%v)", got, err)
	}
	for _, wrong := range []string{"1.34", "latest", "v1.34.4; rm"} {
		if _, err := resolveVersion(wrong); err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
}

func TestNamesThatCannotBeHostNames(t *testing.T) {
	for _, name := range []string{"", "Upper", "a/b", "-a", strings.Repeat("a", 41)} {
		if _, err := up(upOptions{name: name}); err == nil || !strings.Contains(err.Error(), "--name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
