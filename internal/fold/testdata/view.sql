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
newest AS (
  SELECT *, row_number() OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry DESC, commit_lsn DESC, seq DESC) AS number FROM since
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
origins AS (
  SELECT shown, cut, explode(filter(stretches, x -> x.id IS NOT NULL)) AS stretch FROM (
    SELECT s.id AS shown, array(named_struct('id', s.id, 'since', m1.moment, 'until', s.moment),
      named_struct('id', m1.origin, 'since', m2.moment, 'until', m1.moment),
      named_struct('id', m2.origin, 'since', m3.moment, 'until', m2.moment),
      named_struct('id', m3.origin, 'since', m4.moment, 'until', m3.moment),
      named_struct('id', m4.origin, 'since', m4.earlier, 'until', m4.moment)) AS stretches, m4.earlier IS NOT NULL AS cut
    FROM (SELECT id, max(moment) AS moment FROM marks GROUP BY id HAVING max_by(op, moment) <> 'delete' AND max_by(leaves_out, moment)) s
    LEFT JOIN (SELECT id, max(moment) AS moment FROM moves GROUP BY id) m0 ON m0.id = s.id
    LEFT JOIN steps m1 ON m1.moment = m0.moment
    LEFT JOIN steps m2 ON m2.moment = m1.earlier
    LEFT JOIN steps m3 ON m3.moment = m2.earlier
    LEFT JOIN steps m4 ON m4.moment = m3.earlier
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
  c0 AS `id`,
  c1 AS `day`,
  c2 AS `body`,
  c3 AS `num`,
  c4 AS `my note`,
  CASE WHEN texts IS NOT NULL THEN nullif(concat('{', array_join(transform(filter(array('id', 'day', 'body', 'num', 'my note'), n -> texts[n] IS NOT NULL), n -> concat(substring(to_json(array(n)), 2, length(to_json(array(n))) - 2), ':', substring(to_json(array(texts[n])), 2, length(to_json(array(texts[n]))) - 2))), ','), '}'), '{}') END AS `_rescued`,
  commit_ts AS `_commit_ts`,
  commit_lsn AS `_commit_lsn`
FROM state
