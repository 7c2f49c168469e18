"""The store's second engine, for providers: SQL and schema as SQLite has them, on PostgreSQL."""
