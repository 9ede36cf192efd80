import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob } from '../../api/job.ts'
import type { Sink, SinkWriter } from '../../connectors/sink.ts'
import type { Source, SourceReader, SplitEnumerator } from '../../connectors/source.ts'
import { execute } from '../execute.ts'

type Shape = 'sink' | 'two sinks' | 'map' | 'exchange'

function source(told: (outputKeepsNothing: boolean | undefined) => void): Source<number> {
  return {
    connector: 'own',
    replayable: true,
    bounded: true,
    createEnumerator: (context) =>
      ({
        start() {},
        addSplitsBack() {},
        addReader: (subtask) => context.noMoreSplits(subtask),
        snapshot: () => undefined,
        close() {},
      }) satisfies SplitEnumerator,
    createReader: ({ outputKeepsNothing }) => {
      told(outputKeepsNothing)
      return {
        addSplits() {},
        noMoreSplits() {},
        poll: () => 'end',
        snapshot: () => [],
        close() {},
      } satisfies SourceReader<number>
    },
  }
}

function sink(keepsNothing: boolean | undefined): Sink<unknown> {
  const whole: SinkWriter<unknown> = { open() {}, write() {}, prepare: async () => [], close() {} }
  const delivery = 'at-least-once'
  return { connector: 'own', delivery, createWriter: () => (keepsNothing === undefined ? whole : { ...whole, keepsNothing }) }
}

/** What the reader of a job is told. */
async function toldOf(shape: Shape, ...keepsNothing: readonly (boolean | undefined)[]): Promise<boolean | undefined> {
  let told: boolean | undefined
  await execute(
    defineJob('shapes', (env) => {
      const numbers = env.fromSource(source((each) => (told = each)))
      const output = shape === 'map' ? numbers.map((n) => n) : numbers
      for (const each of keepsNothing) output.sinkTo(sink(each)).parallelism(shape === 'exchange' ? 2 : 1)
    }),
  )
  return told
}

void test('a reader is told whether all that take its records in the same call keep nothing of them', async () => {
  assert.equal(await toldOf('sink', true), true)
  assert.equal(await toldOf('two sinks', true, true), true)
  assert.equal(await toldOf('two sinks', true, false), false)
  assert.equal(await toldOf('sink', undefined), false)
  assert.equal(await toldOf('map', true), false)
  assert.equal(await toldOf('exchange', true), false)
})
