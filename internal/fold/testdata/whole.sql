WITH since AS (
  SELECT
    `id` AS c0,
    CASE WHEN `id` IS NULL THEN get_json_object(`_rescued`, '$.id') END AS r0,
    `day` AS c1,
    CASE WHEN `day` IS NULL THEN get_json_object(`_rescued`, '$.day') END AS r1,
    `body` AS c2,
    `num` AS c3,
    `my note` AS c4,
    struct(`id`, CASE WHEN `id` IS NULL THEN get_json_object(`_rescued`, '$.id') END, `day`, CASE WHEN `day` IS NULL THEN get_json_object(`_rescued`, '$.day') END) AS id,
    `_rescued` AS rescued,
    `_op` AS op, `_unchanged` AS unchanged, `_commit_ts` AS commit_ts, struct(`_entry`, `_commit_lsn`, `_seq`) AS moment,
    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq
  FROM `dev`.`bronze`.`items`
  WHERE `_op` <> 'truncate' AND coalesce(struct(`_entry`, `_commit_lsn`, `_seq`) > (
    SELECT max(struct(`_entry`, `_commit_lsn`, `_seq`)) FROM `dev`.`bronze`.`items`
  WHERE `_op` = 'truncate'
  ), TRUE)
),
ranked AS (
  SELECT *, coalesce(size(unchanged) > 0, FALSE) AS leaves_out,
    row_number() OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry DESC, commit_lsn DESC, seq DESC) = 1 AND NOT op IN ('delete', 'truncate') AS shown
  FROM since
),
state AS (
  SELECT c0, c1, c2, c3, c4, commit_ts, commit_lsn, from_json(rescued, 'MAP<STRING, STRING>') AS texts
  FROM ranked WHERE shown
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
