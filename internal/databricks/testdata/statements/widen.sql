ALTER TABLE `main`.`bronze`.`orders` ALTER COLUMN `pri``ce` TYPE DECIMAL(20,2)
