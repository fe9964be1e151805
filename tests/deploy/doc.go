// Package deploy tests a deployment with the real Databricks CLI: the bundle goes to the local
// workspace, whose jobs run the wrapper and the deployed binary. `make test-deploy-cli` runs it.
// The build tag databrickscli keeps it out of all other tests, because only these need the CLI.
package deploy
