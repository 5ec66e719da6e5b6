package main

import "fmt"

const frontProxy = "front-proxy-client"

// Where an instance's API server is reached, and by which address its node is known.
func (i *instance) address() string {
	if i.Node {
		return nodeAddress(i.Block)
	}
	return "127.0.0.1"
}

func (i *instance) etcdURL(which port) string {
	return fmt.Sprintf("http://127.0.0.1:%d", portOf(i.Block, which))
}

func (i *instance) pki(file string) string { return i.path("pki", file) }

func (i *instance) etcdArguments() []string {
	client, peer := i.etcdURL(portEtcd), i.etcdURL(portEtcdPeer)
	return []string{
		"--name=default", "--data-dir=" + i.path("etcd"), "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--unsafe-no-fsync", // nothing here outlives the machine
	}
}

func (i *instance) apiServerArguments() []string {
	arguments := []string{
		"--etcd-servers=" + i.etcdURL(portEtcd),
		"--bind-address=" + i.address(), "--advertise-address=" + i.address(),
		fmt.Sprintf("--secure-port=%d", portOf(i.Block, portAPIServer)),
		"--tls-cert-file=" + i.pki("apiserver.crt"), "--tls-private-key-file=" + i.pki("apiserver.key"),
		"--client-ca-file=" + i.pki("ca.crt"),
		"--authorization-mode=Node,RBAC", "--allow-privileged=true",
		// OpenShift and others have the second one on: who sets blockOwnerDeletion must have the right to the owner's finalizers.
		"--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
		"--service-cluster-ip-range=" + serviceRange(i.Block),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + i.pki("service-accounts.crt"),
		"--service-account-signing-key-file=" + i.pki("service-accounts.key"),
		"--kubelet-client-certificate=" + i.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + i.pki("kubelet-client.key"),
		"--kubelet-certificate-authority=" + i.pki("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP", // node names are in no name server
		// Servers of other APIs, such as metrics, believe the API server whom it asks for.
		"--requestheader-client-ca-file=" + i.pki("ca.crt"), "--requestheader-allowed-names=" + frontProxy,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + i.pki("front-proxy.crt"), "--proxy-client-key-file=" + i.pki("front-proxy.key"),
	}
	if !i.Node {
		// A loopback address may not stand in the endpoints of the Service "kubernetes", and no pod asks for it.
		arguments = append(arguments, "--endpoint-reconciler-type=none")
	}
	if i.AuditPolicy != "" {
		arguments = append(arguments, "--audit-policy-file="+i.path("audit-policy.yaml"), "--audit-log-path="+i.path("audit.log"))
	}
	if i.RuntimeConfig != "" {
		arguments = append(arguments, "--runtime-config="+i.RuntimeConfig)
	}
	return i.withFeatureGates(arguments)
}

// The gates are the same for all components, so that none waits for what another does not do.
func (i *instance) withFeatureGates(arguments []string) []string {
	if i.FeatureGates == "" {
		return arguments
	}
	return append(arguments, "--feature-gates="+i.FeatureGates)
}

func (i *instance) controllerManagerArguments() []string {
	return i.withFeatureGates([]string{
		"--kubeconfig=" + i.path("controller-manager.kubeconfig"),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", portOf(i.Block, portControllerManager)), "--cert-dir=" + i.path("controller-manager"),
		"--leader-elect=false", "--use-service-account-credentials=true",
		"--root-ca-file=" + i.pki("ca.crt"), "--service-account-private-key-file=" + i.pki("service-accounts.key"),
		"--cluster-signing-cert-file=" + i.pki("ca.crt"), "--cluster-signing-key-file=" + i.pki("ca.key"),
		"--enable-hostpath-provisioner=true",
		"--horizontal-pod-autoscaler-sync-period=1s",
		"--kube-api-qps=500", "--kube-api-burst=1000", // by default a thousand Jobs at once wait minutes for their first status
	})
}

func (i *instance) schedulerArguments() []string {
	return i.withFeatureGates([]string{
		"--kubeconfig=" + i.path("scheduler.kubeconfig"),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", portOf(i.Block, portScheduler)), "--cert-dir=" + i.path("scheduler"),
		"--leader-elect=false",
	})
}
