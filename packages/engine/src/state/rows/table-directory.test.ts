import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashKey } from '../../keys/hash.ts'
import { keyGroupOf, keyGroupRange } from '../../keys/key-group.ts'
import { TABLE_ROWS_MAX } from './table.ts'
import { TableDirectory } from './table-directory.ts'

const GROUPS = 4

function directory(): TableDirectory {
  return new TableDirectory(keyGroupRange(0, 1, GROUPS), GROUPS, 1)
}

function keysOf(group: number, count: number): number[] {
  const keys: number[] = []
  for (let key = 0; keys.length < count; key++) if (keyGroupOf(hashKey(key), GROUPS) === group) keys.push(key)
  return keys
}

function tableOf(tables: TableDirectory, group: number) {
  return tables.tables().find(({ keyGroup }) => keyGroup === group)!
}

test('room for so many rows is there at once, and in the table of their group', () => {
  const tables = directory()
  tables.reserve(2, 1000)
  const reserved = tableOf(tables, 2)
  assert.equal(reserved.capacity, 1024)
  for (const key of keysOf(2, 1000)) {
    const hash = hashKey(key)
    assert.equal(tables.makeRoom(hash), reserved)
    reserved.add(key, hash, 0)
  }
  assert.equal(reserved.capacity, 1024)
  assert.deepEqual(
    [0, 1, 3].map((group) => tableOf(tables, group).capacity),
    [0, 0, 0],
  )
})

test('one table is made for as many rows as it may have, and a group that has rows keeps its own', () => {
  const tables = directory()
  tables.reserve(1, 10 * TABLE_ROWS_MAX)
  const table = tableOf(tables, 1)
  assert.equal(table.capacity, TABLE_ROWS_MAX)
  tables.reserve(1, 20 * TABLE_ROWS_MAX)
  assert.equal(tableOf(tables, 1), table)
})

test('a handful of rows needs nothing at once', () => {
  const tables = directory()
  tables.reserve(0, 8)
  assert.equal(tableOf(tables, 0).capacity, 0)
})
