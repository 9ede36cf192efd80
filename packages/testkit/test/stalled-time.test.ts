// Event time that waits for an input without records is told, with what helps.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Duration } from '@millrace/core'
import { defineJob, discard, generator, watermarks, type Job, type JobEvent, type SplitOutput } from '@millrace/engine'
import { numbers } from '../../engine/src/runtime/fixtures/own-connectors.ts'
import { VirtualMachine, type VirtualRun } from './virtual-job.ts'

/** One input has a record each second, the other one in ten minutes. */
function joined(idleAfter?: Duration): Job {
  return defineJob('waits', (env) => {
    const strategy = watermarks.monotonous<number>((n) => n * 1_000, idleAfter === undefined ? {} : { idleAfter })
    const quick = env.fromSource(generator({ generate: (n) => 60 + n, ratePerSecond: 1 }), { uid: 'quick', watermarks: strategy })
    const rare = env.fromSource(generator({ generate: (n) => 600 * n, ratePerSecond: 1 / 600 }), { uid: 'rare', watermarks: strategy })
    quick
      .union(rare)
      .keyBy((n) => n % 10)
      .count()
      .uid('counts')
      .sinkTo(discard())
  })
}

/** Two splits, of which only the first ever has records. */
function partitioned(): ReturnType<typeof numbers> {
  const source = numbers({}, {}, { bounded: false })
  return {
    ...source,
    createReader(context) {
      let next = 0
      let splits: SplitOutput<number>[] = []
      return {
        ...source.createReader(context),
        timesSplits: true,
        poll(output) {
          if (splits.length === 0) splits = ['orders-0', 'orders-1'].map((id) => output.ofSplit!(id))
          splits[0]!.emit(next++)
          context.clock.after(1_000, () => context.wake())
          return 'wait'
        },
      }
    },
  }
}

function told(events: readonly JobEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'log' && event.record.message.includes('event time') ? [event.record.message] : []))
}

async function started(job: Job, parallelism = 1): Promise<VirtualRun> {
  const run = new VirtualMachine().start(job, { options: { parallelism } })
  await run.until(() => run.of('started').length === 1)
  return run
}

describe('event time that stands still', () => {
  it('is told once, by name, when it has waited for a minute; and again only after it had gone on', async () => {
    const run = await started(joined())
    await run.pass(50_000)
    assert.deepEqual(told(run.events), [])
    await run.pass(450_000)
    assert.equal(told(run.events).length, 1, told(run.events).join('\n'))
    assert.match(
      told(run.events)[0]!,
      /subtask 0: event time has stood still at 1969-12-31T23:59:59.999Z for 1m and waits for .*"rare".* idleAfter/,
    )
    await run.pass(200_000)
    assert.equal(told(run.events).length, 2, 'the second record came after ten minutes')
    await run.cancel()
  })

  it('is told by one of the subtasks that wait', async () => {
    const run = await started(joined(), 3)
    await run.pass(150_000)
    const waiting = told(run.events)
    assert.ok(
      waiting.length >= 1 && waiting.length === new Set(waiting.map((text) => / waits for (\S+\[\d\])/.exec(text)?.[1])).size,
      waiting.join('\n'),
    )
    await run.cancel()
  })

  it('does not come to it with idleAfter', async () => {
    const run = await started(joined('10s'))
    await run.pass(500_000)
    assert.deepEqual(told(run.events), [])
    await run.cancel()
  })

  it('names the split, of a source that keeps its splits apart', async () => {
    const job = defineJob('splits', (env) => {
      const strategy = watermarks.monotonous<number>((n) => n)
      env.fromSource(partitioned(), { uid: 'partitions', watermarks: strategy }).sinkTo(discard())
    })
    const run = await started(job)
    await run.pass(150_000)
    assert.equal(told(run.events).length, 1, told(run.events).join('\n'))
    assert.match(
      told(run.events)[0]!,
      /"partitions", subtask 0: event time has not begun for 1m and waits for split orders-1, while .* idleAfter/,
    )
    await run.cancel()
  })
})
