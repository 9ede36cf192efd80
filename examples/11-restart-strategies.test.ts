import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildJob, defineJob, discard, startJob, type JobEvent, type RestartStrategy } from 'millrace'
import job, { countsOf, strategies } from './11-restart-strategies.ts'

/** The same strategy with delays that a test can wait for. */
function quick(strategy: RestartStrategy): RestartStrategy {
  if (strategy.kind === 'none') return strategy
  if (strategy.kind === 'exponential-delay') return { ...strategy, initial: 4, max: 9, multiplier: 2, jitter: 0, attempts: 4 }
  return { ...strategy, delay: 2 }
}

/** Delays before the restarts of a job whose input always has the bug. */
async function restarts(strategy: RestartStrategy): Promise<readonly number[]> {
  const delays: number[] = []
  const buggy = defineJob('buggy', (env) => {
    env.restart.strategy = quick(strategy)
    countsOf(env.fromCollection(['a word', 'a bug'])).sinkTo(discard())
  })
  const onEvent = (event: JobEvent): void => void (event.kind === 'restarting' && delays.push(event.delayMs))
  const result = await startJob(buggy, { onEvent }).done
  assert.match(result.state === 'failed' ? result.failure.error.message : '', /a bug has been found/)
  return delays
}

void test('each strategy answers a bug in its own way, and in the end the job has failed', async () => {
  assert.deepEqual(await restarts(strategies['none']!), [])
  assert.deepEqual(await restarts(strategies['fixed-delay']!), [2, 2, 2])
  assert.deepEqual(await restarts(strategies['failure-rate']!), [2, 2])
  assert.deepEqual(await restarts(strategies['exponential-delay']!), [4, 8, 9, 9])
})

void test('the job takes the strategy that it is asked for', () => {
  for (const strategy of Object.keys(strategies)) {
    assert.equal(buildJob(job, { params: { strategy } }).graph.settings.restart['strategy'], strategy)
  }
  const { checkpointing, state } = buildJob(job, { params: { dir: 'kept' } }).graph.settings
  assert.deepEqual(state, { backend: 'heap' })
  assert.deepEqual(checkpointing, {
    interval: '1s',
    storage: 'filesystem',
    dir: 'kept',
    minPause: '500ms',
    tolerableFailures: 10,
    retainOnCancel: true,
    mode: 'exactly-once',
    timeout: '60s',
    maxConcurrent: 1,
  })
  assert.throws(() => buildJob(job, { params: { strategy: 'never' } }), /there is no strategy never/)
})
