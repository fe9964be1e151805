{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
select id, name, country, updated_at from {{ ref('customers') }}
{% if is_incremental() %}
where updated_at > (select coalesce(max(updated_at), timestamp '1970-01-01 00:00:00') from {{ this }})
{% endif %}
