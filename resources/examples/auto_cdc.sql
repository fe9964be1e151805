-- The current state and the history of bronze.customer by a Lakeflow pipeline, over the log that ingest keeps. Put it into a pipeline as its SQL source.
--
-- What AUTO CDC does not know, the source has to be set up for:
--   large values   A value that Postgres did not send is NULL in the log, with its column in _unchanged. AUTO CDC would write the NULL. Set
--                  REPLICA IDENTITY FULL on the table in Postgres: then the old row is sent along, and the log has every value.
--   key changes    are a delete and an insert in the log, and come out right with REPLICA IDENTITY FULL.
--   truncates      APPLY AS TRUNCATE WHEN is for SCD type 1 alone. In type 2, the rows that a truncate ended stay open.
--   full loads     replace the log. A stream that reads it then fails, or has both: refresh the pipeline in full. The history begins again there.

CREATE OR REFRESH STREAMING TABLE customer_type1;

CREATE FLOW customer_type1_flow AS AUTO CDC INTO customer_type1
FROM STREAM(bronze.customer)
KEYS (customer_id)
APPLY AS DELETE WHEN _op = 'delete'
APPLY AS TRUNCATE WHEN _op = 'truncate'
SEQUENCE BY STRUCT(_entry, _commit_lsn, _seq)
COLUMNS * EXCEPT (_op, _commit_lsn, _seq, _lsn, _xid, _deleted_ts, _unchanged, _loaded_ts)
STORED AS SCD TYPE 1;

CREATE TEMPORARY VIEW customer_rows AS
SELECT * FROM STREAM(bronze.customer) WHERE _op <> 'truncate';

CREATE OR REFRESH STREAMING TABLE customer_type2;

-- __START_AT and __END_AT have the type of the sequence: __START_AT._commit_ts is the commit time. It stands last, because commit times do not always increase.
CREATE FLOW customer_type2_flow AS AUTO CDC INTO customer_type2
FROM STREAM(customer_rows)
KEYS (customer_id)
APPLY AS DELETE WHEN _op = 'delete'
SEQUENCE BY STRUCT(_entry, _commit_lsn, _seq, _commit_ts)
COLUMNS * EXCEPT (_op, _commit_lsn, _seq, _lsn, _commit_ts, _xid, _deleted_ts, _unchanged, _entry, _loaded_ts)
STORED AS SCD TYPE 2;
