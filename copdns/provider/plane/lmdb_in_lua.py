"""How dnsdist opens the tables, in Lua: what it takes of LMDB, and the short cuts beside them.

The text goes into `road.py`.  Pure.
"""

from __future__ import annotations

from typing import Final

LIBRARY: Final = "liblmdb.so.0"  # which dnsdist itself has loaded

LMDB: Final = """
  typedef struct MDB_env MDB_env;
  typedef struct MDB_txn MDB_txn;
  typedef struct MDB_cursor MDB_cursor;
  typedef struct { size_t size; const uint8_t *data; } MDB_val;
  typedef struct {
    void *address; size_t map_size, last_page; long last_txn; unsigned int most_readers, readers;
  } MDB_envinfo;
  int mdb_env_create(MDB_env **);
  int mdb_env_open(MDB_env *, const char *, unsigned int, int);
  int mdb_env_info(MDB_env *, MDB_envinfo *);
  int mdb_txn_begin(MDB_env *, MDB_txn *, unsigned int, MDB_txn **);
  int mdb_txn_renew(MDB_txn *);
  void mdb_txn_reset(MDB_txn *);
  void mdb_txn_abort(MDB_txn *);
  int mdb_dbi_open(MDB_txn *, const char *, unsigned int, unsigned int *);
  int mdb_get(MDB_txn *, unsigned int, MDB_val *, MDB_val *);
  int mdb_cursor_open(MDB_txn *, unsigned int, MDB_cursor **);
  int mdb_cursor_get(MDB_cursor *, MDB_val *, MDB_val *, int);
  void mdb_cursor_close(MDB_cursor *);
  int open(const char *, int, ...);
  int close(int);
  void *mmap(void *, size_t, int, int, int, long);
"""
OPEN_TABLES: Final = """\
-- The short cuts have numbers as this kind of processor has them.
if ffi.abi("be") then error("no processor of this kind can read the short cuts") end
local function open(path)
  local env, txn, dbi = ffi.new("MDB_env*[1]"), ffi.new("MDB_txn*[1]"), ffi.new("unsigned int[1]")
  local function check(code)
    if code ~= 0 then error(path .. ": cannot be opened, LMDB says " .. code) end
  end
  check(lmdb.mdb_env_create(env))
  check(lmdb.mdb_env_open(env[0], path, 0x224000, 432))  -- NOSUBDIR, RDONLY, NOTLS
  check(lmdb.mdb_txn_begin(env[0], nil, 0x20000, txn))
  check(lmdb.mdb_dbi_open(txn[0], nil, 0, dbi))
  lmdb.mdb_txn_abort(txn[0])
  if dbi[0] ~= 1 then error(path .. ": LMDB numbers its tables otherwise") end
  return tostring(ffi.cast("uintptr_t", env[0]))
end
local function map(path, octets)
  local file = ffi.C.open(path, 0)
  local at = file >= 0 and ffi.C.mmap(nil, octets, 1, 1, file, 0)  -- to read, and shared
  if not at or at == ffi.cast("void*", -1) then error(path .. ": cannot be opened") end
  ffi.C.close(file)
  return tostring(ffi.cast("uintptr_t", at))
end"""
