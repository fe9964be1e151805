COPY INTO `main`.`bronze`.`orders`
FROM (
  SELECT
  CAST(`id` AS BIGINT) AS `id`,
  CAST(`price` AS DECIMAL(10,2)) AS `price`,
  CAST(`tags` AS ARRAY<STRING>) AS `tags`,
  CAST(`_op` AS STRING) AS `_op`
  FROM '/Volumes/main/bronze/ingest/p'
)
FILEFORMAT = PARQUET
FILES = ('segments/r1/orders/1.parquet', 'segments/r1/it\'s.parquet')
FORMAT_OPTIONS ('ignoreMissingFiles' = 'false', 'mergeSchema' = 'false', 'datetimeRebaseMode' = 'CORRECTED')
