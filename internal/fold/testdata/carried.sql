WITH log AS (
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
    `_op` AS op, `_unchanged` AS unchanged, `_commit_ts` AS commit_ts,
    `_entry` AS entry, `_commit_lsn` AS commit_lsn, `_seq` AS seq
  FROM `dev`.`bronze`.`items`
  WHERE `_entry` >= 7 AND (`_xid` IS NULL OR `_xid` < 700 OR `_entry` = 7 OR `_xid` < 720 AND `_xid` NOT IN (703, 710))
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
newest AS (
  SELECT *, row_number() OVER (PARTITION BY c0, r0, c1, r1 ORDER BY entry DESC, commit_lsn DESC, seq DESC) AS number FROM since
),
touched AS (
  SELECT id FROM since WHERE coalesce(size(unchanged) > 0, FALSE)
  UNION
  SELECT d.id FROM since i JOIN since d ON d.op = 'delete' AND d.entry = i.entry AND d.commit_lsn = i.commit_lsn AND d.seq = i.seq - 1 WHERE i.op = 'insert' AND coalesce(size(i.unchanged) > 0, FALSE)
),
history AS (
  SELECT since.*, lead(since.op) OVER (PARTITION BY since.id ORDER BY since.entry, since.commit_lsn, since.seq) AS following,
    struct(since.id, last_value(CASE WHEN since.op IN ('snapshot', 'insert') THEN struct(since.entry, since.commit_lsn, since.seq) END)
      IGNORE NULLS OVER (PARTITION BY since.id ORDER BY since.entry, since.commit_lsn, since.seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS life
  FROM since LEFT SEMI JOIN touched ON since.id = touched.id
),
moved AS (
  SELECT i.life, d.life AS origin FROM history i JOIN history d ON d.op = 'delete' AND d.entry = i.entry AND d.commit_lsn = i.commit_lsn AND d.seq = i.seq - 1 WHERE i.op = 'insert' AND coalesce(size(i.unchanged) > 0, FALSE)
),
lives AS (
  SELECT shown, cut, explode(filter(lives, l -> l IS NOT NULL)) AS life FROM (
    SELECT e.life AS shown, array(e.life, m1.origin, m2.origin) AS lives, m3.life IS NOT NULL AS cut
    FROM (SELECT life FROM history WHERE following IS NULL AND op <> 'delete' AND coalesce(size(unchanged) > 0, FALSE)) e
    LEFT JOIN moved m1 ON m1.life = e.life
    LEFT JOIN moved m2 ON m2.life = m1.origin
    LEFT JOIN moved m3 ON m3.life = m2.origin
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
    SELECT h.*, l.shown, l.cut, row_number() OVER (PARTITION BY l.shown ORDER BY h.entry, h.commit_lsn, h.seq) AS place
    FROM lives l JOIN history h ON h.life = l.life WHERE h.op <> 'delete'
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
