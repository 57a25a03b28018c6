# Everything except Go, make, git and a C compiler is built from Go modules into bin/.
SHELL := /usr/bin/env bash -o pipefail
.DEFAULT_GOAL := help
IMG ?= voiceai-integrations-operator:dev
export KUBEBUILDER_ASSETS ?= $(CURDIR)/bin/k8s
KUBECTL ?= $(if $(wildcard bin/k8s/kubectl),bin/k8s/kubectl,kubectl)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# The same sources give the same programs: -trimpath keeps the directory out of them, and go build does not read git.
GO_BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$(VERSION)"

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it
.PHONY: demo
demo: controlplane build ## Run a control plane, the sandbox and the operator, and create a Defect. ONCE=1 exits when done.
	@go build -o bin/demo ./hack/demo
	@ONCE=$(ONCE) bin/demo

##@ Develop
# The packages whose markers list what only the API needs, which is a role of its own.
API_PACKAGES = ./internal/action ./internal/apiserver/... ./internal/credential ./internal/identity
# What people do in Slack is done by the operator, which needs a role of its own for it.
SLACK_PACKAGES = ./internal/slackapp/...

.PHONY: generate manifests chart docs fmt vet lint verify build run
generate: bin/controller-gen ## Generate the DeepCopy methods of the API types.
	bin/controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
manifests: bin/controller-gen ## Generate the CRDs and the operator's roles.
	bin/controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	bin/controller-gen rbac:roleName=api-role $(addprefix paths=,$(API_PACKAGES)) output:rbac:dir=config/api
	bin/controller-gen rbac:roleName=slack-role $(addprefix paths=,$(SLACK_PACKAGES)) output:rbac:dir=config/slack
	bin/controller-gen rbac:roleName=manager-role output:rbac:dir=config/rbac \
		$$(go list ./internal/... ./cmd/... | grep -vxF "$$(go list $(API_PACKAGES) $(SLACK_PACKAGES))" | sed 's|^|paths=|')
	go run ./hack/role
chart: manifests ## Generate the chart's README, schema, and copies of config.
	go run ./hack/chart
docs: manifests build ## Generate docs/api.md, docs/flags.md and docs/openapi.json.
	go run ./hack/docs
fmt: ## Format the code.
	gofmt -w $$(git ls-files '*.go')
vet: ## Run go vet.
	go vet ./...
lint: bin/golangci-lint bin/helm bin/helm3 ## Run the linters.
	bin/golangci-lint run
	bin/helm lint --strict charts/voiceai-integrations
	bin/helm3 lint --strict charts/voiceai-integrations
verify: generate manifests chart docs ## Fail if generated files, formatting or go.mod are out of date.
	@test -z "$$(gofmt -l $$(git ls-files '*.go') | tee /dev/stderr)" || { echo "not formatted: run make fmt" >&2; exit 1; }
	bash hack/headers.sh --check
	go mod tidy -diff
	for dir in hack/tools hack/tools/*/; do [ ! -f $$dir/go.mod ] || go -C $$dir mod tidy -diff || exit 1; done
	@test -z "$$(git status --porcelain -- api charts config docs | tee /dev/stderr)" || \
		{ echo "generated files differ: run make generate chart docs, and commit" >&2; exit 1; }
build: ## Build static binaries: bin/operator, bin/report and bin/sandbox.
	$(GO_BUILD) -o bin/operator ./cmd/operator
	$(GO_BUILD) -o bin/report ./cmd/report
	$(GO_BUILD) -o bin/sandbox ./cmd/sandbox
run: build ## Run the operator against the cluster in KUBECONFIG.
	bin/operator

##@ Test
# Go's limit of ten minutes for a package is too short for a machine that others use, too.
TEST_TIMEOUT = 40m
.PHONY: test bench pictures test-browser test-flux test-e2e
test: controlplane bin/helm bin/helm3 bin/promtool bin/argodiff ## Run all tests, with the race detector.
	KUBE_CACHE_MUTATION_DETECTOR=true go test -race -timeout $(TEST_TIMEOUT) ./...
bench: controlplane build ## Run the benchmarks and print a table and JSON. SCENARIOS="ticket-idle ..." selects some.
	@go build -o bin/bench ./hack/bench
	@bin/bench $(SCENARIOS)
	go test -run '^$$' -bench . -benchmem ./internal/rule

test-browser: controlplane ## Test the dashboard in Chromium, or in the browser CHROME. Writes test/browser/screenshots.
	@rm -rf test/browser/screenshots
	go test -tags browser -count=1 -timeout $(TEST_TIMEOUT) -v ./test/browser
pictures: controlplane ## Take the pictures of the documentation again, in docs/images. Install an emoji font first, such as fonts-noto-color-emoji.
	PICTURES=true go test -tags browser -count=1 -run TestPictures ./test/browser
test-flux: controlplane build bin/kustomize-controller ## Test what Flux's kustomize-controller says of the objects.
	KUBEBUILDER_ASSETS="$${KUBEBUILDER_ASSETS:-$(CURDIR)/bin/k8s}" go test -tags flux -count=1 -timeout $(TEST_TIMEOUT) -v ./test/flux
test-e2e: bin/helm bin/helm3 ## Deploy IMG, with the sandbox as SANDBOX_IMG, to the cluster in KUBECONFIG and test it.
	@# The chart goes first: Helm refuses to adopt the CRDs that the other test leaves.
	go test -tags e2e -count=1 -timeout $(TEST_TIMEOUT) -v ./test/e2e/chart
	go test -tags e2e -count=1 -timeout $(TEST_TIMEOUT) -v ./test/e2e/start
	go test -tags e2e -count=1 -timeout $(TEST_TIMEOUT) -v ./test/e2e

##@ Install
.PHONY: build-installer
build-installer: ## Write dist/install.yaml: all of config/default, with image IMG.
	@mkdir -p dist
	$(KUBECTL) kustomize config/default | sed 's|image: controller:latest|image: $(IMG)|' > dist/install.yaml
.PHONY: install uninstall deploy undeploy docker-build
install: ## Install the CRDs and the policies in the cluster in KUBECONFIG.
	$(KUBECTL) apply --server-side -k config/crd
	$(KUBECTL) apply --server-side -k config/policy
uninstall: ## Remove the policies and the CRDs, and with them every integration, rule, Defect and Notification. YES=1 confirms.
	@test -n "$(YES)" || { echo "This deletes all objects of the cluster: $$($(KUBECTL) get voiceai -A --no-headers 2>/dev/null | wc -l) now. Run make uninstall YES=1." >&2; exit 1; }
	$(KUBECTL) delete --ignore-not-found --timeout=5m -k config/policy
	$(KUBECTL) delete --ignore-not-found --timeout=5m -k config/crd
deploy: ## Deploy the operator as image IMG.
	$(KUBECTL) kustomize config/default | sed 's|image: controller:latest|image: $(IMG)|' | $(KUBECTL) apply --server-side -f -
undeploy: ## Remove the operator. The CRDs, their objects, the policies and the namespace stay.
	$(KUBECTL) kustomize config/default | awk 'BEGIN {RS = "---\n"} !/(^|\n)kind: (CustomResourceDefinition|Namespace|ValidatingAdmissionPolicy|ValidatingAdmissionPolicyBinding)\n/ {printf "---\n%s", $$0}' | \
		$(KUBECTL) delete --ignore-not-found --timeout=5m -f -
ARCHES ?= amd64 arm64
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
.PHONY: image image-sign
image: bin/image ## Write the image as an OCI layout in dist/image/oci, with an SBOM for each of ARCHES. It needs no engine.
	@rm -rf dist/image && mkdir -p dist/image
	@for arch in $(ARCHES); do for program in operator report; do \
		GOOS=linux GOARCH=$$arch $(GO_BUILD) -o dist/image/bin/$$arch/$$program ./cmd/$$program || exit 1; \
	done; done
	@bin/image -arches "$$(echo $(ARCHES) | tr ' ' ,)" -version "$(VERSION)" -revision "$(REVISION)"
image-sign: bin/image ## Sign the image in dist/image and its SBOMs with the ECDSA key in the file KEY.
	@test -n "$(KEY)" || { echo "KEY is not set. Make a key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out image.key" >&2; exit 1; }
	@bin/image -sign "$(KEY)"
docker-build: build ## Build the image IMG with Docker.
	docker build -t $(IMG) .

##@ Tools
.PHONY: controlplane clean
controlplane: ## Build etcd, the Kubernetes control plane and kubectl in bin/k8s, unless KUBEBUILDER_ASSETS is set.
	@hack/controlplane/build.sh
bin/controller-gen: hack/tools/go.mod
	@echo "Building controller-gen" >&2
	@go build -C hack/tools -o ../../$@ sigs.k8s.io/controller-tools/cmd/controller-gen
	@touch $@
bin/helm: hack/tools/helm/go.mod
	@echo "Building helm" >&2
	@go build -C hack/tools/helm -o ../../../$@ -ldflags "-s -w" helm.sh/helm/v4/cmd/helm
	@touch $@
# Helm 3 applies by three-way merges, Helm 4 on the server. Clusters have releases of both.
bin/helm3: hack/tools/helm3/go.mod
	@echo "Building Helm 3" >&2
	@go build -C hack/tools/helm3 -o ../../../$@ -ldflags "-s -w" helm.sh/helm/v3/cmd/helm
	@touch $@
# Without service discovery promtool builds in half the time. It needs none to check rules.
bin/promtool: hack/tools/promtool/go.mod
	@echo "Building promtool" >&2
	@go build -C hack/tools/promtool -o ../../../$@ -tags remove_all_sd -ldflags "-s -w" github.com/prometheus/prometheus/cmd/promtool
	@touch $@
bin/kustomize-controller: hack/tools/flux/go.mod
	@echo "Building Flux's kustomize-controller" >&2
	@go build -C hack/tools/flux -o ../../../$@ -ldflags "-s -w" github.com/fluxcd/kustomize-controller
	@install -m 0644 "$$(go -C hack/tools/flux list -m -f '{{.Dir}}' github.com/fluxcd/kustomize-controller)"/config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml bin/kustomizations.yaml
	@touch $@
bin/image: hack/tools/image/go.mod $(wildcard hack/tools/image/*.go)
	@go build -C hack/tools/image -o ../../../$@ .
	@touch $@
# Argo CD's code needs that of Kubernetes, of another version than the operator.
bin/argodiff: hack/tools/argodiff/go.mod hack/tools/argodiff/main.go
	@echo "Building what Argo CD compares with" >&2
	@go build -C hack/tools/argodiff -o ../../../$@ -ldflags "-s -w" .
	@touch $@
bin/golangci-lint: hack/tools/go.mod hack/tools/golangci-lint/main.go
	@echo "Building golangci-lint with kube-api-linter" >&2
	@go build -C hack/tools -o ../../$@ ./golangci-lint
	@touch $@
clean: ## Remove everything that was built.
	rm -rf bin .demo test/browser/screenshots
