// Every query gives the rows that the specification's reference gave, at parallelism 1 and 2, and through encoded edges.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { goldenResult } from '../peers/golden.ts'
import { queries } from './queries.ts'
import { runQuery } from './run-query.ts'

const EVENTS = 200_000
const SEED = 42

async function check(query: string, parallelism: number, encode: boolean): Promise<void> {
  const golden = goldenResult(query, EVENTS, SEED)
  assert.ok(golden !== undefined, 'there is no golden result')
  const { count, checksum } = await runQuery({
    query,
    events: EVENTS,
    parallelism,
    seed: SEED,
    checksum: true,
    checkpointMs: 1000,
    encode,
  })
  assert.deepEqual({ count, checksum }, golden)
}

// Two at a time: half of each is the start of its threads.
void describe('golden results', { concurrency: 2 }, () => {
  // `gen` has no rows.
  for (const query of Object.keys(queries).filter((name) => name !== 'gen')) {
    for (const parallelism of [1, 2]) void test(`${query} at parallelism ${parallelism}`, () => check(query, parallelism, false))
  }
  void test('q20 at parallelism 1 through encoded edges', () => check('q20', 1, true))
})
