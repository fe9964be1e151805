CREATE TABLE IF NOT EXISTS `my-catalog`.`br``onze`.`select` (
  `a b` INT,
  `tick``'s` TIMESTAMP_NTZ,
  `größe\` DOUBLE COMMENT 'in \u0024{unit}\nper piece'
)
USING DELTA
TBLPROPERTIES ('delta.columnMapping.mode' = 'id', 'delta.feature.timestampNtz' = 'supported')
