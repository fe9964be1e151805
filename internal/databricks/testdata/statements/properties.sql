ALTER TABLE `main`.`bronze`.`orders` SET TBLPROPERTIES ('a' = '\\\'', 'z' = '1')
