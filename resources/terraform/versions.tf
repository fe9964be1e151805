terraform {
  required_version = ">= 1.5"
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
