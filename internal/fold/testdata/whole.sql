WITH log AS (
  SELECT
    `id` AS c0,
    CASE WHEN `id` IS NULL THEN get_json_object(`_rescued`, '$.id') END AS r0,
    `day` AS c1,
    CASE WHEN `day` IS NULL THEN get_json_object(`_rescued`, '$.day') END AS r1,
    `body` AS c2,
    CASE WHEN `body` IS NULL THEN get_json_object(`_rescued`, '$.body') END AS r2,
    `num` AS c3,
    CASE WHEN `num` IS NULL THEN get_json_object(`_rescued`, '$.num') END AS r3,
    `my note` AS c4,
    CASE WHEN `my note` IS NULL THEN get_json_object(`_rescued`, '$.my note') END AS r4,
    `_op` AS op, `_unchanged` AS unchanged, `_commit_ts` AS commit_ts,
    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq
  FROM `dev`.`bronze`.`items`
),
cut AS (
  SELECT entry, commit_lsn, seq FROM log WHERE op = 'truncate'
  ORDER BY entry DESC, commit_lsn DESC, seq DESC LIMIT 1
),
since AS (
  SELECT log.* FROM log LEFT JOIN cut ON TRUE
  WHERE log.op <> 'truncate' AND (cut.entry IS NULL OR log.entry > cut.entry
    OR log.entry = cut.entry AND (log.commit_lsn > cut.commit_lsn
    OR log.commit_lsn = cut.commit_lsn AND log.seq > cut.seq))
),
numbered AS (
  SELECT *, row_number() OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry DESC, commit_lsn DESC, seq DESC) AS number FROM since
),
state AS (
  SELECT * FROM numbered WHERE number = 1 AND op <> 'delete'
)
SELECT
  c0 AS `id`,
  c1 AS `day`,
  c2 AS `body`,
  c3 AS `num`,
  c4 AS `my note`,
  CASE WHEN coalesce(r0, r1, r2, r3, r4, NULL) IS NOT NULL THEN concat('{', concat_ws(',',
    CASE WHEN r0 IS NOT NULL THEN concat('"id":', substring(to_json(array(r0)), 2, length(to_json(array(r0))) - 2)) END,
    CASE WHEN r1 IS NOT NULL THEN concat('"day":', substring(to_json(array(r1)), 2, length(to_json(array(r1))) - 2)) END,
    CASE WHEN r2 IS NOT NULL THEN concat('"body":', substring(to_json(array(r2)), 2, length(to_json(array(r2))) - 2)) END,
    CASE WHEN r3 IS NOT NULL THEN concat('"num":', substring(to_json(array(r3)), 2, length(to_json(array(r3))) - 2)) END,
    CASE WHEN r4 IS NOT NULL THEN concat('"my note":', substring(to_json(array(r4)), 2, length(to_json(array(r4))) - 2)) END
  ), '}') END AS `_rescued`,
  commit_ts AS `_commit_ts`,
  commit_lsn AS `_commit_lsn`
FROM state
