-- A shop from 2020-02-27 to 2020-03-02: what was viewed on three platforms, and what was ordered.

create schema storefront;
-- By which of 161 parts of its views each hour of a day ends: evenings are busy, in the shop's time.
create macro hour_ends() as [14, 26, 33, 38, 41, 43, 44, 45, 46, 48, 52, 58, 65, 73, 81, 90, 98,
    105, 112, 120, 128, 137, 148, 161];
create macro viewed_ms(day, i, total) as epoch_ms(cast(day as timestamp))
    + len(list_filter(hour_ends(), lambda upto: upto <= i * 161 // total)) * 3600000
    + i * 161 % total * 3600000 // total;

-- The colours of a model stand side by side; few products are popular.
create macro product_of(v) as draw(v, 11, 80) * draw(v, 12, 80) // 80;
create macro code_of(product) as (20001000 + product // 3 * 137) || '_'
    || lpad(cast(pick([1, 2, 3, 17, 24, 592, 825], product) as text), 3, '0');
create macro price_of(product) as pick([39, 59, 79, 99, 129, 149, 189, 229, 299], product // 3);

create macro message(v, ms, has_names) as '{"events":[{"data":{"custom_event_type":"navigation",'
    || '"event_name":"product","timestamp_unixtime_ms":' || ms
    || if(draw(v, 13, 5) < 3, '.' || 1001 + draw(v, 14, 899) * 10, '')
    || ',"event_id":550118043771296400,"session_id":-2096417735520661847,"custom_attributes":{'
    || '"actualPrice":"' || price_of(product_of(v)) || '.9","base":"p","codeColor":"'
    || code_of(product_of(v)) || '"}},"event_type":"custom_event"}],"mpid":-7340905118266071349,'
    || '"timestamp_unixtime_ms":' || ms + 40 + draw(v, 15, 9000) || if(has_names, ',"batch_id":'
        || ms * 1000 + v % 1000 || ',"message_id":"' || printf('%x', ms) || '-' || v
        || '","message_type":"events","schema_version":1', '') || '}';

create view storefront.views as
select
    r.*,
    split_part(l.path, '/', 1) as platform,
    strptime(regexp_extract(l.path, '\d{8}'), '%Y%m%d') as day,
    viewed_ms(day, r.n - l.first_row, l.row_count) as ms
from numbers(3500) as r
inner join layouts as l
    on l.table_name = 'storefront.product_events'
    and r.n between l.first_row and l.first_row + l.row_count - 1;
create view storefront.product_events as
select n, slot, message(n, ms, platform = 'iOS') as record from storefront.views;

-- Every order is of a view, some minutes later; the site is used on desktops, too.
create view storefront.orders_of_views as
select
    r.n, r.slot, l.path,
    500001 + r.n as order_id,
    product_of(v.n) as product,
    make_timestamp((v.ms - 3 * 3600000 + 60000 * (2 + draw(r.n, 21, 8))) * 1000) as ordered_at,
    pick(case v.platform
        when 'Android' then ['Android', 'android', 'ANDROID', 'Android']
        when 'iOS' then ['iOS', 'iPhone', 'ipad', 'iOS', 'IOS']
        else ['MobileWeb', 'Desktop', 'mobile_web', 'Mobile Web', 'MobileWeb', 'Tablet']
    end, draw(r.n, 22, 97)) as device
from numbers(200) as r
inner join layouts as l
    on l.table_name = 'storefront.orders'
    and r.n between l.first_row and l.first_row + l.row_count - 1
inner join layouts as e
    on e.table_name = 'storefront.product_events'
    and e.path like pick(['MobileWeb', 'Android', 'MobileWeb', 'iOS', 'MobileWeb'], r.n)
        || '/%' || replace(regexp_extract(l.path, '\d{4}-\d\d-\d\d'), '-', '') || '.%'
inner join storefront.views as v
    on v.n = e.first_row + (r.n - l.first_row) * e.row_count // l.row_count;

create view storefront.orders as
select n, slot, cast(json_merge_patch(json_object(
    'id', cast(order_id as text),
    'user_id', cast(1000 + draw(n, 23, 4000) as text),
    'order_date', strftime(ordered_at, '%Y-%m-%d %H:%M:%S'),
    'order_subtotal', price_of(product) || '.90',
    'order_total', price_of(product) + 15 || '.80',
    'order_status', pick(['complete', 'shipped', 'complete', 'canceled', 'pending'], draw(n, 24, 9)),
    'shipping_cost', '14.90',
    'address_city', pick(['São Paulo', 'Rio de Janeiro', 'Brasília, Asa Sul'], draw(n, 26, 3)),
    'utm_source_medium', pick(['', 'google / cpc', 'newsletter; fev / email'], draw(n, 27, 3)),
    'device_type', device
), if(path like '%-01.%', '{"coupon": "VERAO"}', '{}')) as text) as record
from storefront.orders_of_views;
-- Three items for two orders; what would be of an order that is not accepted is of another.
create view storefront.order_items as
select i.n, i.slot, cast(json_object(
    'id', cast(900001 + i.n as text),
    'order_id', cast(o.order_id as text),
    'sku', code_of(o.product) || '-' || pick(['M', 'G', 'P', 'U', '38'], i.n),
    'quantity', cast(if(draw(i.n, 31, 9) = 0, 2, 1) as text),
    'code_color', code_of((o.product + if(i.n % 3 = 1, 1, 0)) % 80)
) as text) as record
from numbers(300) as i
left join (
    select story * every - 1 as slot, turns * every as turn
    from stories where table_name = 'storefront.orders'
    group by all having not bool_or(outcome = 'kept')
) as s on s.slot = i.n * 2 // 3 % 200 % s.turn
inner join storefront.orders_of_views as o
    on o.n = i.n * 2 // 3 - if(s.slot is null, 0, 1);
