package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func (i *instance) nodeName() string { return i.Name + "-node" }

// Says why this machine or user cannot run a node, before anything is started. Installs missing packages.
func nodeIsPossible(directory string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("--node makes network namespaces, mounts and control groups and needs root; without --node an ordinary user will do")
	}
	for _, folder := range hiddenFromNode {
		if directory == folder || strings.HasPrefix(directory, folder+"/") {
			return fmt.Errorf("--directory %s: a node sees another %s than this machine; choose a folder elsewhere", directory, folder)
		}
	}
	install := exec.Command(filepath.Join(sources, "install-node-packages.sh"))
	if output, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", install.Path, err, output)
	}
	return nil
}

func (i *instance) startNode() error {
	if err := i.writeNodeConfigurations(); err != nil {
		return err
	}
	pause, err := buildPause()
	if err != nil {
		return err
	}
	if err := i.applyNameService(); err != nil {
		return err
	}
	if err := i.startComponent("containerd"); err != nil {
		return err
	}
	if err := i.waitForContainerd(); err != nil {
		return err
	}
	archive, err := imageOf(pause, pauseImage)
	if err != nil {
		return err
	}
	if err := i.loadImage(archive); err != nil {
		return err
	}
	for _, component := range []string{"kubelet", "kube-proxy", "coredns"} {
		if err := i.startComponent(component); err != nil {
			return err
		}
	}
	if err := i.waitForNode(); err != nil {
		return err
	}
	return i.waitForNames()
}

func (i *instance) waitForContainerd() error {
	return i.waitFor("containerd", 30*time.Second, func() error {
		output, err := i.insideCommand("ctr", "version").CombinedOutput()
		if err != nil {
			return fmt.Errorf("ctr version: %w: %s", err, output)
		}
		return nil
	})
}

func (i *instance) waitForNode() error {
	client, err := i.api()
	if err != nil {
		return err
	}
	return i.waitFor("the node to be Ready", 60*time.Second, func() error {
		var node struct {
			Status struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
		if err := client.get("/api/v1/nodes/"+i.nodeName(), &node); err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" {
				if condition.Status == "True" {
					return nil
				}
				return fmt.Errorf("not Ready: %s", condition.Message)
			}
		}
		return fmt.Errorf("the node has no condition Ready")
	})
}

// Asks for a name by the service's address from outside the node: this passes kube-proxy's rules and CoreDNS.
func (i *instance) waitForNames() error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(dnsServiceAddress(i.Block), "53"))
	}}
	return i.waitFor("names to be answered", 60*time.Second, func() error {
		limited, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		addresses, err := resolver.LookupHost(limited, "kubernetes.default.svc.cluster.local.")
		if err == nil && !slices.Contains(addresses, apiServiceAddress(i.Block)) {
			err = fmt.Errorf("kubernetes.default is %v, not %s", addresses, apiServiceAddress(i.Block))
		}
		return err
	})
}

func (i *instance) containerdArguments() []string {
	return []string{"--config", i.path("containerd.toml")}
}

func (i *instance) kubeletArguments() []string {
	return []string{
		"--config=" + i.path("kubelet.json"), "--kubeconfig=" + i.path("kubelet.kubeconfig"),
		"--hostname-override=" + i.nodeName(), "--node-ip=" + nodeAddress(i.Block),
	}
}

func (i *instance) proxyArguments() []string { return []string{"--config=" + i.path("proxy.json")} }

func (i *instance) dnsArguments() []string { return []string{"-conf", i.path("Corefile")} }

func (i *instance) writeNodeConfigurations() error {
	kubelet := object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"address":        nodeAddress(i.Block),
		"authentication": object{"anonymous": object{"enabled": false}, "x509": object{"clientCAFile": i.pki("ca.crt")}},
		"authorization":  object{"mode": "Webhook"},
		"tlsCertFile":    i.pki("kubelet.crt"), "tlsPrivateKeyFile": i.pki("kubelet.key"),
		"containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
		"clusterDomain":            "cluster.local", "clusterDNS": []string{dnsServiceAddress(i.Block)}, "resolvConf": i.path("resolv.conf"),
		"cgroupDriver": "cgroupfs", "cgroupRoot": "/" + linkName(i.Block), "failCgroupV1": false, "failSwapOn": false,
		"localStorageCapacityIsolation": false, // the machine's disk is not the cluster's to measure
		// Images come by load-image and could not be fetched again, and a machine's disk may be fuller than a node's should be.
		"imageGCHighThresholdPercent": 100,
		"evictionHard":                object{"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"volumePluginDir":             i.path("volume-plugins"),
	}
	proxy := object{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"mode": "nftables", "clusterCIDR": podRange(i.Block), "hostnameOverride": i.nodeName(), "bindAddress": nodeAddress(i.Block),
		"clientConnection": object{"kubeconfig": i.path("proxy.kubeconfig")},
		// Limits of connection tracking belong to the machine.
		"conntrack": object{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
	// ptp routes every packet; a bridge would need the module br_netfilter, or answers between pods of one Service miss their translation.
	network := object{"cniVersion": "0.4.0", "name": "pods", "plugins": []object{
		{"type": "ptp", "ipMasq": false, "ipam": object{"type": "host-local", "ranges": [][]object{{{"subnet": podRange(i.Block)}}}, "routes": []object{{"dst": "0.0.0.0/0"}}}},
		{"type": "portmap", "capabilities": object{"portMappings": true}},
	}}
	for file, content := range map[string]object{"kubelet.json": kubelet, "proxy.json": proxy, "cni/pods.conflist": network} {
		text, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return err
		}
		if err := i.write(file, string(text)); err != nil {
			return err
		}
	}
	if err := i.write("resolv.conf", ""); err != nil { // outside names are nobody's: nothing here leaves the machine
		return err
	}
	corefile := fmt.Sprintf(".:53 {\n  bind %s\n  errors\n  health 127.0.0.1:8080\n  cache 5\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n    kubeconfig %s\n    ttl 5\n  }\n}\n",
		nodeAddress(i.Block), i.path("coredns.kubeconfig"))
	if err := i.write("Corefile", corefile); err != nil {
		return err
	}
	return i.write("containerd.toml", i.containerdConfiguration())
}

func (i *instance) containerdConfiguration() string {
	return fmt.Sprintf(`version = 2
root = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  # A machine without CAP_SYS_RESOURCE cannot lower this score, and runc fails where it must.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = %q
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`, i.path("containerd"), pauseImage, i.snapshotter(), i.path("cni"))
}

// Overlays cannot be laid on an overlay, as in a container; there layers are copied.
func (i *instance) snapshotter() string {
	const overlay = 0x794c7630
	var about syscall.Statfs_t
	if err := syscall.Statfs(i.directory, &about); err == nil && about.Type == overlay {
		return "native"
	}
	return "overlayfs"
}

func (i *instance) write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(i.path(file)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(i.path(file), []byte(text), 0o644)
}
