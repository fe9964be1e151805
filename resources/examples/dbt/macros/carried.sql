{#- Of each column, the value that was carried last within the window. A carried NULL is a value. -#}
{% macro carried(columns, window) %}
  {%- for c in columns %}
    last_value(case when op <> 'delete' and not array_contains(unchanged, '{{ c }}') then named_struct('v', {{ c }}) end, true) over ({{ window }}).v as {{ c }},
  {%- endfor %}
{%- endmacro %}
