import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureSlowSink } from './slow-sink-measure.ts'

const plan = { sinkMs: 2, parallelism: 2, fillMs: 700, measureMs: 900, intervalMs: 200 }

void test('with a sink ten times too slow unaligned checkpoints complete within a second, and aligned ones do not', async () => {
  const unaligned = await measureSlowSink({ ...plan, checkpointing: { unaligned: true } })
  assert.ok(unaligned.durationsMs.length > 0, 'none completed')
  assert.ok(unaligned.inFlightBytes.some((bytes) => bytes > 0))
  assert.ok(Math.min(...unaligned.durationsMs) < 1_000, `they took ${unaligned.durationsMs.join(', ')} ms`)
  const aligned = await measureSlowSink({ ...plan, checkpointing: {} })
  assert.deepEqual(aligned.durationsMs, [])
})
