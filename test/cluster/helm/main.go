// Helm, built from its module, for tests on a machine that has none.
package main

import (
	"errors"
	"fmt"
	"os"

	"helm.sh/helm/v4/pkg/cmd"
)

func main() {
	command, err := cmd.NewRootCmd(os.Stdout, os.Args[1:], cmd.SetupLogging)
	if err != nil {
		fmt.Fprintln(os.Stderr, "helm:", err)
		os.Exit(1)
	}
	if err := command.Execute(); err != nil { // it has said why
		if known, ok := errors.AsType[cmd.CommandError](err); ok {
			os.Exit(known.ExitCode)
		}
		os.Exit(1)
	}
}
