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
  WHERE `_entry` >= 7 AND (`_xid` IS NULL OR `_xid` < 9 OR `_entry` = 7) AND `_op` <> 'truncate' AND coalesce(struct(`_entry`, `_commit_lsn`, `_seq`) > (
    SELECT max(struct(`_entry`, `_commit_lsn`, `_seq`)) FROM `dev`.`bronze`.`items`
  WHERE `_entry` >= 7 AND (`_xid` IS NULL OR `_xid` < 9 OR `_entry` = 7) AND `_op` = 'truncate'
  ), TRUE)
),
newest AS (
  SELECT *, row_number() OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry DESC, commit_lsn DESC, seq DESC) AS number FROM since
),
marks AS (
  SELECT struct(`id`, CASE WHEN `id` IS NULL THEN get_json_object(`_rescued`, '$.id') END, `day`, CASE WHEN `day` IS NULL THEN get_json_object(`_rescued`, '$.day') END) AS id, struct(`_entry`, `_commit_lsn`, `_seq`) AS moment, `_op` AS op, coalesce(size(`_unchanged`) > 0, FALSE) AS leaves_out,
    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq
  FROM `dev`.`bronze`.`items`
  WHERE `_entry` >= 7 AND (`_xid` IS NULL OR `_xid` < 9 OR `_entry` = 7) AND `_op` <> 'truncate' AND coalesce(struct(`_entry`, `_commit_lsn`, `_seq`) > (
    SELECT max(struct(`_entry`, `_commit_lsn`, `_seq`)) FROM `dev`.`bronze`.`items`
  WHERE `_entry` >= 7 AND (`_xid` IS NULL OR `_xid` < 9 OR `_entry` = 7) AND `_op` = 'truncate'
  ), TRUE)
),
origins AS (
  SELECT shown, cut, explode(filter(stretches, x -> x.id IS NOT NULL)) AS stretch FROM (
    SELECT s.id AS shown, array(named_struct('id', s.id, 'since', CAST(NULL AS STRUCT<`_entry`: BIGINT, `_commit_lsn`: BIGINT, `_seq`: BIGINT>), 'until', s.moment)) AS stretches, FALSE AS cut
    FROM (SELECT id, max(moment) AS moment FROM marks GROUP BY id HAVING max_by(op, moment) <> 'delete' AND max_by(leaves_out, moment)) s
  )
),
gathered AS (
  SELECT
    max_by(c0, place) AS c0,
    max_by(c1, place) AS c1,
    max_by(c2, if(array_contains(unchanged, 'body'), NULL, place)) AS c2,
    max_by(c3, if(array_contains(unchanged, 'num'), NULL, place)) AS c3,
    max_by(c4, if(array_contains(unchanged, 'my note'), NULL, place)) AS c4,
    max_by(commit_ts, place) AS commit_ts, max_by(commit_lsn, place) AS commit_lsn, max_by(unchanged, place) AS unchanged,
    collect_list(struct(place, unchanged, rescued)) AS carriers, max(rescued) AS rescued, bool_or(cut) AS cut
  FROM (
    SELECT l.*, o.shown, o.cut, row_number() OVER (PARTITION BY o.shown ORDER BY l.moment) AS place
    FROM origins o JOIN since l ON l.id = o.stretch.id AND l.moment <= o.stretch.until AND (o.stretch.since IS NULL OR l.moment >= o.stretch.since)
    WHERE l.op <> 'delete'
  ) GROUP BY shown
),
carried AS (
  SELECT *, cut AND exists(unchanged, n -> NOT exists(carriers, c -> NOT coalesce(array_contains(c.unchanged, n), FALSE))) AS more_key_changes_than_the_fold_follows
  FROM gathered
),
state AS (
  SELECT c0, c1, c2, c3, c4, commit_ts, commit_lsn, from_json(rescued, 'MAP<STRING, STRING>') AS texts
  FROM newest WHERE number = 1 AND op <> 'delete' AND NOT coalesce(size(unchanged) > 0, FALSE)
  UNION ALL
  SELECT c0, c1, c2, c3, c4, commit_ts, commit_lsn, CASE WHEN rescued IS NOT NULL THEN map_from_arrays(array('id', 'day', 'body', 'num', 'my note'), transform(array('id', 'day', 'body', 'num', 'my note'), n -> from_json(array_max(filter(carriers, c -> NOT coalesce(array_contains(c.unchanged, n), FALSE))).rescued, 'MAP<STRING, STRING>')[n])) END
  FROM carried
  WHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END
)
SELECT
  c0, texts['id'] AS r0,
  c1, texts['day'] AS r1,
  c2, texts['body'] AS r2,
  c3, texts['num'] AS r3,
  c4, texts['my note'] AS r4
FROM state
