import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { syncBuiltinESMExports } from 'node:module'
import os, { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MillraceError } from '@millrace/core'
import { defineJob, discard, generator, startJob } from '../../index.ts'
import type { CompletedCheckpoint, JobResult, RunningJob } from '../job-types.ts'
import { askJob } from './control-client.ts'
import { CONTROL_VERSION, requestProblem } from './protocol.ts'
import { serveControl, type ControlledJob } from './control-server.ts'
import { controlSocketOf, jobsOf } from './jobs-of-folder.ts'
import { LineBuffer } from './lines.ts'
import { controlSocketPath } from './socket-path.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-control-'))
after(() => rmSync(folder, { recursive: true }))

class Job implements ControlledJob {
  readonly ended: PromiseWithResolvers<JobResult> = Promise.withResolvers()
  readonly savepoints: PromiseWithResolvers<CompletedCheckpoint> = Promise.withResolvers()
  readonly calls: string[] = []

  get result(): Promise<JobResult> {
    return this.ended.promise
  }

  status(): ReturnType<ControlledJob['status']> {
    return { job: 'j', state: 'running', pid: 1, module: null, startedMs: 0, restarts: 0, parallelism: 1, lastCheckpoint: null }
  }

  checkpoints(): ReturnType<ControlledJob['checkpoints']> {
    return { counts: { triggered: 0, completed: 0, failed: 0, subsumed: 0, inProgress: 0 }, history: [] }
  }

  config(): ReturnType<ControlledJob['config']> {
    return [{ key: 'a.b', value: '5s', origin: 'the default', dynamic: true }]
  }

  configure(changes: { readonly [key: string]: string }): void {
    this.calls.push(`configure ${JSON.stringify(changes)}`)
  }

  savepoint(dir: string | undefined): Promise<CompletedCheckpoint> {
    this.calls.push(`savepoint ${dir}`)
    return this.savepoints.promise
  }

  stop(): void {
    this.calls.push('stop')
  }

  async stopWithSavepoint(dir: string | undefined, drain: boolean): Promise<CompletedCheckpoint> {
    this.calls.push(`stop with savepoint ${dir} ${drain}`)
    return await this.savepoints.promise
  }

  cancel(): void {
    this.calls.push('cancel')
  }
}

const stopped: JobResult = { jobName: 'j', durationMs: 1, restarts: 0, lastCheckpoint: undefined, state: 'stopped' }
const saved: CompletedCheckpoint = { id: 3, path: '/s' }

void test('two jobs of one name whose checkpoints are in different places do not share a state folder', async () => {
  const stateDir = join(folder, 'shared-state')
  const job = defineJob('twice', (env) => {
    env.fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers' }).sinkTo(discard())
  })
  const begin = (dir: string): RunningJob =>
    startJob(job, { options: { stateDir, checkpointing: { storage: 'filesystem', interval: '10ms', dir: join(folder, dir) } } })
  const hasRun = async (running: RunningJob): Promise<void> => {
    while (running.metrics().checkpoints.completed === 0 && running.metrics().state !== 'ended') await sleep(5)
  }
  const first = begin('here')
  await hasRun(first)
  const other = begin('there')
  await hasRun(other)
  await other.cancel()
  const refused = await other.done
  assert.equal(refused.state === 'failed' && (refused.failure.error as MillraceError).code, 'STATE_DIR_IN_USE')
  assert.equal((await askJob(controlSocketOf(stateDir, 'twice'), { do: 'status' }))?.kind, 'result', 'the first one takes orders')
  await first.stop()
  const second = begin('there')
  await hasRun(second)
  await second.stop()
})

void test('what a dead process has left in the place of the socket is removed', async () => {
  const path = join(folder, 'stale.sock')
  writeFileSync(path, '')
  assert.equal(await askJob(path, { do: 'status' }), undefined)
  const job = new Job()
  const server = await serveControl(path, job)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const answer = await askJob(path, { do: 'status' })
  assert.equal(answer?.kind === 'result' && answer.result.job, 'j')
  await server.retire()
  server.end()
  assert.equal(existsSync(path), false)
  assert.equal(await askJob(path, { do: 'status' }), undefined)
})

void test('the place of a process that is frozen is taken over', async () => {
  const path = join(folder, 'frozen.sock')
  const frozen = createServer(() => {})
  await new Promise<void>((resolve) => void frozen.listen(path, resolve))
  const server = await serveControl(path, new Job())
  assert.equal((await askJob(path, { do: 'status' }))?.kind, 'result')
  await assert.rejects(serveControl(path, new Job()), { code: 'STATE_DIR_IN_USE' })
  await server.retire()
  server.end()
  frozen.close()
})

void test('a process whose place was taken over while it was frozen leaves it to its successor when it ends', async () => {
  const path = join(folder, 'awake.sock')
  const awake = Promise.withResolvers<void>()
  class FrozenJob extends Job {
    override status(): ReturnType<Job['status']> {
      return awake.promise.then(() => super.status()) as never
    }
  }
  const frozen = await serveControl(path, new FrozenJob())
  const successor = await serveControl(path, new Job())
  awake.resolve()
  await frozen.retire()
  frozen.end()
  const answer = await askJob(path, { do: 'status' })
  assert.equal(answer?.kind === 'result' && answer.result.job, 'j')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await successor.retire()
  successor.end()
  assert.equal(existsSync(path), false)
})

void test('the place of a process that speaks another version, or cannot say how it is, is its own', async () => {
  for (const answer of [
    { version: CONTROL_VERSION + 1, id: 1, result: {} },
    { version: CONTROL_VERSION, id: 1, error: { code: 'CONTROL_FAILED', message: '' } },
  ]) {
    const path = join(folder, 'other-version.sock')
    const other = createServer((socket) => socket.on('data', () => socket.write(`${JSON.stringify(answer)}\n`)).on('error', () => {}))
    await new Promise<void>((resolve) => void other.listen(path, resolve))
    await assert.rejects(
      serveControl(path, new Job()).finally(() => other.close()),
      { code: 'STATE_DIR_IN_USE' },
    )
  }
})

void test('the end of a job is answered first, and told to be over when its lock is free', async () => {
  const path = join(folder, 'end.sock')
  const job = new Job()
  const server = await serveControl(path, job)
  let over = false
  const stopping = askJob(path, { do: 'stop', savepoint: true, drain: true, dir: '/d' }).then((answer) => {
    assert.ok(over, 'not before the connection is closed')
    return answer
  })
  while (job.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.deepEqual(job.calls, ['stop with savepoint /d true'])
  job.savepoints.resolve(saved)
  job.ended.resolve(stopped)
  await server.retire()
  over = true
  server.end()
  assert.deepEqual(await stopping, { kind: 'result', result: { state: 'stopped', savepoint: saved, lastCheckpoint: null } })
})

void test('a savepoint goes to a folder or to a URL, and to no path that depends on where the job runs', () => {
  for (const dir of ['/savepoints', 's3://bucket/savepoints', 'webhdfs://name:9870/savepoints'])
    assert.equal(requestProblem({ do: 'savepoint', dir }), undefined)
  for (const dir of ['savepoints', './savepoints', '', 7])
    assert.equal(requestProblem({ do: 'savepoint', dir }), 'dir is neither an absolute path nor a URL')
})

void test('a job that dies before it has answered is told', async () => {
  const path = join(folder, 'dies.sock')
  const dying = createServer((socket) => socket.once('data', () => socket.destroy()))
  await new Promise<void>((resolve) => dying.listen(path, resolve))
  await assert.rejects(askJob(path, { do: 'status' }), { code: 'CONTROL_LOST' })
  await new Promise((resolve) => dying.close(resolve))
})

void test('what listens there and speaks another language is told, and not waited for', async () => {
  const path = join(folder, 'other.sock')
  let answer = ''
  const other = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.write(answer)))
  await new Promise<void>((resolve) => other.listen(path, resolve))
  for (answer of ['HTTP/1.1 400 Bad Request\n', 'null\n', '7\n', '[]\n', '\n'])
    await assert.rejects(askJob(path, { do: 'status' }), { code: 'CONTROL_LOST', message: /what it answered is no answer/ }, answer)
  answer = 'x'.repeat(17 * 1024 * 1024)
  await assert.rejects(askJob(path, { do: 'status' }), { code: 'CONTROL_LOST', message: /more than 16777216 bytes/ })
  await new Promise((resolve) => other.close(resolve))
})

void test('a job whose process is stopped is told from one that does not run, and finds no orders when it goes on', async () => {
  const path = join(folder, 'frozen.sock')
  let received = ''
  const frozen = createServer((socket) => socket.on('data', (bytes: Buffer) => (received += bytes.toString())))
  await new Promise<void>((resolve) => frozen.listen(path, resolve))
  for (const request of [
    { do: 'status' },
    { do: 'savepoint' },
    { do: 'stop', savepoint: false, drain: false },
    { do: 'cancel', savepoint: false },
    { do: 'configure', changes: {} },
  ] as const)
    await assert.rejects(askJob(path, request, 20), { code: 'CONTROL_LOST', message: /nothing came for 0\.02 s/ })
  assert.doesNotMatch(received, /"(savepoint|stop|cancel|configure)"/)
  await new Promise((resolve) => frozen.close(resolve))
})

void test('a job that is stopped while it does what was asked is not waited for, however long one waits for one that lives', async () => {
  const path = join(folder, 'stopped-meanwhile.sock')
  class CountingJob extends Job {
    asked = 0
    readonly frozen: PromiseWithResolvers<void> = Promise.withResolvers()
    override status(): ReturnType<Job['status']> {
      if (this.asked++ > 2) return this.frozen.promise as never
      return super.status()
    }
  }
  const job = new CountingJob()
  const server = await serveControl(path, job)
  const saving = askJob(path, { do: 'savepoint' }, 160)
  await assert.rejects(saving, { code: 'CONTROL_LOST', message: /nothing came for 0\.48 s; is its process stopped\?/ })
  assert.ok(job.asked > 2, 'it is waited for as long as it answers')
  job.frozen.resolve()
  job.savepoints.resolve(saved)
  await server.retire()
  server.end()
})

void test('a job that does not answer as it should hides none of the others', async () => {
  const stateDir = join(folder, 'several')
  for (const name of ['bad', 'good', 'over']) mkdirSync(join(stateDir, name), { recursive: true })
  const bad = createServer((socket) => socket.once('data', () => socket.destroy()))
  await new Promise<void>((resolve) => bad.listen(controlSocketOf(stateDir, 'bad'), resolve))
  const good = await serveControl(controlSocketOf(stateDir, 'good'), new Job())
  const jobs = await jobsOf(stateDir)
  assert.deepEqual(
    jobs.map(({ job, status, problem }) => [job, status?.state, problem === undefined]),
    [
      ['bad', undefined, false],
      ['good', 'running', true],
      ['over', undefined, true],
    ],
  )
  await good.retire()
  good.end()
  await new Promise((resolve) => bad.close(resolve))
})

void test('a folder with a long path has its socket elsewhere, always in the same place', async () => {
  const deep = join(folder, 'x'.repeat(120))
  mkdirSync(deep)
  const path = controlSocketPath(deep)
  assert.equal(path, controlSocketPath(deep))
  assert.notEqual(path, controlSocketPath(`${deep}y`))
  assert.ok(Buffer.byteLength(path) < 104)
  // Of a user that the system does not know nothing can be asked.
  const { userInfo } = os
  os.userInfo = () => {
    throw new Error('uv_os_get_passwd returned ENOENT')
  }
  syncBuiltinESMExports()
  assert.equal(controlSocketPath(deep), path)
  os.userInfo = userInfo
  syncBuiltinESMExports()
  const server = await serveControl(path, new Job())
  assert.equal((await askJob(path, { do: 'checkpoints' }))?.kind, 'result')
  await server.retire()
  server.end()
})

void test('lines are cut wherever the pieces are, and none is longer than it may be', () => {
  const text = 'one\ntwo\n\nthrée\n'
  for (let size = 1; size < 8; size++) {
    const lines = new LineBuffer(10)
    const bytes = Buffer.from(text)
    const cut: string[] = []
    for (let at = 0; at < bytes.length; at += size) cut.push(...lines.push(bytes.subarray(at, at + size))!)
    assert.deepEqual(cut, ['one', 'two', '', 'thrée'])
  }
  assert.equal(new LineBuffer(3).push(Buffer.from('long')), undefined)
  assert.equal(new LineBuffer(3).push(Buffer.from('long\n')), undefined)
})
