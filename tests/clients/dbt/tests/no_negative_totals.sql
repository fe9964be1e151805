select * from {{ ref('spending') }} where total < 0
