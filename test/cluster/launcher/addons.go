package main

type object = map[string]any

// Objects every instance has beyond what Kubernetes makes itself.
func (i *instance) applyAddOns() error {
	client, err := i.api()
	if err != nil {
		return err
	}
	return client.apply("/apis/storage.k8s.io/v1/storageclasses/standard", object{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
		"metadata":    object{"name": "standard", "annotations": object{"storageclass.kubernetes.io/is-default-class": "true"}},
		"provisioner": "kubernetes.io/host-path", // the controller manager's own, for one machine
	})
}

// Name service: who CoreDNS is, and the service by which pods find it. It runs beside the pods, so its endpoint is written here.
func (i *instance) applyNameService() error {
	client, err := i.api()
	if err != nil {
		return err
	}
	rbac := "/apis/rbac.authorization.k8s.io/v1/"
	ports := []object{{"name": "dns", "protocol": "UDP", "port": 53}, {"name": "dns-tcp", "protocol": "TCP", "port": 53}}
	for _, one := range []struct {
		path   string
		object object
	}{
		{rbac + "clusterroles/tanren:coredns", object{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": "tanren:coredns"},
			"rules": []object{
				{"apiGroups": []string{""}, "resources": []string{"services", "pods", "namespaces"}, "verbs": []string{"list", "watch"}},
				{"apiGroups": []string{"discovery.k8s.io"}, "resources": []string{"endpointslices"}, "verbs": []string{"list", "watch"}},
			}}},
		{rbac + "clusterrolebindings/tanren:coredns", object{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": object{"name": "tanren:coredns"},
			"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tanren:coredns"},
			"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tanren:coredns"}}}},
		{"/api/v1/namespaces/kube-system/services/kube-dns", object{
			"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "kube-dns", "labels": object{"k8s-app": "kube-dns"}},
			"spec": object{"clusterIP": dnsServiceAddress(i.Block), "ports": ports}}},
		{"/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns", object{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
			"metadata":  object{"name": "kube-dns", "labels": object{"kubernetes.io/service-name": "kube-dns"}},
			"endpoints": []object{{"addresses": []string{nodeAddress(i.Block)}}}, "ports": ports}},
	} {
		if err := client.apply(one.path, one.object); err != nil {
			return err
		}
	}
	return nil
}
