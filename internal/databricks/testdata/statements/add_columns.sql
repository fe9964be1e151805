ALTER TABLE `main`.`bronze`.`orders` ADD COLUMNS (
  `a b` INT,
  `tick``'s` TIMESTAMP_NTZ,
  `größe\` DOUBLE COMMENT 'in \u0024{unit}\nper piece'
)
