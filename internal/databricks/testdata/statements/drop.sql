DROP TABLE IF EXISTS `my-catalog`.`br``onze`.`select`
