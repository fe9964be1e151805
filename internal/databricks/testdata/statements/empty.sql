CREATE OR REPLACE TABLE `main`.`bronze`.`orders` (
  `id` BIGINT,
  `price` DECIMAL(10,2) COMMENT 'it\'s net',
  `tags` ARRAY<STRING>,
  `_op` STRING COMMENT 'insert, update or delete'
)
USING DELTA
COMMENT 'public.orders'
