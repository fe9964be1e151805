SELECT count_if(coalesce(size(`_unchanged`), 0) > 0) AS `unchanged`, count_if(coalesce(size(`_unchanged`), 0) > 0 AND `_op` = 'insert') AS `moves`
FROM `dev`.`bronze`.`items`
  WHERE `_entry` >= 7 AND (`_xid` IS NULL OR `_xid` < 700 OR `_entry` = 7 OR `_xid` < 720 AND `_xid` NOT IN (703, 710))
