#!/usr/bin/env bash
# Writes the generated files: the CRD of the API, in manifests/crd, and the readers that
# the Node and Python samples carry. CI runs it and fails if git then sees a difference.
set -euo pipefail

cd "$(dirname "$0")/.."

controller_gen=sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0

go run "$controller_gen" \
	crd \
	paths=./api/v1alpha1/... \
	output:crd:artifacts:config=manifests/crd

go run . vendor node manifests/samples/functions/hello-node
go run . vendor python manifests/samples/functions/hello-python
