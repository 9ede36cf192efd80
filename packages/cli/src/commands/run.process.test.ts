// The command as users run it: a process of its own, real signals, a real job.
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { LogRecord } from '@millrace/core'

const folder = mkdtempSync(join(tmpdir(), 'millrace-run-'))
after(() => rmSync(folder, { recursive: true }))

const engine = JSON.stringify(import.meta.resolve('@millrace/engine'))
const starter = join(folder, 'start.mjs')
writeFileSync(
  starter,
  `import { main, processOutput } from ${JSON.stringify(import.meta.resolve('@millrace/cli'))}
const io = { stdout: processOutput(process.stdout), stderr: processOutput(process.stderr), environment: {}, cwd: process.cwd() }
process.exitCode = await main(process.argv.slice(2), '0', io)
`,
)
writeFileSync(
  join(folder, 'endless.ts'),
  `import { defineJob, generator, print } from ${engine}
export default defineJob('endless', (env) => {
  env.fromSource(generator({ generate: (n) => n, ratePerSecond: 10_000 })).uid('numbers').sinkTo(print())
})
`,
)
writeFileSync(
  join(folder, 'failing.ts'),
  `import { defineJob, print } from ${engine}
function parse(word: string): string {
  if (word === 'bug') throw new RangeError('a bug')
  return word
}
export default defineJob('failing', (env) => {
  env.fromCollection(['a', 'bug']).map(parse).name('parse').sinkTo(print())
})
`,
)

interface Command {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly exitCode: Promise<number | null>
}

function run(...flags: string[]): Command {
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const child = spawn(process.execPath, [...conditions, starter, 'run', ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  return { child, output, exitCode: new Promise((resolve) => child.on('close', resolve)) }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    assert.ok(waited < 20_000, what)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const numbersOf = (text: string): number[] => text.split('\n').slice(0, -1).map(Number)

void test('SIGTERM takes a final checkpoint, and the next run goes on from there', async () => {
  const first = run('endless.ts')
  await until(() => numbersOf(first.output.stdout).length > 20, `no output: ${first.output.stderr}`)
  first.child.kill('SIGTERM')
  // Again at once, as `timeout` and `npm run` do, which signal their child and its group.
  await new Promise((resolve) => setTimeout(resolve, 5))
  first.child.kill('SIGTERM')
  assert.equal(await first.exitCode, 0, first.output.stderr)
  assert.match(first.output.stderr, /final checkpoint 1 completed[^]*job endless stopped/)
  const second = run('endless.ts', '--output', 'json')
  await until(() => /^\d+$/m.test(second.output.stdout), `no output: ${second.output.stderr}`)
  second.child.kill('SIGINT')
  assert.equal(await second.exitCode, 0, second.output.stderr)
  const lines = second.output.stdout.trimEnd().split('\n')
  const events = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as { readonly kind: string })
  const kinds = events.map(({ kind }) => kind).filter((kind) => kind !== 'metrics')
  assert.deepEqual([kinds[0], kinds.at(-1)], ['started', 'ended'])
  const all = [...numbersOf(first.output.stdout), ...lines.filter((line) => /^\d+$/.test(line)).map(Number)]
  assert.deepEqual(
    all,
    all.map((_, index) => index),
    'nothing is lost, nothing comes twice',
  )
})

void test('a failing job is 1 and names the line of its user', async () => {
  const { output, exitCode } = run('failing.ts')
  assert.equal(await exitCode, 1)
  assert.match(output.stderr, /job failing failed in operator "parse"/)
  assert.match(output.stderr, /RangeError: a bug\n[^]*at \S*parse \(.*failing\.ts:3:\d+\)/)
})

void test('a second Ctrl-C ends at once', async () => {
  const { child, output, exitCode } = run('endless.ts', '--restore', 'none')
  await until(() => output.stdout !== '', `no output: ${output.stderr}`)
  child.kill('SIGINT')
  child.kill('SIGTERM')
  const code = await exitCode
  assert.ok(code === 130 || code === 143, `exit code ${code}: ${output.stderr}`)
})

void test('a job whose output nobody reads any more ends, and is not started again', async () => {
  const { child, output, exitCode } = run('endless.ts', '--restore', 'none', '--checkpoint-interval', '200ms')
  await until(() => output.stdout !== '', `no output: ${output.stderr}`)
  child.stdout!.destroy()
  assert.equal(await exitCode, 1)
  assert.match(output.stderr, /nobody reads the standard output any more.*\[PRINT_CLOSED\]/)
  assert.doesNotMatch(output.stderr, /restart 1/)
})

void test('each run reads its own standard input, and goes on with the state of those before', async () => {
  writeFileSync(
    join(folder, 'piped.ts'),
    `import { defineJob, print, stdin, type, value } from ${engine}
export default defineJob('piped', (env) => {
  env.fromSource(stdin()).uid('in').keyBy((line) => line).process({
    emits: type<string>(),
    state: { count: value<number>() },
    onElement(line, ctx) {
      ctx.state.count.set((ctx.state.count.get() ?? 0) + 1)
      ctx.emit(\`\${line} \${ctx.state.count.get()}\`)
    },
  }).uid('counts').sinkTo(print()).uid('out')
})
`,
  )
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const piped = (input: string, parallelism: string): string[] => {
    const flags = [...conditions, starter, 'run', 'piped.ts', '-p', parallelism]
    const { stdout, stderr, status } = spawnSync(process.execPath, flags, { cwd: folder, input, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const lines = stdout.split('\n').filter((line) => line !== '')
    return lines.map((line) => line.replace(/^\d+> /, '')).toSorted()
  }
  assert.deepEqual(piped('a\nb\na\n', '1'), ['a 1', 'a 2', 'b 1'])
  assert.deepEqual(piped('a\nc\n', '1'), ['a 3', 'c 1'])
  assert.deepEqual(piped('', '2'), [])
  assert.deepEqual(piped('a\n', '2'), ['a 4'])
})

writeFileSync(
  join(folder, 'talkative.ts'),
  `import { defineJob, discard } from ${engine}
const cycle: { self?: unknown } = {}
cycle.self = cycle
const odd: readonly unknown[] = [cycle, () => 1, Symbol('s'), new Map([[1, 1n]]), { get broken() { throw new Error('no') } }, Promise.resolve(), new Error('its cause', { cause: { f() {} } })]
export default defineJob('talkative', (env) => {
  env.fromCollection([1]).process({
    onElement(n, { log }) {
      for (const field of odd) log.info('a field', { field, n })
      log.error('as fields', new RangeError('the first'))
      log.error(new TypeError('the second') as never)
      log.info({ not: 'a text' } as never)
    },
  }).sinkTo(discard())
})
`,
)

for (const output of ['json', 'lines'])
  void test(`whatever a function logs does no harm to the job, and each is a line (${output})`, async () => {
    const { output: written, exitCode } = run('talkative.ts', '--output', output, '--restore', 'none', '--log-level', 'info')
    assert.equal(await exitCode, 0, written.stderr)
    if (output === 'lines') {
      assert.equal(written.stderr.match(/a field operator=process subtask=0 field=\S.* n=1/g)?.length, 7)
      for (const text of [
        'as fields operator=process subtask=0 error=the first',
        'RangeError: the first',
        'the second operator',
        'TypeError: the second',
      ])
        assert.ok(written.stderr.includes(text), text)
      return
    }
    const lines = written.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly kind: string; readonly record: LogRecord })
    const records = lines.filter(({ kind }) => kind === 'log').map(({ record }) => record)
    const fields = records.filter(({ message }) => message === 'a field').map((record) => record.fields)
    assert.deepEqual(
      fields.map(({ field }) => (typeof field === 'string' ? field : typeof field)),
      [
        '<ref *1> { self: [Circular *1] }',
        '[Function (anonymous)]',
        'Symbol(s)',
        'object',
        '{ broken: [Getter] }',
        'Promise { undefined }',
        'object',
      ],
    )
    assert.ok(
      fields.every(({ n }) => n === 1),
      'what can be sent is as it was',
    )
    const errors = records.flatMap(({ message, fields: { error } }) => (error === undefined ? [] : [[message, (error as Error).message]]))
    assert.deepEqual(errors, [
      ['as fields', 'the first'],
      ['the second', 'the second'],
    ])
    assert.equal(records.at(-1)!.message, "{ not: 'a text' }")
  })
