// Imports job modules, which stay in the process for good, and starts one with a debugger: a process of its own.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadJobModule, startJob } from '@millrace/engine'
import { main } from '../main.ts'
import { RecordingOutput } from '../testing/recording-output.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
after(() => rmSync(folder, { recursive: true }))

const engine = JSON.stringify(import.meta.resolve('@millrace/engine'))

/** Counts by key; `change` is what another version does to what it puts out. */
function writeVersion(file: string, change = '', more = ''): string {
  const path = join(folder, file)
  writeFileSync(
    path,
    `import { defineJob, fileSink, generator, type, value } from ${engine}
export default defineJob('counts', { params: { keys: 4 } }, (env, { keys }) => {
  env.checkpointing.interval = '20ms'
  env.checkpointing.retainOnCancel = true
  const counts = env.fromSource(generator({ generate: (n) => n, ratePerSecond: 5000 }), { uid: 'numbers' })
    .keyBy((n) => n % keys)
    .process({
      emits: type<{ key: number; n: number; count: number }>(),
      state: { count: value<number>() },
      onElement(n, ctx) {
        const count = (ctx.state.count.get() ?? 0) + 1
        ctx.state.count.set(count)
        ${change}
        ctx.emit({ key: n % keys, n, count })
      },
    }).uid('count')
  counts.sinkTo(fileSink({ dir: ${JSON.stringify(join(folder, 'out'))}, format: 'json' })).uid('out')
  ${more}
})
`,
  )
  return path
}

interface Row {
  readonly key: number
  readonly n: number
  readonly count: number
}

interface StartedCommand {
  readonly child: ChildProcess
  readonly output: { readonly stdout: string; readonly stderr: string }
  readonly ended: Promise<number | null>
}

let checkpoint = ''
/** Each record's count must follow from its number. */
const expected = (n: number): Row => ({ key: n % 3, n, count: Math.floor(n / 3) + 1 })

before(async () => {
  const job = await loadJobModule(writeVersion('job.ts'))
  const running = startJob(job, {
    options: { stateDir: join(folder, 'state'), checkpointing: { storage: 'filesystem' } },
    params: { keys: 3 },
  })
  while (running.metrics().checkpoints.completed < 5) await new Promise((resolve) => setTimeout(resolve, 5))
  await running.cancel()
  const result = await running.done
  checkpoint = result.lastCheckpoint!.path!
})

/** Every file under a folder with its size and time. */
function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true }).map((entry) => {
    const { size, mtimeMs } = statSync(join(entry.parentPath, entry.name))
    return `${entry.parentPath}/${entry.name} ${size} ${mtimeMs}`
  })
}

async function command(...flags: string[]): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const exitCode = await main([...flags, '--state-dir', join(folder, 'state')], '1.2.3', { stdout, stderr, environment: {}, cwd: folder })
  return { exitCode, stdout: stdout.text, stderr: stderr.text }
}

test('a replay goes on from the checkpoint, prints, and touches nothing', async () => {
  const before = filesIn(folder)
  const { exitCode, stdout, stderr } = await command('replay', 'job.ts', '-s', checkpoint, '--until', '30', '--format', 'json')
  assert.equal(exitCode, 0, stderr)
  assert.match(stderr, /^replaying counts from checkpoint \d+: nothing is written/)
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { sink: string; value: Row })
  assert.equal(rows.length, 30)
  const first = rows[0]!.value.n
  assert.ok(first > 0, 'it goes on where the checkpoint stood')
  // With the parameter of the run that took the checkpoint, and its state.
  assert.deepEqual(
    rows.map(({ value }) => value),
    Array.from({ length: 30 }, (_, index) => expected(first + index)),
  )
  assert.ok(rows.every(({ sink }) => sink === 'out'))
  assert.deepEqual(filesIn(folder), before)
  const text = await command('replay', 'job.ts', '-s', checkpoint, '--until', '1')
  assert.equal(text.stdout, `out> { key: ${first % 3}, n: ${first}, count: ${Math.floor(first / 3) + 1} }\n`)
})

test('a replay waits for whoever reads it, and ends when nobody does any more', { timeout: 60_000 }, async () => {
  let lines = 0
  let isGone = false
  const stdout = Object.assign(new RecordingOutput(), {
    write: () => void lines++,
    backlogBytes: 2 ** 30,
    // Long enough for the source to give far more, if it is let.
    drained: async () => {
      await sleep(2_000)
      isGone = true
    },
  })
  Object.defineProperty(stdout, 'isGone', { get: () => isGone })
  const io = { stdout, stderr: new RecordingOutput(), environment: {}, cwd: folder }
  assert.equal(await main(['replay', 'job.ts', '-s', checkpoint, '--state-dir', join(folder, 'state')], '1.2.3', io), 0)
  assert.ok(lines > 0 && lines < 4_000, `${lines} lines`)
})

test('what is wrong with a replay is said', async () => {
  writeVersion('throws.ts', `if (n > 0) throw new TypeError('at ' + n)`)
  const failed = await command('replay', 'throws.ts', '-s', checkpoint, '--until', '5')
  assert.equal(failed.exitCode, 1)
  assert.match(failed.stderr, /job counts failed in operator[^]*TypeError: at \d+[^]*throws\.ts:\d+/)
  for (const [flags, hint] of [
    [['job.ts'], /required option '-s/],
    [['job.ts', '-s', 'nothing'], /no checkpoint at/],
    [['job.ts', '-s', checkpoint, '--until', 'many'], /a whole number of records/],
    [['job.ts', '-s', checkpoint, '--inspect=65536'], /--inspect must be a port/],
    [['job.ts', '-s', checkpoint, '--inspect-brk=here'], /--inspect must be a port/],
  ] as const) {
    const { exitCode, stderr } = await command('replay', ...flags)
    assert.equal(exitCode, 2)
    assert.match(stderr, hint)
  }
  writeFileSync(join(folder, 'other.ts'), readFileSync(join(folder, 'job.ts'), 'utf8').replace("'counts'", "'others'"))
  assert.match((await command('replay', 'other.ts', '-s', checkpoint)).stderr, /is of job counts, and the module is job others/)
})

test('a version that does the same is the same in the shadow, and the job is not touched', async () => {
  writeVersion('same.ts', '// another comment')
  const before = filesIn(join(folder, 'state'))
  const { exitCode, stdout, stderr } = await command('shadow', 'same.ts', '--of', 'counts', '--old', 'job.ts', '--until', '200')
  assert.equal(exitCode, 0, stderr)
  assert.equal(
    stdout,
    '200 records were given to both versions\nout: 200 the same, 0 of the old version alone, 0 of the new one alone\nboth versions put out the same\n',
  )
  assert.deepEqual(filesIn(join(folder, 'state')), before)
})

test('a version that differs shows where', async () => {
  writeVersion('wrong.ts', 'if (n % 50 === 0) { ctx.emit({ key: -1, n, count }); return }')
  const { exitCode, stdout, stderr } = await command(
    'shadow',
    'wrong.ts',
    '--of',
    'counts',
    '--old',
    'job.ts',
    '--until',
    '100',
    '--format',
    'json',
  )
  assert.equal(exitCode, 1, stderr)
  const report = JSON.parse(stdout) as {
    same: boolean
    records: number
    sinks: { same: number; onlyOld: { count: number }; onlyNew: { count: number; examples: { record: string }[] } }[]
  }
  const [out] = report.sinks
  assert.deepEqual([report.same, report.records, out!.same, out!.onlyOld.count, out!.onlyNew.count], [false, 100, 98, 2, 2])
  assert.match(out!.onlyNew.examples[0]!.record, /key: -1/)

  writeVersion(
    'more.ts',
    '',
    `counts.filter(() => false).sinkTo(fileSink({ dir: ${JSON.stringify(join(folder, 'out2'))}, format: 'json' })).uid('second')`,
  )
  const more = await command('shadow', 'more.ts', '--of', 'counts', '--old', 'job.ts', '--until', '10')
  assert.equal(more.exitCode, 1, more.stderr)
  assert.match(more.stdout, /second: 0 the same, 0 of the old version alone, 0 of the new one alone\nthe versions differ/)

  writeVersion('breaks.ts', `throw new Error('broken')`)
  const breaks = await command('shadow', 'breaks.ts', '--of', 'counts', '--old', 'job.ts', '--until', '10')
  assert.equal(breaks.exitCode, 1)
  assert.match(breaks.stderr, /the new version: job counts failed[^]*broken/)
})

test('a shadow knows the parameters and the place of the checkpoints of the job that it is beside', async () => {
  const input = join(folder, 'lines.txt')
  writeFileSync(input, 'a\nb\n')
  const module = join(folder, 'required.ts')
  writeFileSync(
    module,
    `import { defineJob, files, discard } from ${engine}
export default defineJob('required', { params: { input: '' } }, (env, { input }) => {
  env.fromSource(files({ path: input, follow: true }), { uid: 'lines' }).sinkTo(discard()).uid('out')
})
`,
  )
  const running = startJob(await loadJobModule(module), {
    params: { input },
    options: { stateDir: join(folder, 'state'), checkpointing: { storage: 'filesystem', interval: '5ms', dir: join(folder, 'elsewhere') } },
  })
  while (running.metrics().checkpoints.completed === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  await running.stop()
  await running.done
  const shadow = ['shadow', 'required.ts', '--of', 'required', '--old', 'required.ts'] as const
  const empty = await command(...shadow, '--idle', '20ms')
  assert.equal(empty.exitCode, 1)
  assert.match(empty.stdout, /^0 records were given to both versions\n[^]*\nnothing was compared: .*--idle.*--restore$/m)
  appendFileSync(input, 'c\nd\n')
  const { exitCode, stdout, stderr } = await command(...shadow, '--until', '2')
  assert.equal(exitCode, 0, stderr)
  assert.match(stdout, /^2 records were given to both versions\nout: 2 the same/)
})

test('a shadow that is interrupted leaves nothing of the state that it has copied', async () => {
  const temporary = mkdtempSync(join(folder, 'temporary-'))
  const former = process.env['TMPDIR']
  process.env['TMPDIR'] = temporary
  after(() => (former === undefined ? delete process.env['TMPDIR'] : (process.env['TMPDIR'] = former)))
  const shadow = command('shadow', 'job.ts', '--of', 'counts', '--old', 'job.ts', '--until', '1000000000')
  while (readdirSync(temporary).length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  process.emit('SIGINT')
  const { exitCode, stdout } = await shadow
  assert.deepEqual([exitCode, stdout], [130, ''])
  assert.deepEqual(readdirSync(temporary), [])
})

test('a shadow that is ended at once leaves nothing either', async () => {
  const temporary = mkdtempSync(join(folder, 'temporary-'))
  writeVersion('endless.ts', `if (n >= 0) { console.log('works'); for (;;) await new Promise((resolve) => setTimeout(resolve, 1_000)) }`)
  writeFileSync(
    join(folder, 'endless.ts'),
    readFileSync(join(folder, 'endless.ts'), 'utf8').replace(
      'onElement(',
      'close: () => (console.log(`closes`), new Promise(() => {})),\n      async onElement(',
    ),
  )
  const flags = ['shadow', 'job.ts', '--of', 'counts', '--old', 'endless.ts', '--state-dir', join(folder, 'state')]
  const { child, output, ended } = start(flags, { TMPDIR: temporary })
  while (!output.stderr.includes('works')) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(readdirSync(temporary).length, 2)
  child.kill('SIGINT')
  // The first has been taken: of two that wait together any may come first.
  while (!output.stderr.includes('closes')) await new Promise((resolve) => setTimeout(resolve, 5))
  child.kill('SIGTERM')
  assert.equal(await ended, 143, output.stderr)
  assert.deepEqual(readdirSync(temporary), [])
})

test('without a job that runs the old version has to be named', async () => {
  const { exitCode, stderr } = await command('shadow', 'job.ts', '--of', 'counts')
  assert.equal(exitCode, 2)
  assert.match(stderr, /--old/)
  const other = await command('shadow', 'job.ts', '--of', 'others', '--old', 'job.ts')
  assert.equal(other.exitCode, 2)
  assert.match(other.stderr, /--of names job others, and the old version, .*job\.ts, is job counts/)
})

/** The command in a process of its own. */
function start(flags: readonly string[], environment: NodeJS.ProcessEnv = {}): StartedCommand {
  const starter = join(folder, 'start.mjs')
  writeFileSync(
    starter,
    `import { main, processOutput } from ${JSON.stringify(import.meta.resolve('@millrace/cli'))}
const io = { stdout: processOutput(process.stdout), stderr: processOutput(process.stderr), environment: process.env, cwd: process.cwd() }
process.exitCode = await main(process.argv.slice(2), '0', io)
`,
  )
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const env = { ...process.env, ...environment }
  const child = spawn(process.execPath, [...conditions, starter, ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  after(() => child.kill())
  return { child, output, ended: new Promise<number | null>((resolve) => child.on('close', resolve)) }
}

test('a replay stops for the debugger before the job is loaded, and goes on with it', async () => {
  const flags = ['replay', 'job.ts', '-s', checkpoint, '--until', '3', '--inspect-brk', '127.0.0.1:0']
  const { output, ended } = start(flags)
  let url: string | undefined
  while (url === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    url = /ws:\/\/\S+/.exec(output.stderr)?.[0]
  }
  const socket = new WebSocket(url)
  const paused = Promise.withResolvers<void>()
  const called: string[] = []
  socket.addEventListener('message', ({ data }) => {
    const { method } = JSON.parse(String(data)) as { readonly method?: string }
    if (method !== undefined) called.push(method)
    if (method === 'Debugger.paused') paused.resolve()
  })
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const send = (id: number, method: string): void => socket.send(JSON.stringify({ id, method }))
  send(1, 'Debugger.enable')
  send(2, 'Runtime.runIfWaitingForDebugger')
  await paused.promise
  assert.equal(output.stdout, '')
  send(3, 'Debugger.resume')
  // A process waits at its end for whoever debugs it.
  while (output.stdout.split('\n').length < 4) await new Promise((resolve) => setTimeout(resolve, 10))
  socket.close()
  assert.equal(await ended, 0, output.stderr)
  assert.match(output.stdout, /^(out> .*\n){3}$/)
})
