# What must be there before the first deployment of a target, as
# scripts/setup-databricks makes it, and the service principal and the warehouse
# too. Secrets are not among it: they would be in Terraform's state.

locals {
  catalog      = coalesce(var.catalog, "${var.target}_chinook_lakehouse")
  secret_scope = coalesce(var.secret_scope, var.target == "dev" ? "ingest_scope" : "ingest_scope_${var.target}")
}

resource "databricks_service_principal" "ingest" {
  display_name = "ingest ${var.target}"

  # Nothing is made where the state is another target's.
  depends_on = [terraform_data.target]
}

resource "databricks_catalog" "lakehouse" {
  name         = local.catalog
  storage_root = var.storage_root
  comment      = "Lakehouse of ${var.target}."
  depends_on   = [terraform_data.target]

  lifecycle {
    prevent_destroy = true
  }
}

resource "databricks_schema" "bronze" {
  catalog_name = databricks_catalog.lakehouse.name
  name         = var.schema
  comment      = "Bronze tables, the complete logs of their source tables, and the volume of ingest."

  lifecycle {
    prevent_destroy = true
  }
}

resource "databricks_volume" "ingest" {
  catalog_name = databricks_catalog.lakehouse.name
  schema_name  = databricks_schema.bronze.name
  name         = var.volume
  volume_type  = "MANAGED"
  comment      = "Segments and ledger of ingest. Nothing in it is to be changed by hand."

  lifecycle {
    prevent_destroy = true
  }
}

resource "databricks_grant" "catalog" {
  catalog    = databricks_catalog.lakehouse.name
  principal  = databricks_service_principal.ingest.application_id
  privileges = ["USE_CATALOG"]
}

# MANAGE lets the bundle take the schema over.
resource "databricks_grant" "schema" {
  schema     = databricks_schema.bronze.id
  principal  = databricks_service_principal.ingest.application_id
  privileges = ["USE_SCHEMA", "CREATE_TABLE", "MODIFY", "SELECT", "MANAGE"]
}

resource "databricks_grant" "volume" {
  volume     = databricks_volume.ingest.id
  principal  = databricks_service_principal.ingest.application_id
  privileges = ["READ_VOLUME", "WRITE_VOLUME"]
}

resource "databricks_secret_scope" "ingest" {
  name = local.secret_scope
}

resource "databricks_secret_acl" "ingest" {
  scope      = databricks_secret_scope.ingest.name
  principal  = databricks_service_principal.ingest.application_id
  permission = "READ"
}

# A small warehouse of its own stops soon after each load, even while others work.
resource "databricks_sql_endpoint" "ingest" {
  name                      = "ingest ${var.target}"
  cluster_size              = "2X-Small"
  max_num_clusters          = 1
  auto_stop_mins            = 5
  warehouse_type            = "PRO"
  enable_serverless_compute = true
}

resource "databricks_permissions" "warehouse" {
  sql_endpoint_id = databricks_sql_endpoint.ingest.id

  access_control {
    service_principal_name = databricks_service_principal.ingest.application_id
    permission_level       = "CAN_USE"
  }
}
