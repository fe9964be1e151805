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
  WHERE `_entry` >= 7 AND (`_xid` IS NULL OR `_xid` < 9 OR `_entry` = 7)
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
    lead(op) OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry, commit_lsn, seq) AS following
  FROM since
),
state AS (
  SELECT l0.commit_ts, l0.commit_lsn,
    l0.c0, l0.r0,
    l0.c1, l0.r1,
    coalesce(CASE WHEN NOT l0.s2.m THEN l0.s2 END, NULL) AS s2,
    coalesce(CASE WHEN NOT l0.s3.m THEN l0.s3 END, NULL) AS s3,
    coalesce(CASE WHEN NOT l0.s4.m THEN l0.s4 END, NULL) AS s4,
    coalesce(l0.s2.m OR l0.s3.m OR l0.s4.m, FALSE) AS more_key_changes_than_the_fold_follows
  FROM carried l0
  WHERE l0.following IS NULL AND l0.op <> 'delete'
)
SELECT
  c0 AS c0, r0 AS r0,
  c1 AS c1, r1 AS r1,
  s2.v AS c2, s2.r AS r2,
  s3.v AS c3, s3.r AS r3,
  s4.v AS c4, s4.r AS r4
FROM state
WHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END
