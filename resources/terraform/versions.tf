terraform {
  required_version = ">= 1.5"

  # The state is in this folder, one file for each workspace. For a team, add a file
  # backend.tf with a backend that has workspaces (azurerm, s3, gcs).
  required_providers {
    databricks = {
      source  = "databricks/databricks"
      version = "1.128.0"
    }
  }
}

# The workspace, and who signs in to it, come from the environment or a profile,
# as for the Databricks CLI.
provider "databricks" {}
