import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom, resolveOptions, type Clock } from '@millrace/core'
import { buildJob, type BuiltJob } from '../../api/build-job.ts'
import { defineJob } from '../../api/job.ts'
import { engineOptionTable } from '../../config/options.ts'
import { discard } from '../../connectors/discard.ts'
import { startLocalJob } from '../start-job.ts'

/** What would be waited for is over at once. */
const hasty: Clock = {
  now: () => nodeClock.now(),
  monotonic: () => nodeClock.monotonic(),
  after: (delayMs, callback) => nodeClock.after(delayMs < 5_000 ? delayMs : 0, callback),
  soon: (callback) => nodeClock.soon(callback),
}

void test('a failure is told, also where the disk of the crash capsules does not answer', async () => {
  const job = defineJob('fails', (env) => {
    const fails = (): number => {
      throw new Error('too much')
    }
    env.fromCollection([1], { uid: 'one' }).map(fails).sinkTo(discard()).uid('out')
  })
  const build = (): BuiltJob => buildJob(job)
  const logged: string[] = []
  const running = startLocalJob({
    first: build(),
    build,
    settings: resolveOptions(engineOptionTable, { code: { checkpointing: { storage: 'memory' }, restart: { strategy: 'none' } } }),
    restore: 'none',
    ports: { clock: hasty, disk: nodeDisk, network: nodeNetwork, random: nodeRandom, capsule: () => new Promise(() => {}) },
    onEvent: (event) => event.kind === 'log' && logged.push(event.record.message),
  })
  const result = await running.done
  assert.ok(result.state === 'failed')
  assert.match(String(result.failure.error), /too much/)
  assert.match(logged.join('\n'), /^no crash capsule is written about this failure: its folder has not taken it for 5s$/m)
})
