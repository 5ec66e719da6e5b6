// One binary for all parts of a Kubernetes control plane, and of a node too with the build tag `node`: the first argument
// names the part, the rest are its own arguments.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	_ "time/tzdata" // CronJob time zones without the machine's zone files

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": func() *cobra.Command { return controllermanager.NewControllerManagerCommand() },
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

// Parts that read os.Args themselves and end the process themselves.
var programs = map[string]func(){
	"etcd": func() { etcdmain.Main(os.Args) },
	"kubectl": func() {
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	},
}

func main() {
	if len(os.Args) < 2 {
		fail("no part named")
	}
	part := os.Args[1]
	os.Args = append([]string{part}, os.Args[2:]...)
	if command, known := commands[part]; known {
		os.Exit(cli.Run(command()))
	}
	program, known := programs[part]
	if !known {
		fail(fmt.Sprintf("there is no part %q", part))
	}
	program()
}

func fail(what string) {
	parts := slices.Sorted(maps.Keys(commands))
	parts = slices.AppendSeq(parts, maps.Keys(programs))
	fmt.Fprintf(os.Stderr, "%s: give %s as the first argument\n", what, strings.Join(parts, ", "))
	os.Exit(2)
}
