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
    max(CASE WHEN op = 'insert' AND size(unchanged) > 0 THEN moment END) OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry, commit_lsn, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS arrived,
    row_number() OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry DESC, commit_lsn DESC, seq DESC) = 1 AND NOT op IN ('delete', 'truncate') AS shown
  FROM since
),
marks AS (
  SELECT struct(`id`, CASE WHEN `id` IS NULL THEN get_json_object(`_rescued`, '$.id') END, `day`, CASE WHEN `day` IS NULL THEN get_json_object(`_rescued`, '$.day') END) AS id, struct(`_entry`, `_commit_lsn`, `_seq`) AS moment, `_op` AS op, coalesce(size(`_unchanged`) > 0, FALSE) AS leaves_out,
    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq
  FROM `dev`.`bronze`.`items`
  WHERE `_op` <> 'truncate' AND coalesce(struct(`_entry`, `_commit_lsn`, `_seq`) > (
    SELECT max(struct(`_entry`, `_commit_lsn`, `_seq`)) FROM `dev`.`bronze`.`items`
  WHERE `_op` = 'truncate'
  ), TRUE)
),
moves AS (
  SELECT i.id, i.moment, d.id AS origin FROM marks i
  JOIN marks d ON d.op = 'delete' AND d.entry = i.entry AND d.commit_lsn = i.commit_lsn AND d.seq = i.seq - 1
  WHERE i.op = 'insert' AND i.leaves_out
),
steps AS (
  SELECT moment, origin, earlier FROM (
    SELECT moment, origin, side.came, max(CASE WHEN side.came THEN moment END) OVER (PARTITION BY side.id ORDER BY moment ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS earlier
    FROM (SELECT moment, origin, explode(array(named_struct('id', id, 'came', TRUE), named_struct('id', origin, 'came', FALSE))) AS side FROM moves)
  ) WHERE NOT came
),
lines AS (
  SELECT id, arrived, cut, explode(filter(stretches, x -> x.id IS NOT NULL)) AS stretch FROM (
    SELECT s.id, s.arrived, array(named_struct('id', s.id, 'since', s.arrived, 'until', s.until),
      named_struct('id', m1.origin, 'since', m1.earlier, 'until', m1.moment),
      named_struct('id', m2.origin, 'since', m2.earlier, 'until', m2.moment),
      named_struct('id', m3.origin, 'since', m3.earlier, 'until', m3.moment),
      named_struct('id', m4.origin, 'since', m4.earlier, 'until', m4.moment)) AS stretches, m4.earlier IS NOT NULL AS cut
    FROM (SELECT id, arrived, max(moment) AS until FROM ranked WHERE shown AND leaves_out AND NOT op IN ('delete', 'truncate') GROUP BY id, arrived) s
    LEFT JOIN steps m1 ON m1.moment = s.arrived
    LEFT JOIN steps m2 ON m2.moment = m1.earlier
    LEFT JOIN steps m3 ON m3.moment = m2.earlier
    LEFT JOIN steps m4 ON m4.moment = m3.earlier
  )
),
gathered AS (
  SELECT l.*, struct(o.id, o.arrived) AS line, o.cut, l.shown AND l.leaves_out AND l.id = o.id AND l.arrived <=> o.arrived AS wanted,
    row_number() OVER (PARTITION BY o.id, o.arrived ORDER BY l.entry, l.commit_lsn, l.seq) AS place
  FROM lines o JOIN ranked l ON l.id = o.stretch.id AND l.moment <= o.stretch.until AND (o.stretch.since IS NULL OR l.moment >= o.stretch.since)
  WHERE NOT l.op IN ('delete', 'truncate')
),
carried AS (
  SELECT *, cut AND array_contains(array(v2 IS NULL, v3 IS NULL, v4 IS NULL), TRUE) AS more_key_changes_than_the_fold_follows
  FROM (SELECT *,
    last_value(if(array_contains(unchanged, 'body'), NULL, named_struct('v', c2, 't', rescued)), TRUE) OVER (PARTITION BY line ORDER BY place) AS v2,
    last_value(if(array_contains(unchanged, 'num'), NULL, named_struct('v', c3, 't', rescued)), TRUE) OVER (PARTITION BY line ORDER BY place) AS v3,
    last_value(if(array_contains(unchanged, 'my note'), NULL, named_struct('v', c4, 't', rescued)), TRUE) OVER (PARTITION BY line ORDER BY place) AS v4,
    max(rescued) OVER (PARTITION BY line) AS any_text
    FROM gathered)
  WHERE wanted
),
state AS (
  SELECT c0, c1, c2, c3, c4, commit_ts, commit_lsn, from_json(rescued, 'MAP<STRING, STRING>') AS texts
  FROM ranked WHERE shown AND NOT leaves_out
  UNION ALL
  SELECT c0, c1, v2.v AS c2, v3.v AS c3, v4.v AS c4, commit_ts, commit_lsn, CASE WHEN any_text IS NOT NULL THEN map_from_arrays(array('id', 'day', 'body', 'num', 'my note'), transform(array(named_struct('n', 'id', 't', rescued), named_struct('n', 'day', 't', rescued), named_struct('n', 'body', 't', v2.t), named_struct('n', 'num', 't', v3.t), named_struct('n', 'my note', 't', v4.t)), x -> from_json(x.t, 'MAP<STRING, STRING>')[x.n])) END
  FROM carried WHERE CASE WHEN more_key_changes_than_the_fold_follows THEN assert_true(NOT more_key_changes_than_the_fold_follows) IS NULL ELSE TRUE END
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
