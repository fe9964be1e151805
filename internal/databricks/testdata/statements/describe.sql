DESCRIBE TABLE `main`.`bronze`.`orders`
