// The commands about running jobs as users run them: processes of their own, real sockets, real signals.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'millrace-jobs-'))
after(() => rmSync(folder, { recursive: true }))

const engine = JSON.stringify(import.meta.resolve('@millrace/engine'))
const starter = join(folder, 'start.mjs')
writeFileSync(
  starter,
  `import { main, processOutput } from ${JSON.stringify(import.meta.resolve('@millrace/cli'))}
const io = { stdout: processOutput(process.stdout), stderr: processOutput(process.stderr), environment: process.env, cwd: process.cwd() }
process.exitCode = await main(process.argv.slice(2), '0', io)
`,
)

/** Each number once into files; the state of a key is as large as it takes. */
function writeJob(
  name: string,
  options: { readonly ratePerSecond: number; readonly stateBytes?: number; readonly keys?: number; readonly keyOf?: string },
): string {
  const { ratePerSecond, stateBytes = 0, keys = 50, keyOf = `n % ${keys}` } = options
  const path = join(folder, `${name}.ts`)
  writeFileSync(
    path,
    `import { defineJob, fileSink, generator, type, value } from ${engine}
export default defineJob('${name}', (env) => {
  env.fromSource(generator({ generate: (n) => n, ratePerSecond: ${ratePerSecond} }), { uid: 'numbers' })
    .keyBy((n) => ${keyOf})
    .process({
      emits: type<{ n: number; seen: number }>(),
      state: { seen: value<{ count: number; ballast: string }>() },
      onElement(n, ctx) {
        const count = (ctx.state.seen.get()?.count ?? 0) + 1
        ctx.state.seen.set({ count, ballast: 'x'.repeat(${stateBytes}) })
        ctx.emit({ n, seen: count })
      },
    }).uid('count')
    .sinkTo(fileSink({ dir: ${JSON.stringify(join(folder, `${name}-out`))}, format: 'json' })).uid('out')
})
`,
  )
  return path
}

interface Command {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly exitCode: Promise<number | null>
}

function millrace(...flags: string[]): Command {
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const child = spawn(process.execPath, [...conditions, starter, ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  return { child, output, exitCode: new Promise((resolve) => child.on('close', resolve)) }
}

async function finished(
  ...flags: string[]
): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }> {
  const { exitCode, output } = millrace(...flags)
  return { exitCode: await exitCode, ...output }
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    assert.ok(waited < 20_000, what())
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

interface Row {
  readonly n: number
  readonly seen: number
}

function rowsOf(name: string): Row[] {
  const out = join(folder, `${name}-out`)
  if (!existsSync(out)) return []
  const names = readdirSync(out).filter((file) => !file.startsWith('.'))
  const lines = names.flatMap((file) => readFileSync(join(out, file), 'utf8').split('\n').slice(0, -1))
  return lines.map((line) => JSON.parse(line) as Row).toSorted((a, b) => a.n - b.n)
}

/** No number twice, and each key's counts without a gap; up to the smallest number that is missing, none is. */
function checkRows(rows: readonly Row[], keys: number): void {
  assert.equal(new Set(rows.map(({ n }) => n)).size, rows.length, 'nothing twice')
  for (const list of Map.groupBy(rows, ({ n }) => n % keys).values()) {
    const counts = list.map(({ seen }) => seen).toSorted((a, b) => a - b)
    assert.deepEqual(
      counts,
      counts.map((_, index) => index + 1),
    )
  }
}

async function started(job: string, path: string, ...flags: string[]): Promise<Command> {
  const run = millrace('run', path, '--checkpoint-interval', '50ms', ...flags)
  const before = rowsOf(job).length
  await until(
    () => rowsOf(job).length > before,
    () => run.output.stderr,
  )
  return run
}

/** What a command that prints objects says, once it says any. */
async function objectsOf(...flags: string[]): Promise<readonly unknown[]> {
  for (let asked = 0; ; asked++) {
    const { stdout, stderr } = await finished(...flags, '--format', 'json')
    if (stdout !== '')
      return stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
    assert.ok(asked < 100, `${flags.join(' ')} prints nothing; ${stderr}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

const socketOf = (job: string): string => join(folder, '.millrace', job, 'control.sock')

void test('the hot keys of a running job are told to whoever runs it', async () => {
  const path = writeJob('skewed', { ratePerSecond: 5_000, keyOf: "n % 7 < 3 ? 'ann' : String(n)" })
  const run = await started('skewed', path, '-p', '2')
  const hot = (await objectsOf('hot-keys', 'skewed')) as readonly { readonly share: number; readonly subtask: number }[]
  assert.equal(hot.length, 1)
  const { share, subtask, ...rest } = hot[0]!
  assert.deepEqual(rest, { operator: 'count', uid: 'count', key: '"ann"' })
  assert.ok(share > 0.2 && share < 0.7 && (subtask === 0 || subtask === 1), JSON.stringify(hot))
  assert.match((await finished('hot-keys', 'skewed')).stdout, /^OPERATOR +UID +KEY +SHARE +SUBTASK\ncount +count +"ann" +\d+ % +[01]\n$/)
  assert.equal((await finished('cancel', 'skewed')).exitCode, 0)
  await run.exitCode
  assert.equal((await finished('hot-keys', 'skewed')).exitCode, 3)
})

void test('a running job is listed, looked at, saved, stopped, and goes on with more subtasks', async () => {
  const path = writeJob('orders', { ratePerSecond: 5_000 })
  assert.deepEqual(await finished('list'), {
    exitCode: 0,
    stdout: 'JOB  STATE  PID  SINCE  RESTARTS  PARALLELISM  CHECKPOINT\n',
    stderr: '',
  })
  const run = await started('orders', path)
  assert.equal(statSync(socketOf('orders')).mode & 0o777, 0o600)

  const list = await finished('list', '-r', '--format', 'json')
  const [row] = list.stdout.split('\n')
  assert.deepEqual([JSON.parse(row!).job, JSON.parse(row!).state, JSON.parse(row!).pid], ['orders', 'running', run.child.pid])
  assert.equal((await finished('list', '-s', '--format', 'json')).stdout, '')

  const taken = await finished('savepoint', 'orders', 'sp')
  assert.deepEqual([taken.exitCode, taken.stderr], [0, ''])
  assert.match(taken.stdout, /\/sp\/savepoint-[0-9a-f]{6}-[0-9a-f]{12}\n$/)

  const history = await finished('checkpoints', 'orders', '--format', 'json')
  const entries = history.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; path: string; stateBytes: number })
  const saved = entries.find(({ kind }) => kind === 'savepoint')
  assert.equal(`${saved?.path}\n`, taken.stdout)
  assert.ok(saved!.stateBytes > 0)
  assert.match((await finished('checkpoints', 'orders')).stdout, /completed[^]*ID +KIND +TRIGGERED[^]*savepoint/)

  assert.match(
    (await finished('config', 'orders')).stdout,
    /OPTION +VALUE[^]*checkpointing\.interval +50ms +--checkpoint-interval +can change\n/,
  )
  const changed = await finished('config', 'orders', 'checkpointing.interval=20ms', 'sources.maxRecordsPerSecond=9000', '--format', 'json')
  assert.equal(changed.exitCode, 0, changed.stderr)
  assert.deepEqual(
    changed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    [
      { option: 'sources.maxRecordsPerSecond', value: '9000', by: '`millrace config`', running: 'can change' },
      { option: 'checkpointing.interval', value: '20ms', by: '`millrace config`', running: 'can change' },
    ],
  )
  const fixed = await finished('config', 'orders', 'parallelism=2')
  assert.deepEqual([fixed.exitCode, fixed.stdout], [2, ''])
  assert.match(fixed.stderr, /parallelism cannot be changed while the job runs/)

  // The old version is the module of the job that runs, its checkpoint the newest there is.
  const shadow = await finished('shadow', path, '--of', 'orders', '--until', '50')
  assert.deepEqual([shadow.exitCode, shadow.stderr], [0, ''], shadow.stdout)
  assert.match(shadow.stdout, /^50 records were given to both versions\nout: 50 the same/)

  const stopped = await finished('stop', 'orders', '--savepointPath', 'sp')
  assert.equal(stopped.exitCode, 0, stopped.stderr)
  assert.match(stopped.stderr, /^job orders stopped; savepoint /)
  assert.equal(await run.exitCode, 0)
  assert.equal(existsSync(socketOf('orders')), false)
  checkRows(rowsOf('orders'), 50)

  const again = await started('orders', path, '-s', stopped.stdout.trim(), '-p', '3', '--max-parallelism', '200')
  assert.match(again.output.stderr, /dealt out anew, from 128 key groups to 200/)
  const end = await finished('cancel', '-s', 'sp', 'orders')
  assert.equal(end.exitCode, 0, end.stderr)
  assert.equal(await again.exitCode, 0)
  assert.match(end.stderr, /^job orders canceled; savepoint /)
  checkRows(rowsOf('orders'), 50)

  const disposed = await finished('savepoint', '--dispose', end.stdout.trim())
  assert.equal(disposed.exitCode, 0, disposed.stderr)
  assert.equal(existsSync(end.stdout.trim()), false)
  assert.match((await finished('list', '-a')).stdout, /\norders +not running /)
})

void test('what cannot be asked is said, with an exit code of its own', async () => {
  const file = await finished('list', '--state-dir', starter)
  assert.deepEqual([file.exitCode, file.stdout], [2, ''])
  assert.match(
    file.stderr,
    /^millrace: The state folder [^\n]*start\.mjs cannot be read: it is a file, [^\n]* --state-dir \[CLI_STATE_DIR\]\n/,
  )
  for (const [flags, exitCode, hint] of [
    [['stop', 'nobody'], 3, /no job nobody runs/],
    [['savepoint', 'nobody'], 3, /no job nobody runs/],
    [['savepoint'], 2, /name of a running job/],
    [['stop', ''], 2, /name of a running job, and is empty/],
    [['config', ''], 2, /name of a running job, and is empty/],
    [['config', 'nobody', 'interval'], 2, /name=value/],
    [['savepoint', '--dispose', 'nothing'], 2, /no checkpoint at/],
    [['stop', 'nobody', '--drain', '--no-savepoint'], 2, /--drain/],
    [['stop', 'nobody', '-p', 'sp', '--no-savepoint'], 2, /--savepoint-path must go with a savepoint/],
    [['shadow', starter, '--of', ''], 2, /--of must be the name of a running job, and is empty/],
    [['stop'], 2, /name of a running job/],
    [['cancel', '-s'], 2, /name of a running job/],
    // One word names the job, as in Flink.
    [['stop', '-p', 'nobody'], 3, /no job nobody runs/],
    [['cancel', '-s', 'nobody'], 3, /no job nobody runs/],
  ] as const) {
    const outcome = await finished(...flags)
    assert.deepEqual([outcome.exitCode, outcome.stdout], [exitCode, ''], flags.join(' '))
    assert.match(outcome.stderr, hint)
  }
})

void test('a savepoint that cannot be written is an error of the command, and the job goes on', async () => {
  const path = writeJob('steady', { ratePerSecond: 2_000 })
  const run = await started('steady', path)
  for (const flags of [
    ['savepoint', 'steady', '/dev/null/x'],
    ['savepoint', 'steady', '/proc/x'],
    ['stop', 'steady', '-p', '/dev/null/x'],
    ['cancel', 'steady', '-s', '/dev/null/x'],
  ]) {
    const { exitCode, stderr } = await finished(...flags)
    assert.equal(exitCode, 2)
    assert.match(stderr, /^millrace: No savepoint can be written in \/(?:dev\/null|proc)\/x, where no folder can be made/)
  }
  const before = rowsOf('steady').length
  await until(
    () => rowsOf('steady').length > before,
    () => run.output.stderr,
  )
  assert.equal((await finished('stop', 'steady', '--no-savepoint')).exitCode, 0)
  assert.equal(await run.exitCode, 0)
  checkRows(rowsOf('steady'), 50)
})

void test('whoever sends anything else to the socket is hung up on, and the job goes on', async () => {
  const path = writeJob('patient', { ratePerSecond: 2_000 })
  const run = await started('patient', path)
  for (const rubbish of ['hello\n', '{"id":"x"}\n', 'x'.repeat(100_000), '\0\0\0\n'.repeat(1_000)]) {
    const socket = connect(socketOf('patient'))
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(rubbish)
    await closed
  }
  const socket = connect(socketOf('patient'))
  const answers: string[] = []
  socket.setEncoding('utf8').on('data', (text: string) => answers.push(text))
  socket.write('{"version":2,"id":1,"request":{"do":"status"}}\n{"version":1,"id":2,"request":{"do":"explode"}}\n')
  await until(
    () => answers.join('').split('\n').length === 3,
    () => 'no answers',
  )
  socket.destroy()
  assert.match(answers.join(''), /"id":1,"error":\{"code":"CONTROL_VERSION"/)
  assert.match(answers.join(''), /"id":2,"error":\{"code":"CONTROL_REQUEST_INVALID"/)
  assert.equal((await finished('cancel', 'patient')).exitCode, 0)
  await run.exitCode
})

void test('killed during a savepoint: the next start removes what was half-written, says so, and nothing is lost or done twice', async () => {
  const path = writeJob('killed', { ratePerSecond: 5_000, stateBytes: 4_000, keys: 500 })
  const savepoints = join(folder, 'killed-savepoints')
  const halves = (): string[] =>
    existsSync(savepoints) ? readdirSync(savepoints).filter((name) => !existsSync(join(savepoints, name, '_metadata'))) : []
  let found = 0
  for (let round = 0; round < 4; round++) {
    const run = await started('killed', path, ...(round % 2 === 0 ? [] : ['-p', '2']))
    assert.ok(!existsSync(savepoints) || halves().length === 0, 'what the last round left is gone')
    if (found > 0) assert.match(run.output.stderr, /savepoint was not completed by a former process|completed by a former process/)
    const before = existsSync(savepoints) ? readdirSync(savepoints).length : 0
    const asked = millrace('savepoint', 'killed', savepoints)
    await until(
      () => existsSync(savepoints) && readdirSync(savepoints).length > before,
      () => `no savepoint begins: ${asked.output.stderr}`,
    )
    await new Promise((resolve) => setTimeout(resolve, round * 3))
    run.child.kill('SIGKILL')
    await Promise.all([run.exitCode, asked.exitCode])
    found = readdirSync(join(folder, '.millrace', 'killed', 'checkpoints', 'savepoints-under-way')).length
  }
  const last = await started('killed', path)
  assert.equal(halves().length, 0)
  assert.equal((await finished('stop', 'killed', '-p', savepoints)).exitCode, 0)
  await last.exitCode
  checkRows(rowsOf('killed'), 500)
})
