import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { MillraceError } from '@millrace/core'
import type { JobResult, RunJobOptions } from '@millrace/engine'
import { failedWith, finished, jobMetrics, startedEvent, taskMetrics } from '../testing/job-data.ts'
import { RecordingOutput } from '../testing/recording-output.ts'
import type { CommandIo } from '../terminal.ts'
import { runCommand } from './run.ts'

interface Run {
  readonly options: RunJobOptions
  readonly signals: EventEmitter
  readonly exits: number[]
  readonly stderr: RecordingOutput
  readonly stdout: RecordingOutput
  readonly calls: string[]
  end(result: JobResult): void
  readonly exitCode: Promise<number>
}

/** Runs the command over a job that does what the test says. */
async function startRun(flags: { readonly [name: string]: unknown } = {}, environment: CommandIo['environment'] = {}): Promise<Run> {
  const signals = new EventEmitter()
  const exits: number[] = []
  const calls: string[] = []
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const ended = Promise.withResolvers<JobResult>()
  const launched = Promise.withResolvers<RunJobOptions>()
  const io: CommandIo = { stdout, stderr, environment, cwd: '/somewhere' }
  const exitCode = runCommand('job.ts', { param: [], restore: 'latest', ...flags }, io, {
    signals,
    exit: (code) => exits.push(code),
    standStill: () => assert.fail('nobody asks for it'),
    start: (options) => {
      launched.resolve(options)
      return {
        done: ended.promise,
        stop: async () => {
          calls.push('stop')
          return undefined
        },
        savepoint: () => assert.fail('nobody asks for one'),
        checkpoints: () => ({ counts: { triggered: 0, completed: 0, failed: 0, subsumed: 0, inProgress: 0 }, history: [] }),
        cancel: async () => void calls.push('cancel'),
        metrics: () => jobMetrics({ tasks: [taskMetrics('map "x"', 0, [3])] }),
      }
    },
  })
  exitCode.catch(() => {})
  const options = await Promise.race([launched.promise, exitCode.then(() => assert.fail('ended before it began'))])
  const end = (result: JobResult): void => {
    options.onEvent({ kind: 'ended', timeMs: 0, result })
    ended.resolve(result)
  }
  return { options, signals, exits, stderr, stdout, calls, end, exitCode }
}

void test('paths are absolute, flags and environment are resolved', async () => {
  const run = await startRun({ restore: 'old/chk-3', parallelism: '3', param: ['a=1', 'b=x=y'] }, { MILLRACE_CHECKPOINTING_INTERVAL: '2s' })
  assert.equal(run.options.modulePath, '/somewhere/job.ts')
  assert.equal(run.options.restore, '/somewhere/old/chk-3')
  assert.deepEqual(run.options.params, { a: '1', b: 'x=y' })
  assert.equal(run.options.settings.values.parallelism, 3)
  assert.equal(run.options.settings.values.checkpointing.interval, 2_000)
  assert.equal(run.options.allowNonRestoredState, false)
  run.end(finished)
  assert.equal(await run.exitCode, 0)
})

void test('a failed job is 1; one that never started for the fault of its user is 2', async () => {
  const failed = await startRun()
  failed.options.onEvent(startedEvent())
  failed.end(failedWith(new Error('boom')))
  assert.equal(await failed.exitCode, 1)
  assert.match(failed.stderr.text, /Error: boom/)
  const wrong = await startRun()
  wrong.end({ ...failedWith(new MillraceError('JOB_MODULE_NO_JOB', { who: 'user', retry: false, message: 'no job' }, {})), jobName: '' })
  assert.equal(await wrong.exitCode, 2)
  assert.match(wrong.stderr.text, /^millrace: no job \[JOB_MODULE_NO_JOB\]$/m)
})

void test('the first signal stops, the second ends at once, whichever they are', async () => {
  const run = await startRun()
  run.signals.emit('SIGTERM')
  assert.deepEqual([run.calls, run.exits], [['stop'], []])
  run.signals.emit('SIGINT')
  assert.deepEqual([run.calls, run.exits], [['stop'], [130]])
  run.end({ ...finished, state: 'stopped' })
  assert.equal(await run.exitCode, 0)
  assert.deepEqual(run.signals.eventNames(), [], 'no handler is left')
  const twice = await startRun()
  twice.signals.emit('SIGINT')
  twice.signals.emit('SIGTERM')
  assert.deepEqual(twice.exits, [143])
  twice.end(finished)
  await twice.exitCode
})

void test('metrics are served while the job runs', async () => {
  const run = await startRun({ metricsPort: '0' })
  const url = await waitFor(() => /http:\/\/\S+/.exec(run.stderr.text)?.[0])
  const page = await (await fetch(url)).text()
  assert.match(page, /^millrace_task_records_in_total\{task="map \\"x\\"",task_id="0",subtask="0"\} 3$/m)
  assert.match(page, /^# TYPE millrace_checkpoints_completed_total counter$/m)
  for (const path of ['live', 'ready']) assert.equal((await fetch(new URL(path, url))).status, 200)
  run.end(finished)
  await run.exitCode
  await assert.rejects(fetch(url))
})

void test('a port that cannot be had is said and does no harm', async () => {
  const run = await startRun({ metricsPort: '0', metricsHost: '203.0.113.1', logLevel: 'warn' })
  await waitFor(() => /no metrics: port 0 on 203\.0\.113\.1 cannot be used/.exec(run.stderr.text)?.[0])
  run.end(finished)
  assert.equal(await run.exitCode, 0)
})

void test('mistakes are refused before anything starts', async () => {
  await assert.rejects(startRun({ param: ['novalue'] }), { code: 'CLI_PARAM_MALFORMED' })
  await assert.rejects(startRun({ param: ['a=1', 'a=2'] }), { code: 'CLI_PARAM_TWICE' })
  await assert.rejects(startRun({ parallelism: '0' }), { code: 'OPTION_INVALID' })
  await assert.rejects(startRun({ config: 'none.yaml' }), { code: 'CONFIG_FILE_UNREADABLE' })
  await assert.rejects(startRun({}, { MILLRACE_PARALELISM: '2' }), { code: 'OPTION_UNKNOWN', message: /MILLRACE_PARALLELISM/ })
})

async function waitFor<T>(read: () => T | undefined): Promise<T> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const found = read()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new assert.AssertionError({ message: 'never came' })
}
