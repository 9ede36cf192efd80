// Imports job modules, which stay in the process for good: hence a process of its own.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { main } from './main.ts'
import { RecordingOutput } from './testing/recording-output.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
after(() => rmSync(folder, { recursive: true }))

const engine = JSON.stringify(import.meta.resolve('@millrace/engine'))
writeFileSync(
  join(folder, 'job.ts'),
  `import { defineJob, print } from ${engine}
export default defineJob('sums', { params: { limit: 3 } }, (env, { limit }) => {
  env.checkpointing.interval = '5s'
  env.fromCollection(Array.from({ length: limit }, (_, n: number) => n)).keyBy(() => 'all').reduce((a, b) => a + b).uid('total').sinkTo(print())
})
`,
)
writeFileSync(join(folder, 'broken.ts'), `function fails() { throw new TypeError('in the job') }\nfails()\n`)

async function command(...flags: string[]): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const exitCode = await main(flags, '1.2.3', { stdout, stderr, environment: {}, cwd: folder })
  return { exitCode, stdout: stdout.text, stderr: stderr.text }
}

void test('version and help are no mistakes', async () => {
  assert.deepEqual(await command('--version'), { exitCode: 0, stdout: '1.2.3\n', stderr: '' })
  const help = await command('run', '--help')
  assert.equal(help.exitCode, 0)
  for (const part of [
    '-p, --parallelism <integer>',
    '--checkpoint-interval <duration>',
    '--restore',
    '--log <text|json>',
    'Options: checkpointing',
  ]) {
    assert.ok(help.stdout.includes(part), part)
  }
})

void test('a wrong command line is 2, with a hint', async () => {
  for (const [flags, hint] of [
    [['rnu', 'job.ts'], /unknown command 'rnu'[^]*run/],
    [['run'], /missing required argument 'job'/],
    [['run', 'job.ts', '--paralelism', '2'], /unknown option '--paralelism'[^]*--parallelism/],
    [['run', 'job.ts', '--output', 'html'], /Allowed choices are live, lines, json/],
    [['info', 'job.ts', '-p', 'two'], /--parallelism: parallelism must be a whole number/],
    // What a variable of the shell that is not set comes to.
    [['run', 'job.ts', '-s', ''], /a folder must be named, and is empty/],
    [['replay', 'job.ts', '-s', ''], /a folder must be named, and is empty/],
    [['shadow', 'job.ts', '--of', 'cli', '--old', 'job.ts', '-s', ''], /a folder must be named, and is empty/],
    [['run', ''], /a file must be named, and is empty/],
    [['info', ''], /a file must be named, and is empty/],
    [['info', 'job.ts', '--config', ''], /a file must be named, and is empty/],
    [['topics', 'list', '-b', ''], /client\.bootstrap must be a text that is not empty/],
    [['run', 'job.ts', '-s', 'file://host/savepoint'], /file: URL must name an absolute path of this machine/],
    [['plan', '-s', 'file:savepoint', 'job.ts'], /file: URL must name an absolute path of this machine/],
    [['info', 'job.ts', '--checkpoint-dir', 'file://data'], /checkpointing\.dir must be a path like .*file:/],
    [['info', 'none.ts'], /There is no file .*none\.ts/],
    [['info', 'job.ts', '--param', 'limitt=2'], /no parameter "limitt"; did you mean "limit"/],
  ] as const) {
    const { exitCode, stderr, stdout } = await command(...flags)
    assert.deepEqual([exitCode, stdout], [2, ''], flags.join(' '))
    assert.match(stderr, hint)
  }
})

void test('without a command it shows what there is', async () => {
  const { exitCode, stderr } = await command()
  assert.equal(exitCode, 2)
  assert.match(stderr, /Usage: millrace/)
})

void test('info says which backend and place hold where the job and flags say something', async () => {
  const job = `import { defineJob, print } from ${engine}
export default defineJob('backend', (env) => {
  env.checkpointing.backend = 'rocksdb'
  env.fromCollection([1]).sinkTo(print())
})
`
  writeFileSync(join(folder, 'backend.ts'), job)
  const { stdout } = await command('info', 'backend.ts', '--backend', 'heap')
  assert.match(stdout, /^ {2}state\.backend = rocksdb, by the job$/m)
  const other = await command('info', 'job.ts', '--backend', 'memory')
  assert.match(other.stdout, /^ {2}checkpointing\.storage = memory, by --backend$/m)
  // As a run would: an id that nobody looks for is fine, a folder that nobody writes to is told.
  assert.doesNotMatch(other.stdout, /give it a uid/)
  const beside = await command('info', 'job.ts', '--checkpoint-storage', 'memory', '--checkpoint-dir', '/checkpoints')
  assert.match(beside.stdout, /^Warnings\n {2}no checkpoint is in \/checkpoints \(checkpointing\.dir, by --checkpoint-dir\).*memory/m)
  assert.match(other.stdout, /^ {2}state\.backend = heap, by --backend$/m)
  const place = await command('info', 'job.ts', '--checkpoint-dir', 'file:///data/checkpoints')
  assert.match(place.stdout, /^ {2}checkpointing\.dir = \/data\/checkpoints, by --checkpoint-dir$/m)
  const { exitCode, stderr } = await command('info', 'job.ts', '--backend', 'memory', '--checkpoint-storage', 'filesystem')
  assert.equal(exitCode, 2)
  assert.match(stderr, /state\.backend is memory \(by --backend\).*CHECKPOINT_STORAGE_CONFLICT/s)
})

void test('info and plan refuse what a run would refuse', async () => {
  const job = `import { defineJob, print } from ${engine}
export default defineJob('unaligned', (env) => {
  env.checkpointing.unaligned = true
  env.fromCollection([1]).map((n: number) => n).sinkTo(print())
})
`
  writeFileSync(join(folder, 'unaligned.ts'), job)
  const contradictions = [
    [['--checkpoint-mode', 'at-least-once'], 'CHECKPOINT_UNALIGNED_CONFLICT'],
    [['--checkpoint-max-concurrent', '2'], 'CHECKPOINT_UNALIGNED_CONFLICT'],
    [['--backend', 'rocksdb', '--no-checkpoint-asynchronous'], 'STATE_BACKEND_SYNCHRONOUS'],
    [['--backend', 'memory', '--checkpoint-storage', 'filesystem'], 'CHECKPOINT_STORAGE_CONFLICT'],
    [['--require-uids'], 'UID_MISSING'],
  ] as const
  for (const [flags, code] of contradictions) {
    for (const asked of [
      ['info', 'unaligned.ts'],
      ['plan', 'unaligned.ts', '-s', 'nowhere'],
    ]) {
      const { exitCode, stdout, stderr } = await command(...asked, ...flags, '--state-dir', join(folder, 'state'))
      assert.notEqual(exitCode, 0)
      assert.match(`${stdout}${stderr}`, new RegExp(code), asked.join(' '))
    }
  }
})

void test('info prints a job as text, Mermaid and JSON', async () => {
  const text = await command('info', 'job.ts', '-p', '2')
  assert.equal(text.exitCode, 0, text.stderr)
  assert.match(text.stdout, /^Job sums[^]*keyed-process, uid total[^]*checkpointing\.interval = 5000, by the job[^]*$/)
  assert.match(text.stdout, /parallelism = 2, by --parallelism/)
  assert.match((await command('info', 'job.ts', '--format', 'mermaid')).stdout, /^flowchart LR\n/)
  const json = JSON.parse((await command('info', 'job.ts', '--format', 'json', '--param', 'limit=7')).stdout) as {
    readonly job: string
    readonly params: unknown
    readonly settings: { readonly checkpointing: { readonly interval: number } }
  }
  assert.deepEqual([json.job, json.params, json.settings.checkpointing.interval], ['sums', { limit: 7 }, 5_000])
})

void test("a module that throws shows the user's stack and not ours", async () => {
  const { exitCode, stderr } = await command('info', 'broken.ts')
  assert.equal(exitCode, 2)
  assert.match(stderr, /in the job[^]*at fails \(.*broken\.ts:1:\d+\)/)
  assert.ok(!/node:internal|job-module/.test(stderr), stderr)
})

void test('so does a build function that throws, and a file that is not there', async () => {
  writeFileSync(
    join(folder, 'throws.ts'),
    `import { defineJob } from ${engine}\nexport default defineJob('throws', () => { throw new RangeError('no such region') })\n`,
  )
  const { exitCode, stderr } = await command('info', 'throws.ts')
  assert.equal(exitCode, 2)
  assert.match(
    stderr,
    /^millrace: the build function of job throws threw: no such region \[JOB_BUILD_THROWS\]\n\s+at .*throws\.ts:2:\d+\)\n$/,
  )
  const missing = await command('info', 'job.ts', '--config', 'none.yaml')
  assert.equal(missing.exitCode, 2)
  assert.match(missing.stderr, /none\.yaml cannot be read: [^\n]+\n$/)
})

void test('a file of options may be anywhere', async () => {
  const other = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
  writeFileSync(join(other, 'options.yaml'), 'parallelism: 4\n')
  const { stdout, stderr } = await command('info', 'job.ts', '--config', join(other, 'options.yaml'))
  rmSync(other, { recursive: true })
  assert.match(stdout, /parallelism = 4/, stderr)
})

void test('options come from millrace.yaml, and its mistakes are named', async () => {
  writeFileSync(join(folder, 'millrace.yaml'), 'parallelism: 3\n')
  assert.match((await command('info', 'job.ts')).stdout, /parallelism = 3, by millrace\.yaml/)
  writeFileSync(join(folder, 'millrace.yaml'), 'paralelism: 3\n')
  const { exitCode, stderr } = await command('info', 'job.ts')
  assert.equal(exitCode, 2)
  assert.match(stderr, /millrace\.yaml: there is no option "paralelism"; did you mean "parallelism"\?/)
  rmSync(join(folder, 'millrace.yaml'))
})

void test('help fits the width of a terminal, whatever flags are called', async () => {
  const commands = (await command('--help')).stdout.matchAll(/^ {2}([a-z]+) \[?[<o]/gm)
  const names = Array.from(commands, ([, name]) => name!)
  assert.ok(names.length > 12, names.join())
  for (const name of [...names, 'topics create', 'groups reset-offsets', 'state']) {
    const { stdout, exitCode } = await command(...name.split(' '), '--help')
    assert.equal(exitCode, 0, name)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${name}: ${line}`)
    assert.doesNotMatch(stdout, /^ {2}[A-Z]/m, 'what is said of a long flag is in the column of all others')
  }
})

void test('what could not be written is an error, however well all else went', async () => {
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const full = Object.assign(stdout, { settled: async () => new Error('ENOSPC: no space left on device') })
  const exitCode = await main(['info', 'job.ts'], '1.2.3', { stdout: full, stderr, environment: {}, cwd: folder })
  assert.deepEqual([exitCode, stderr.text], [1, 'millrace: the standard output cannot be written: ENOSPC: no space left on device\n'])
})

void test('a file of options that is no YAML is told once', async () => {
  writeFileSync(join(folder, 'bad.yaml'), 'parallelism: [1')
  const { exitCode, stderr } = await command('info', 'job.ts', '--config', 'bad.yaml')
  assert.equal(exitCode, 2)
  assert.equal(stderr.match(/Flow sequence/g)?.length, 1, stderr)
})
