{{ config(materialized='view') }}
select id, name, upper(country) as country, updated_at from {{ source('bronze', 'customers') }}
