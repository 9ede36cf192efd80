// Two sources whose records belong together meet in the order of event time, as far as both have sent some.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testJob, TestOutput } from '@millrace/testkit'
import type { Environment } from '../../api/environment.ts'
import type { StreamView } from '../../api/stream.ts'
import { type } from '../../api/types.ts'
import { watermarks } from '../../api/watermarks.ts'
import { PORTION_RECORDS } from './event-time-order.ts'

interface Sample {
  readonly at: number
  readonly from: string
}

const COUNT = 5_000
const times = watermarks.monotonous<Sample>((sample) => sample.at)

function samples(from: string, firstAt: number): readonly Sample[] {
  return Array.from({ length: COUNT }, (_, index) => ({ from, at: firstAt + 2 * index }))
}

/** By how much each sample is behind the newest one before it. */
function lags(env: Environment, secondAt: number): StreamView<number> {
  const first = env.fromCollection(samples('first', 0), { watermarks: times })
  const second = env.fromCollection(samples('second', secondAt), { watermarks: times })
  let newest = 0
  const lag = (sample: Sample): number => {
    newest = Math.max(newest, sample.at)
    return newest - sample.at
  }
  return first
    .keyBy(() => 'all')
    .connect(second.keyBy(() => 'all'))
    .process({
      emits: type<number>(),
      onLeft: (sample, ctx) => ctx.emit(lag(sample)),
      onRight: (sample, ctx) => ctx.emit(lag(sample)),
    })
}

/** While the clock stands still, until the job has ended: on a machine that is busy with something else an input is passed over, or waited for, no longer than the order allows. */
async function lagsOf(secondAt: number): Promise<readonly number[]> {
  const output = new TestOutput<number>()
  await using _test = await testJob((env) => void lags(env, secondAt).sinkTo(output))
  return output.take()
}

void describe('two sources', () => {
  void it('are read in step', async () => {
    const all = await lagsOf(1)
    assert.equal(all.length, 2 * COUNT)
    // What is taken of a source at a time, and no more: without an order it is a batch of each, or all that one has sent before the other begins.
    assert.ok(Math.max(...all) <= 2 * PORTION_RECORDS, `${Math.max(...all)} behind`)
  })

  void it('come wholly in order where one has ended before the other begins', async () => {
    assert.equal(Math.max(...(await lagsOf(2 * COUNT))), 0)
  })
})
