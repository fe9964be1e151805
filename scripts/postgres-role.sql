-- Creates the role that ingest reads with, and what the role may not create
-- itself. Run it once, in the database that is to be moved, as a superuser or as
-- the administrator that a managed service gives you:
--
--   psql -d chinook -v role=ingest -v schema=public -f scripts/postgres-role.sql
--
-- Then give the role a password (\password ingest), and admit it in pg_hba.conf.
-- `ingest init --role ingest`, with an administrator's --source, prints the
-- publications that are missing for the tables of your choice. It also prints role
-- and grants if they are missing, for these tables alone, and replaces this script
-- then.
--
-- The server needs wal_level = logical. Managed services set it by a parameter of
-- their own, with a restart:
--
--   Amazon RDS, Aurora   rds.logical_replication = 1. To sign in by IAM: GRANT
--                        rds_iam TO ingest, and rds.iam_auth_for_replication = 1
--   Google Cloud SQL     cloudsql.logical_decoding = on. Run this as a member of
--                        cloudsqlsuperuser, who may give REPLICATION
--   Azure Database       wal_level = logical. Run this as a member of
--                        azure_pg_admin that has REPLICATION itself (ALTER ROLE
--                        … REPLICATION)

\set ON_ERROR_STOP on
\if :{?role}
\else
	\set role ingest
\endif
\if :{?schema}
\else
	\set schema public
\endif

BEGIN;

-- A slot needs REPLICATION. On Amazon RDS and Aurora no role may grant it: there
-- a member of rds_replication has it.
SELECT CASE
	WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') THEN format('CREATE ROLE %I LOGIN IN ROLE rds_replication', :'role')
	ELSE format('CREATE ROLE %I LOGIN REPLICATION', :'role')
END \gexec

-- Row-level security must not hide rows from a copy of the table. If a table has
-- it, ingest stops unless the role may bypass it.
-- ALTER ROLE :"role" BYPASSRLS;

GRANT CONNECT ON DATABASE :"DBNAME" TO :"role";
GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO :"role";
-- Tables that the role that runs this script creates later. Other roles that
-- create tables must do the same for theirs.
ALTER DEFAULT PRIVILEGES IN SCHEMA :"schema" GRANT SELECT ON TABLES TO :"role";

-- Publications. To make one, a role needs CREATE on the database; to put a
-- table into it, it must own that table as well. There are two ways:
--
-- 1. ingest makes and extends the publications itself. Beside the grant below
--    it must be a member of the tables' owner,
--      GRANT owner_of_the_tables TO ingest;
--    which lets it do to them whatever their owner may.
--
-- 2. An administrator makes them, and ingest needs nothing but the rights
--    above. `ingest init` and `ingest check` print both statements for the
--    selected tables. Other names than theirs need [source] publication in
--    ingest.toml. Tables without a primary key or another replica identity belong
--    into the second one: if their updates were published, the application's
--    own UPDATE and DELETE would fail. So do, from PostgreSQL 18 on, tables under
--    REPLICA IDENTITY FULL with a virtual generated column. For the same reason
--    do not make a publication FOR ALL TABLES: it is about other schemas, too.
--
--      CREATE PUBLICATION ingest FOR TABLE public.orders, public.customers
--        WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);
--      CREATE PUBLICATION ingest_inserts FOR TABLE public.audit
--        WITH (publish = 'insert, truncate', publish_via_partition_root = true);
--
--    On PostgreSQL 18 and newer add publish_generated_columns = stored to both:
--    without it stored generated columns are not sent, and UPDATE and DELETE of
--    a table fail whose replica identity has one.
--
--    A table that is added to them later is loaded by `ingest full-load --resume`.
--
-- For the second way, take this line out.
GRANT CREATE ON DATABASE :"DBNAME" TO :"role";

COMMIT;
