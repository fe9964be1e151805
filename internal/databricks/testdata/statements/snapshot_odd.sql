CREATE OR REPLACE TABLE `my-catalog`.`br``onze`.`select`
USING DELTA
TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.feature.timestampNtz' = 'supported')
AS SELECT
  CAST(`a b` AS INT) AS `a b`,
  CAST(`tick``'s` AS TIMESTAMP_NTZ) AS `tick``'s`,
  CAST(`größe\` AS DOUBLE) AS `größe\`
FROM read_files('/Volumes/c/it\'s here', format => 'parquet', datetimeRebaseMode => 'CORRECTED', schema => '`a b` INT, `tick``\'s` TIMESTAMP_NTZ, `größe\\` DOUBLE')
