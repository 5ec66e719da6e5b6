// Reads a JSON list of strings and writes what Kubernetes takes each for, one a line. It wrote
// operator/testing/quantity-readings.jsonl, the oracle of quantity.test.ts; run it as
//
//	cd test/cluster && go run ../crds/quantities/main.go < texts.json
package main

import (
	"encoding/json"
	"os"

	"k8s.io/apimachinery/pkg/api/resource"
)

type reading struct {
	Text string `json:"text"`
	// Absent: no quantity. Else as a decimal without suffix.
	Value string `json:"value,omitempty"`
	// Quantity.asApproximateFloat of CEL.
	Float float64 `json:"float"`
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, text := range texts {
		read := reading{Text: text}
		if quantity, err := resource.ParseQuantity(text); err == nil {
			read.Float = quantity.AsApproximateFloat64()
			read.Value = quantity.AsDec().String()
		}
		if err := out.Encode(read); err != nil {
			panic(err)
		}
	}
}
