select count(*),sum(n),sum(n*(k=1)::int),sum(n*(k=7)::int),sum(n*(k=14)::int)from cohort(events,user_id,dt)t(c,k,n,r,o)
