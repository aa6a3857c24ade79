# What people type. Everything else is in Scripts/ (each script says what it does in its first lines).
SWIFT ?= swift

.DEFAULT_GOAL := help
.PHONY: help setup build test demo check format clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

setup: ## Get libtorch, OpenVINO and system packages (once for each user)
	@Scripts/bootstrap.sh

build: setup ## Build the program: .build/release/otx
	@Scripts/build.sh

test: setup ## Run all tests; OTX_TEST_DATA=FOLDER adds those on real data
	@Scripts/test.sh

demo: setup ## Train, evaluate, export and predict on drawn pictures, or on DATA=FOLDER
	@Scripts/demo.sh $(if $(DATA),"$(DATA)")

check: setup ## Everything a change must pass: format, build, tests, documentation
	@Scripts/check.sh

format: ## Format all Swift files
	@$(SWIFT) format -i -r -p Sources Tests Examples Package.swift

clean: ## Remove what was built here (what was downloaded stays in the cache)
	@rm -rf .build .sdk demo-output
