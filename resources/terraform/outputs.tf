output "service_principal" {
  description = "For the bundle: --var service_principal=…"
  value       = databricks_service_principal.ingest.application_id
}

output "warehouse_id" {
  description = "For the bundle: --var warehouse_id=…"
  value       = databricks_sql_endpoint.ingest.id
}

output "secret_scope" {
  description = "It wants the keys pg_connection_string and, but for dev, client_secret."
  value       = databricks_secret_scope.ingest.name
}
