SHOW TBLPROPERTIES `main`.`bronze`.`orders`
