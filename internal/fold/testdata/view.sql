CREATE OR REPLACE VIEW `dev`.`bronze`.`items_current` AS
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
carried AS (
  SELECT op, commit_ts, entry, commit_lsn, seq,
    c0, r0,
    c1, r1,
    last_value(CASE WHEN op IN ('snapshot', 'insert') OR op = 'update' AND NOT coalesce(array_contains(unchanged, 'body'), FALSE)
      THEN named_struct('v', c2, 'r', r2, 'm', coalesce(array_contains(unchanged, 'body'), FALSE)) END) IGNORE NULLS OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry, commit_lsn, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s2,
    last_value(CASE WHEN op IN ('snapshot', 'insert') OR op = 'update' AND NOT coalesce(array_contains(unchanged, 'num'), FALSE)
      THEN named_struct('v', c3, 'r', r3, 'm', coalesce(array_contains(unchanged, 'num'), FALSE)) END) IGNORE NULLS OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry, commit_lsn, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s3,
    last_value(CASE WHEN op IN ('snapshot', 'insert') OR op = 'update' AND NOT coalesce(array_contains(unchanged, 'my note'), FALSE)
      THEN named_struct('v', c4, 'r', r4, 'm', coalesce(array_contains(unchanged, 'my note'), FALSE)) END) IGNORE NULLS OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry, commit_lsn, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s4,
    last_value(CASE WHEN op IN ('snapshot', 'insert')
      THEN named_struct('entry', CASE WHEN size(unchanged) > 0 THEN entry END, 'commit_lsn', commit_lsn, 'seq', seq - 1) END) IGNORE NULLS OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry, commit_lsn, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS origin,
    lead(op) OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry, commit_lsn, seq) AS following
  FROM since
),
state AS (
  SELECT l0.commit_ts, l0.commit_lsn,
    l0.c0, l0.r0,
    l0.c1, l0.r1,
    coalesce(CASE WHEN NOT l0.s2.m THEN l0.s2 END, CASE WHEN NOT l1.s2.m THEN l1.s2 END, CASE WHEN NOT l2.s2.m THEN l2.s2 END, CASE WHEN NOT l3.s2.m THEN l3.s2 END, CASE WHEN NOT l4.s2.m THEN l4.s2 END, NULL) AS s2,
    coalesce(CASE WHEN NOT l0.s3.m THEN l0.s3 END, CASE WHEN NOT l1.s3.m THEN l1.s3 END, CASE WHEN NOT l2.s3.m THEN l2.s3 END, CASE WHEN NOT l3.s3.m THEN l3.s3 END, CASE WHEN NOT l4.s3.m THEN l4.s3 END, NULL) AS s3,
    coalesce(CASE WHEN NOT l0.s4.m THEN l0.s4 END, CASE WHEN NOT l1.s4.m THEN l1.s4 END, CASE WHEN NOT l2.s4.m THEN l2.s4 END, CASE WHEN NOT l3.s4.m THEN l3.s4 END, CASE WHEN NOT l4.s4.m THEN l4.s4 END, NULL) AS s4,
    coalesce(l0.s2.m AND l1.s2.m AND l2.s2.m AND l3.s2.m AND l4.s2.m OR l0.s3.m AND l1.s3.m AND l2.s3.m AND l3.s3.m AND l4.s3.m OR l0.s4.m AND l1.s4.m AND l2.s4.m AND l3.s4.m AND l4.s4.m, FALSE) AS more_key_changes_than_the_fold_follows
  FROM carried l0
  LEFT JOIN (SELECT * FROM carried WHERE op = 'delete') l1 ON l1.entry = l0.origin.entry AND l1.commit_lsn = l0.origin.commit_lsn AND l1.seq = l0.origin.seq
  LEFT JOIN (SELECT * FROM carried WHERE op = 'delete') l2 ON l2.entry = l1.origin.entry AND l2.commit_lsn = l1.origin.commit_lsn AND l2.seq = l1.origin.seq
  LEFT JOIN (SELECT * FROM carried WHERE op = 'delete') l3 ON l3.entry = l2.origin.entry AND l3.commit_lsn = l2.origin.commit_lsn AND l3.seq = l2.origin.seq
  LEFT JOIN (SELECT * FROM carried WHERE op = 'delete') l4 ON l4.entry = l3.origin.entry AND l4.commit_lsn = l3.origin.commit_lsn AND l4.seq = l3.origin.seq
  WHERE l0.following IS NULL AND l0.op <> 'delete'
)
SELECT
  c0 AS `id`,
  c1 AS `day`,
  s2.v AS `body`,
  s3.v AS `num`,
  s4.v AS `my note`,
  CASE WHEN coalesce(r0, r1, s2.r, s3.r, s4.r, NULL) IS NOT NULL THEN concat('{', concat_ws(',',
    CASE WHEN r0 IS NOT NULL THEN concat('"id":', substring(to_json(array(r0)), 2, length(to_json(array(r0))) - 2)) END,
    CASE WHEN r1 IS NOT NULL THEN concat('"day":', substring(to_json(array(r1)), 2, length(to_json(array(r1))) - 2)) END,
    CASE WHEN s2.r IS NOT NULL THEN concat('"body":', substring(to_json(array(s2.r)), 2, length(to_json(array(s2.r))) - 2)) END,
    CASE WHEN s3.r IS NOT NULL THEN concat('"num":', substring(to_json(array(s3.r)), 2, length(to_json(array(s3.r))) - 2)) END,
    CASE WHEN s4.r IS NOT NULL THEN concat('"my note":', substring(to_json(array(s4.r)), 2, length(to_json(array(s4.r))) - 2)) END
  ), '}') END AS `_rescued`,
  commit_ts AS `_commit_ts`,
  commit_lsn AS `_commit_lsn`
FROM state
WHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END
