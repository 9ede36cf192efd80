// Queries give the rows that the specification's reference gave: some at parallelism 2, through encoded edges, and after a failure; with MILLRACE_GOLDEN=all
// (`npm run test:golden`) every one, also at parallelism 1, and all those with timers or large state after a failure. So it is with keyed state in RocksDB under a cache that holds a small part of it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rocksdbPackage } from '../../packages/engine/src/state/rocksdb/rocksdb-binding.ts'
import { goldenResult } from '../peers/golden.ts'
import { queries } from './queries.ts'
import { runQuery, type QueryRun, type QueryRunOptions } from './run-query.ts'

const EVENTS = 200_000
const SEED = 42

const all = process.env['MILLRACE_GOLDEN'] === 'all'
const parallelisms = all ? [1, 2] : [2]

/** A few thousand of the rows are in memory at a time. */
const beyondMemory = { backend: 'rocksdb', cacheSize: '512KiB' } as const

const settings = { events: EVENTS, seed: SEED, checksum: true, checkpointMs: 1000, encode: false }

async function check(query: string, options: Partial<QueryRunOptions> & { readonly parallelism: number }): Promise<QueryRun> {
  const golden = goldenResult(query, EVENTS, SEED)
  assert.ok(golden !== undefined, 'there is no golden result')
  const run = await runQuery({ ...settings, query, ...options })
  const { count, checksum } = run
  assert.deepEqual({ count, checksum }, golden)
  return run
}

// Two at a time: half of each is the start of its threads.
void describe('golden results', { concurrency: 2 }, () => {
  // `gen` has no rows. Without all: a keyed count, event-time timers and large rows, and q4 and q20 below; each run compiles its code anew, which is most of what it takes.
  const some = all ? Object.keys(queries).filter((name) => name !== 'gen') : ['count', 'q17', 'q19']
  for (const query of some) {
    for (const parallelism of parallelisms)
      void test(`${query} at parallelism ${parallelism}`, async () => {
        await check(query, { parallelism })
      })
  }
  void test('q20 at parallelism 1 through encoded edges', async () => {
    await check('q20', { parallelism: 1, encode: true })
  })

  for (const query of all ? ['q4', 'q9', 'q17', 'q19'] : []) {
    for (const parallelism of parallelisms)
      void test(`${query} at parallelism ${parallelism} with a failure in the middle`, async () => {
        const { restoredFrom } = await check(query, { parallelism, checkpointMs: 50, crashAt: EVENTS / 2 })
        assert.equal(restoredFrom.length, 1)
        assert.ok(restoredFrom[0]! > 0, 'it began again from the start')
      })
  }

  const skip = rocksdbPackage() === '@harperfast/rocksdb-js-linux-x64-glibc' ? false : `no binding is installed for ${rocksdbPackage()}`
  for (const query of all ? ['count', 'state-machine', 'q4', 'q9', 'q17', 'q18', 'q19', 'q20'] : ['q4']) {
    for (const parallelism of parallelisms)
      void test(`${query} at parallelism ${parallelism} on RocksDB with a failure in the middle`, { skip }, async () => {
        const { restoredFrom } = await check(query, { parallelism, ...beyondMemory, checkpointMs: 100, crashAt: EVENTS / 2 })
        assert.equal(restoredFrom.length, 1)
        assert.ok(restoredFrom[0]! > 0, 'it began again from the start')
      })
    if (all)
      void test(`${query} on RocksDB`, { skip }, async () => {
        await check(query, { parallelism: 2, ...beyondMemory })
      })
  }
})
