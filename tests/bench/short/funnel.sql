select * from funnel_report(events,user_id,ts,interval '1 day',event='page_view',event='product_view',event='add_to_cart',event='purchase',{levels:true})
