variable "catalog" {
  description = "Unity Catalog catalog; by default <target>_chinook_lakehouse."
  type        = string
  default     = null
}

variable "storage_root" {
  description = "Where the catalog keeps its data; by default the metastore's storage."
  type        = string
  default     = null
}

variable "schema" {
  description = "Schema of the bronze tables and of the volume."
  type        = string
  default     = "bronze"
}

variable "volume" {
  description = "Volume of segments and ledger."
  type        = string
  default     = "ingest"
}

variable "secret_scope" {
  description = "Secret scope; by default ingest_scope, with _qa or _prod behind it in these."
  type        = string
  default     = null
}
