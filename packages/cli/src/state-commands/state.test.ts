// The commands about stored state, on a savepoint of a real job.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { loadJobModule, startJob } from '@millrace/engine'
import { main } from '../main.ts'
import { RecordingOutput } from '../testing/recording-output.ts'
import { writeState } from './write.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-state-cli-'))
after(() => rmSync(folder, { recursive: true }))
let savepoint = ''

const engine = JSON.stringify(import.meta.resolve('@millrace/engine'))

/** Counts by key. `extra`: more in the state's declaration. */
function jobModule(
  name: string,
  { job = 'counting', uid = 'count', version = 1, states = '' }: { job?: string; uid?: string; version?: number; states?: string } = {},
): string {
  const path = join(folder, `${name}.ts`)
  writeFileSync(
    path,
    `import { defineJob, discard, generator, map, type, value } from ${engine}
export default defineJob('${job}', (env) => {
  env.fromSource(generator({ generate: (n) => n, ratePerSecond: 2_000 }), { uid: 'numbers' })
    .keyBy((n) => n % 3 === 0 ? BigInt(n % 3) : 'key ' + n % 3)
    .process({
      emits: type<number>(),
      state: { count: value<number>({ version: ${version} }), seen: map<string, number>()${states} },
      onElement(n, ctx) {
        ctx.state.count.set((ctx.state.count.get() ?? 0) + 1)
        ctx.state.seen.set('last', n)
        ctx.emit(n)
      },
    }).uid('${uid}')
    .sinkTo(discard()).uid('out')
})
`,
  )
  return path
}

before(async () => {
  const job = await loadJobModule(jobModule('counting'))
  const running = startJob(job, { options: { stateDir: join(folder, 'state'), checkpointing: { storage: 'filesystem', interval: '5ms' } } })
  while (running.checkpoints().counts.completed < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  savepoint = (await running.stop({ savepoint: { dir: folder } }))!.path!
})

async function millrace(...flags: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new RecordingOutput(), new RecordingOutput()]
  const code = await main(flags, '0', { stdout, stderr, environment: {}, cwd: folder })
  return { code, out: stdout.text, err: stderr.text }
}

/** Descriptors of this process that are of a file, where the system tells. */
function openFiles(path: string): string[] {
  const all = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd') : []
  return all.filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === path
    } catch {
      return false // it was that of the listing
    }
  })
}

const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

void describe('millrace state', () => {
  it('lists operators and states', async () => {
    const { code, out } = await millrace('state', 'list', savepoint, '--format', 'json')
    assert.equal(code, 0)
    assert.deepEqual(
      linesOf(out).map((row) => [row['operator'], row['state'], row['kind'], row['version']]),
      [
        ['numbers', null, null, null],
        ['count', 'count', 'value', 1],
        ['count', 'seen', 'map', 1],
        ['out', null, null, null],
      ],
    )
    assert.match((await millrace('state', 'list', savepoint)).out, /OPERATOR +OPERATOR KIND +PARALLELISM/)
  })

  it('describes what it is of, and how large', async () => {
    const { out } = await millrace('state', 'describe', savepoint)
    const described = JSON.parse(out) as { jobName: string; operators: { operator: string; storedRows: number }[] }
    assert.equal(described.jobName, 'counting')
    assert.equal(described.operators.find(({ operator }) => operator === 'count')!.storedRows, 3)
  })

  it('prints it as lines: all, of an operator, of a state, of a key', async () => {
    const all = linesOf((await millrace('state', 'print', savepoint)).out)
    assert.deepEqual([...new Set(all.map(({ kind }) => kind))], ['snapshot', 'operator', 'split', 'enumerator', 'value', 'map'])
    const { out } = await millrace('state', 'print', savepoint, '--operator', 'count', '--state', 'count', '--key', '{"$bigint":"0"}')
    const [, , line, ...more] = linesOf(out)
    assert.deepEqual(more, [])
    assert.deepEqual({ ...line, value: 0 }, { operator: 'count', kind: 'value', state: 'count', key: { $bigint: '0' }, value: 0 })
    assert.match((await millrace('state', 'print', savepoint, '--key', 'x')).err, /--key must be a key as JSON/)
    assert.match((await millrace('state', 'print', savepoint, '--operator', 'x')).err, /no operator x .* there are numbers, count, out/)
    const misspelt = await millrace('state', 'print', savepoint, '--operator', 'count', '--state', 'cuont')
    assert.equal(misspelt.code, 2)
    assert.match(misspelt.err, /no state cuont of operator count in .*; there are count, seen/)
  })

  it('writes what it has printed', async () => {
    const { out } = await millrace('state', 'print', savepoint)
    writeFileSync(join(folder, 'lines.jsonl'), out)
    const { code, out: path } = await millrace('state', 'write', 'written', '--input', 'lines.jsonl')
    assert.deepEqual([code, path], [0, `${join(folder, 'written')}\n`])
    assert.equal((await millrace('state', 'print', 'written')).out, out)
    assert.match((await millrace('state', 'write', 'written', '--input', 'lines.jsonl')).err, /there is something already/)
  })

  it('replaces the state of one operator by what comes on the standard input', async () => {
    const lines = [
      { kind: 'operator', operator: 'count', states: [{ name: 'count', kind: 'value' }] },
      '',
      { operator: 'count', kind: 'value', state: 'count', key: 'key 1', value: 1_000 },
    ].map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    const stdout = new RecordingOutput()
    const io = { stdout, stderr: stdout, environment: {}, cwd: folder }
    assert.equal(await writeState('replaced', { from: savepoint }, io, Readable.from(`${lines.join('\n')}\n`)), 0)
    const printed = linesOf((await millrace('state', 'print', 'replaced')).out)
    assert.deepEqual(
      printed.filter(({ kind }) => kind === 'value' || kind === 'map'),
      [{ operator: 'count', kind: 'value', state: 'count', key: 'key 1', value: 1_000 }],
    )
    assert.deepEqual(
      printed.find(({ kind }) => kind === 'snapshot')!['snapshot'],
      linesOf((await millrace('state', 'print', savepoint)).out)[0]!['snapshot'],
    )
  })

  it('takes only LF for the end of a line, as what it prints has other ends of lines in texts', async () => {
    const key = 'a\u2028b\u2029c\r\u0085'
    const lines = [
      { kind: 'operator', operator: 'count', states: [] },
      { operator: 'count', kind: 'value', state: 'count', key, value: 'ä'.repeat(40_000) + key },
    ].map((line) => JSON.stringify(line))
    writeFileSync(join(folder, 'ends.jsonl'), `\ufeff${lines.join('\r\n')}`)
    assert.equal((await millrace('state', 'write', 'ends', '--input', 'ends.jsonl')).err, '')
    const { out } = await millrace('state', 'print', 'ends')
    writeFileSync(join(folder, 'ends-again.jsonl'), out)
    assert.equal((await millrace('state', 'write', 'ends-again', '--input', 'ends-again.jsonl')).err, '')
    assert.equal((await millrace('state', 'print', 'ends-again')).out, out)
    assert.equal(JSON.parse(out.split('\n')[2]!).key, key)
  })

  it('refuses a value that is there twice', async () => {
    const twice = async (...lines: readonly object[]): Promise<string> => {
      const all = [{ kind: 'operator', operator: 'count' }, ...lines].map((line) => JSON.stringify(line))
      writeFileSync(join(folder, 'twice.jsonl'), all.join('\n'))
      return (await millrace('state', 'write', 'twice', '--input', 'twice.jsonl')).err
    }
    const value = { operator: 'count', kind: 'value', state: 'count', key: ['eu', 7], value: 1 }
    assert.match(await twice(value, { ...value, value: 2 }), /operator count .* state "count" of key \["eu",7\] is there twice/)
    const entry = { operator: 'count', kind: 'map', state: 'seen', key: 'a', entry: 0, value: 1 }
    assert.match(
      await twice(entry, { ...entry, entry: { $number: '-0' } }),
      /entry {"\$number":"-0"} of map "seen" of key "a" is there twice/,
    )
    assert.match(await twice({ ...entry, key: undefined, broadcast: true }, { ...entry, key: undefined, broadcast: true }), /twice/)
    assert.ok(!existsSync(join(folder, 'twice')))
  })

  it('names the line that is wrong, and writes nothing', async () => {
    writeFileSync(join(folder, 'bad.jsonl'), `{"kind":"operator","operator":"a"}\n{"operator":"a","kind":"value","state":"s","key":1}\n`)
    const { code, err } = await millrace('state', 'write', 'nothing', '--input', 'bad.jsonl')
    assert.equal(code, 2)
    assert.match(err, /Line 2 of bad.jsonl is no state: value is missing/)
    assert.ok(!existsSync(join(folder, 'nothing')))
    writeFileSync(join(folder, 'nameless.jsonl'), `{"kind":"operator","operator":""}\n`)
    assert.match((await millrace('state', 'write', 'nothing', '--input', 'nameless.jsonl')).err, /Line 1 .* operator is empty/)
    const operator = '{"kind":"operator","operator":"a"}'
    for (const [line, problem] of [
      ['{"operator":"b","kind":"value","state":"s","key":1,"value":1}', 'an entry comes before its operator'],
      ['{"operator":"a","kind":"split-list","state":"s","subtask":7,"value":1}', 'none with the number 7'],
      ['{"operator":"a","kind":"event-timer","key":1,"time":{"$number":"NaN"}}', 'the time of a timer is NaN'],
    ] as const) {
      writeFileSync(join(folder, 'unfit.jsonl'), `${operator}\n\n${line}\n${line}\n`)
      const unfit = await millrace('state', 'write', 'nothing', '--input', 'unfit.jsonl')
      assert.equal(unfit.code, 2)
      assert.match(unfit.err, new RegExp(`Line 3 of unfit.jsonl is no state: .*${problem}`))
    }
    assert.match((await millrace('state', 'write', 'nothing', '--input', 'missing.jsonl')).err, /missing.jsonl/)
    const ofFolder = await millrace('state', 'write', 'nothing', '--input', '.')
    assert.deepEqual([ofFolder.code, ofFolder.err.includes('CLI_FILE_UNREADABLE')], [2, true], ofFolder.err)
    for (const path of ['nothing', savepoint]) await millrace('state', 'write', path, '--input', 'bad.jsonl')
    assert.deepEqual(openFiles(join(folder, 'bad.jsonl')), [])
    assert.ok(!existsSync(join(folder, 'nothing')))
  })

  it('removes and renames operators and states', async () => {
    const { code } = await millrace(
      'state',
      'edit',
      savepoint,
      'edited',
      '--remove',
      'count:seen',
      '--rename',
      'count=counts',
      '--remove',
      'out',
    )
    assert.equal(code, 0)
    const rows = linesOf((await millrace('state', 'list', 'edited', '--format', 'json')).out)
    assert.deepEqual(
      rows.map(({ operator, state }) => [operator, state]),
      [
        ['numbers', null],
        ['counts', 'count'],
      ],
    )
    assert.match((await millrace('state', 'edit', savepoint, 'other')).err, /--remove or --rename must be given/)
    assert.match((await millrace('state', 'edit', savepoint, 'other', '--rename', 'count')).err, /must be UID=NAME/)
  })

  it('a savepoint that was changed is disposed of as any other', async () => {
    await millrace('state', 'edit', savepoint, 'to-go', '--remove', 'out')
    const { code, err } = await millrace('savepoint', '--dispose', 'to-go')
    assert.deepEqual([code, err], [0, `savepoint ${join(folder, 'to-go')} is removed\n`])
    assert.ok(!existsSync(join(folder, 'to-go')))
  })
})

void describe('millrace plan', () => {
  const outcomes = async (job: string, ...flags: string[]): Promise<{ code: number; fates: string[]; err: string }> => {
    const { code, out, err } = await millrace('plan', job, '-s', savepoint, '--format', 'json', ...flags)
    return {
      code,
      err,
      fates: linesOf(out).map(({ operator, state, outcome }) => `${operator as string} ${state as string} ${outcome as string}`),
    }
  }

  it('says that all is restored, and which job it would be with other key groups', async () => {
    const { code, fates } = await outcomes(jobModule('same'))
    assert.deepEqual([code, fates], [0, ['numbers null restored', 'count count restored', 'count seen restored']])
    const { code: other, fates: regrouped } = await outcomes(jobModule('same'), '--max-parallelism', '64')
    assert.deepEqual([other, regrouped.slice(0, 2)], [0, ['numbers null restored', 'count null restored']])
  })

  it('says what is lost, empty, migrated and refused, by its exit code too', async () => {
    const renamed = await outcomes(jobModule('renamed', { uid: 'counter' }))
    assert.deepEqual([renamed.code, renamed.fates], [1, ['numbers null restored', 'count null lost', 'counter null empty']])
    assert.match(renamed.err, /would not start/)
    assert.deepEqual((await outcomes(jobModule('renamed', { uid: 'counter' }), '-n')).code, 0)
    const { out } = await millrace('plan', jobModule('renamed', { uid: 'counter' }), '-s', savepoint, '-n')
    assert.match(out, /dropped +no operator of the job has this uid/)
    const added = await outcomes(jobModule('added', { states: ', more: value<number>()' }))
    assert.deepEqual([added.code, added.fates.at(-1)], [0, 'count more empty'])
    const refused = await outcomes(jobModule('newer', { version: 2 }))
    assert.deepEqual([refused.code, refused.fates], [1, ['numbers null restored', 'count count refused', 'count seen restored']])
    const text = readFileSync(jobModule('migrated', { version: 2 }), 'utf8').replace(
      'version: 2',
      'version: 2, migrate: (old) => old as number',
    )
    writeFileSync(join(folder, 'migrated.ts'), text)
    assert.deepEqual((await outcomes(join(folder, 'migrated.ts'))).fates, [
      'numbers null restored',
      'count count migrated',
      'count seen restored',
    ])
  })

  it('says whose the savepoint is, where it is of another job', async () => {
    assert.equal((await outcomes(jobModule('same'))).err, '')
    const { code, err } = await outcomes(jobModule('other', { job: 'other' }))
    assert.equal(code, 0)
    assert.match(err, /^millrace: the savepoint was written by job 'counting' and is restored by job 'other': /)
    assert.match(
      (await millrace('plan', jobModule('others', { job: 'other', uid: 'c' }), '-s', savepoint)).out,
      /of job "counting" .* job "other"/,
    )
  })

  it('says that there is no savepoint', async () => {
    const { code, err } = await millrace('plan', jobModule('same'), '-s', join(folder, 'missing'))
    assert.equal(code, 2)
    assert.match(err, /There is no checkpoint at/)
  })
})
