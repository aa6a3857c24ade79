# What people type. Everything else is in Scripts/ (each script says what it does in its first lines).
SWIFT ?= swift
PREFIX ?= $(HOME)/.local

.DEFAULT_GOAL := help
.PHONY: help setup build test test-unit test-integration coverage demo install uninstall docker check docs format hooks clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

setup: ## Get libtorch, OpenVINO and system packages (once for each user)
	@Scripts/bootstrap.sh

build: setup ## Build the program: .build/release/otx
	@Scripts/build.sh

test: setup ## Run all tests; OTX_TEST_DATA=FOLDER adds those on real data
	@Scripts/test.sh

test-unit: ## Only the tests that need no libtorch and no OpenVINO: seconds
	@Scripts/test.sh --unit

test-integration: setup ## The other Swift tests: with libtorch, OpenVINO and the program
	@Scripts/test.sh --integration

coverage: setup ## Run the Swift tests and say which lines they reach: .reports/htmlcov/index.html
	@Scripts/coverage.sh

demo: setup ## Train, evaluate, export and predict on drawn pictures, or on DATA=FOLDER
	@Scripts/demo.sh $(if $(DATA),"$(DATA)")

install: ## Build and install to PREFIX (default: ~/.local); DESTDIR is respected
	@Scripts/install.sh --prefix "$(PREFIX)" $(if $(DESTDIR),--destdir "$(DESTDIR)")

uninstall: ## Remove what was installed to PREFIX
	@Scripts/install.sh --uninstall --prefix "$(PREFIX)" $(if $(DESTDIR),--destdir "$(DESTDIR)")

docker: ## Build the container image; Scripts/docker.sh run … uses it
	@Scripts/docker.sh build

check: setup ## Everything a change must pass: format, build, tests, documentation
	@Scripts/check.sh

docs: setup ## Write the library's documentation as a web site: .reports/documentation
	@Scripts/docs.sh

format: ## Format all Swift files
	@$(SWIFT) format -i -r -p Sources Tests Examples Package.swift

hooks: ## Let git check format and lint before each commit
	@Scripts/hooks.sh

clean: ## Remove what was built here (what was downloaded stays in the cache)
	@rm -rf .build .sdk .reports demo-output
