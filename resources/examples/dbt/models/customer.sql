{#-
  The current state of bronze.customer, made of its log: a row for each key, deleted ones marked by _deleted_ts.

  Each run reads the entries of the log since the last one, and the rows of this table whose keys they touch.
  - A large value that was not sent (_unchanged) comes from the newest row that carries it.
  - A change of the key is a delete and an insert right behind it. What the insert leaves out comes from the old key's row.
    One such change of a row between two runs is followed, and no more: run dbt after each load, or set REPLICA IDENTITY FULL.
  - A truncate ends all rows before it. So does a snapshot: a full load replaces the log.
-#}
{{ config(materialized='incremental', incremental_strategy='merge', unique_key='customer_id') }}
{%- set key = 'customer_id' %}
{%- set columns = ['email', 'city', 'note'] %}

with changes as (
  select *, named_struct('entry', _entry, 'lsn', _commit_lsn, 'seq', _seq) as moment
  from {{ source('bronze', 'customer') }}
  {%- if is_incremental() %}
  where _entry > (select coalesce(max(_entry), 0) from {{ this }})
  {%- endif %}
),

cleared as (
  select max(case _op
    when 'truncate' then moment
    when 'snapshot' then named_struct('entry', _entry, 'lsn', cast(-1 as bigint), 'seq', cast(-1 as bigint))
  end) as moment, max(case when _op = 'truncate' then _commit_ts when _op = 'snapshot' then _commit_ts end) as at
  from changes
),

kept as (
  {%- if is_incremental() %}
  select {{ key }}, {{ columns | join(', ') }}, _entry from {{ this }} where _deleted_ts is null
  {%- else %}
  select {{ key }}, {{ columns | join(', ') }}, _entry from {{ source('bronze', 'customer') }} where false
  {%- endif %}
),

-- The rows of each key that changed, in order: the one that this table has, and those of the log.
steps as (
  select {{ key }}, {{ columns | join(', ') }}, 'kept' as op, cast(array() as array<string>) as unchanged,
    named_struct('entry', cast(-1 as bigint), 'lsn', cast(-1 as bigint), 'seq', cast(-1 as bigint)) as moment, cast(null as timestamp) as at
  from kept
  where {{ key }} in (select {{ key }} from changes) and (select moment from cleared) is null
  union all
  select {{ key }}, {{ columns | join(', ') }}, _op, coalesce(_unchanged, cast(array() as array<string>)), moment, _commit_ts
  from changes
  where _op <> 'truncate' and coalesce(moment > (select moment from cleared), true)
),

so_far as (
  select {{ carried(columns, 'partition by ' ~ key ~ ' order by moment rows between unbounded preceding and current row') }}
    {{ key }}, op, moment
  from steps
),

-- A row that moved to another key begins there with what it had.
moved as (
  select i.{{ key }}, {% for c in columns %}d.{{ c }}, {% endfor %}'moved' as op, cast(array() as array<string>) as unchanged, d.moment, i.at
  from steps i
  join so_far d on d.op = 'delete' and d.moment.entry = i.moment.entry and d.moment.lsn = i.moment.lsn and d.moment.seq = i.moment.seq - 1
  where i.op = 'insert' and size(i.unchanged) > 0
),

states as (
  select {{ carried(columns, 'partition by ' ~ key ~ ' order by moment rows between unbounded preceding and unbounded following') }}
    {{ key }}, op, moment, at,
    row_number() over (partition by {{ key }} order by moment desc) as place
  from (select * from steps union all select * from moved)
)

select {{ key }}, {{ columns | join(', ') }}, op as _op, at as _commit_ts, case when op = 'delete' then at end as _deleted_ts, moment.entry as _entry
from states
where place = 1
union all
select {{ key }}, {{ columns | join(', ') }}, 'truncate', at, at, moment.entry
from kept cross join cleared
where moment is not null and {{ key }} not in (select {{ key }} from steps)
