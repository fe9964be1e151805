{{ config(materialized='table', liquid_clustered_by='customer_id', tblproperties={'owner': 'marts'}) }}
select c.id as customer_id, count(*) as invoices, cast(sum(i.total) as decimal(12, 2)) as total,
  row_number() over (order by sum(i.total) desc, c.id) as place
from {{ ref('customers') }} as c
join {{ ref('invoices') }} as i on i.customer_id = c.id
group by c.id
