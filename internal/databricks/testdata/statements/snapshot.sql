CREATE OR REPLACE TABLE `main`.`bronze`.`orders`
USING DELTA
CLUSTER BY (`id`, `_op`)
COMMENT 'public.orders'
TBLPROPERTIES ('delta.dataSkippingStatsColumns' = '_op,id', 'ingest.ledger' = 'b7c1')
AS SELECT
  CAST(`id` AS BIGINT) AS `id`,
  CAST(`price` AS DECIMAL(10,2)) AS `price`,
  CAST(`tags` AS ARRAY<STRING>) AS `tags`,
  'snapshot' AS `_op`
FROM read_files('/Volumes/main/bronze/ingest/p/segments/r1/orders', format => 'parquet', datetimeRebaseMode => 'CORRECTED', schema => '`id` BIGINT, `price` DECIMAL(10,2), `tags` ARRAY<STRING>')
