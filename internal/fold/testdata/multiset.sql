WITH since AS (
  SELECT
    `id` AS c0,
    `day` AS c1,
    `body` AS c2,
    `num` AS c3,
    `my note` AS c4,
    from_json(`_rescued`, 'MAP<STRING, STRING>') AS texts,
    `_op` AS op, `_unchanged` AS unchanged, `_commit_ts` AS commit_ts, struct(`_entry`, `_commit_lsn`, `_seq`) AS moment,
    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq
  FROM `dev`.`bronze`.`items`
  WHERE `_op` <> 'truncate' AND coalesce(struct(`_entry`, `_commit_lsn`, `_seq`) > (
    SELECT max(struct(`_entry`, `_commit_lsn`, `_seq`)) FROM `dev`.`bronze`.`items`
  WHERE `_op` = 'truncate'
  ), TRUE)
),
numbered AS (
  SELECT *,
    row_number() OVER (PARTITION BY c0, c1, c2, c3, c4, rescued, op = 'delete' ORDER BY entry, commit_lsn, seq) AS number,
    count_if(op = 'delete') OVER (PARTITION BY c0, c1, c2, c3, c4, rescued) AS deleted
  FROM (SELECT *, CASE WHEN texts IS NOT NULL THEN nullif(concat('{', array_join(transform(filter(array('id', 'day', 'body', 'num', 'my note'), n -> texts[n] IS NOT NULL), n -> concat(substring(to_json(array(n)), 2, length(to_json(array(n))) - 2), ':', substring(to_json(array(texts[n])), 2, length(to_json(array(texts[n]))) - 2))), ','), '}'), '{}') END AS rescued FROM since WHERE op <> 'update')
),
state AS (
  SELECT * FROM numbered WHERE op <> 'delete' AND number > deleted
)
SELECT
  c0 AS `id`,
  c1 AS `day`,
  c2 AS `body`,
  c3 AS `num`,
  c4 AS `my note`,
  CASE WHEN texts IS NOT NULL THEN nullif(concat('{', array_join(transform(filter(array('id', 'day', 'body', 'num', 'my note'), n -> texts[n] IS NOT NULL), n -> concat(substring(to_json(array(n)), 2, length(to_json(array(n))) - 2), ':', substring(to_json(array(texts[n])), 2, length(to_json(array(texts[n]))) - 2))), ','), '}'), '{}') END AS `_rescued`,
  commit_ts AS `_commit_ts`,
  commit_lsn AS `_commit_lsn`
FROM state
