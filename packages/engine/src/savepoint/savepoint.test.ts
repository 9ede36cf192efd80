// A job with every kind of state, stopped with a savepoint: what is read of it, written again, changed, restored.
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import { startJob } from '../index.ts'
import { everythingJob, KEYS, readRows, type Row } from './fixtures/everything-job.ts'
import { openSavepoint, SnapshotReader } from './open-savepoint.ts'
import { findSnapshot, snapshotPorts } from './snapshot-place.ts'
import type { SnapshotItem, StateEntry, ValueEntry } from './state-entry.ts'
import { formatStateLine, parseStateLine } from './state-lines.ts'
import { writeSavepoint } from './write-savepoint.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-state-'))
/** Up to where restored jobs go on. */
let total = 0
let savepoint = ''
let checkpoint = ''

const options = { stateDir: join(folder, 'state'), checkpointing: { storage: 'filesystem', interval: '8ms' } } as const
const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === code

async function pause(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    assert.ok(waited < 10_000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

before(async () => {
  const running = startJob(everythingJob({ dir: join(folder, 'before'), ratePerSecond: 250 }), { parallelism: 2, options })
  await pause(() => running.checkpoints().counts.completed > 3)
  savepoint = (await running.savepoint({ dir: join(folder, 'savepoints') })).path!
  await running.stop()
  checkpoint = (await running.done).lastCheckpoint!.path!
  // One subtask may be far ahead of the other.
  total = Math.max(...(await numbersIn(checkpoint))) + 101
})
after(() => rmSync(folder, { recursive: true }))

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** Runs on from a snapshot to the end, and answers the rows. */
async function restored(from: string, name: string, parallelism: number, more: object = {}): Promise<Row[]> {
  const dir = join(folder, name)
  const { result } = await run(from, name, dir, parallelism, more)
  assert.equal(result.state, 'finished', result.state === 'failed' ? String(result.failure.error) : '')
  return readRows(dir)
}

async function run(
  from: string,
  name: string,
  dir: string,
  parallelism: number,
  more: object,
): Promise<{ result: Awaited<ReturnType<typeof startJob>['done']> }> {
  const result = await startJob(everythingJob({ dir, count: total }), {
    parallelism,
    restore: from,
    options: { ...options, stateDir: join(folder, `state-${name}`), ...more },
  }).done
  return { result }
}

async function numbersIn(path: string): Promise<number[]> {
  const entries = await all((await openSavepoint(path)).entries({ operator: 'counts', state: 'numbers' }))
  return entries.map((entry) => (entry as { value: number }).value)
}

/** Each number once, in the snapshot or after it (an input that an asynchronous function had not finished in both), and every state right. */
async function check(from: string, rows: readonly Row[]): Promise<void> {
  const numbers = rows.map(({ n }) => n)
  assert.equal(new Set(numbers).size, numbers.length, 'one was done twice')
  const known = await numbersIn(from)
  assert.deepEqual(new Set([...known, ...numbers]), new Set(Array.from({ length: total }, (_, n) => n)))
  assert.deepEqual(
    rows.filter(({ wrong }) => wrong.length > 0),
    [],
  )
}

const sorted = (items: readonly unknown[]): unknown[] => items.map((item) => formatStateLine(item as SnapshotItem)).toSorted()

describe('a savepoint without its job', () => {
  it('is described: operators, states, sizes', async () => {
    const { facts, operators, sizes } = await openSavepoint(savepoint).then((it) => ({ ...it, sizes: it.sizes() }))
    assert.deepEqual([facts.jobName, facts.kind], ['everything', 'savepoint'])
    assert.deepEqual(operators.map(({ operator }) => operator).toSorted(), ['counts', 'numbers', 'out', 'rules', 'rules-applied', 'slow'])
    const counts = operators.find(({ operator }) => operator === 'counts')!
    assert.deepEqual(
      counts.states.map(({ name, kind, version }) => `${name} ${kind} ${version}`).toSorted(),
      `all union-list 1,average aggregating 1,cache map 1,coded value 1,counts raw-keyed 1,entries map 1,fired value 1,fresh list 1,\
numbers list 1,recent split-list 1,sum reducing 1,tally value 3,total raw 1`.split(','),
    )
    assert.equal(sizes.find(({ operator }) => operator === 'counts')!.storedRows, KEYS)
  })

  it('gives every kind of state, and nothing else', async () => {
    const entries = await all((await openSavepoint(savepoint)).entries())
    const kinds = new Set(entries.map(({ kind }) => kind))
    const expected =
      'aggregating enumerator event-timer list map processing-timer raw raw-keyed reducing sink-handle split split-list union-list value'
    assert.deepEqual(
      expected.split(' ').filter((kind) => !kinds.has(kind as StateEntry['kind'])),
      [],
    )
  })

  it('gives one key, one state, one operator', async () => {
    const it = await openSavepoint(savepoint)
    const entries = await all(it.entries({ operator: 'counts', key: 1n, state: 'sum' }))
    assert.equal(entries.length, 1)
    const [{ kind, value, updatedMs = 0 }] = entries as [ValueEntry]
    assert.equal(kind, 'reducing')
    assert.ok((value as number) > 0 && updatedMs > 1e12)
    await assert.rejects(all(it.entries({ operator: 'nobody' })), hasCode('SAVEPOINT_OPERATOR_UNKNOWN'))
    for (const filter of [{ state: 'nothing' }, { operator: 'rules', state: 'sum' }])
      await assert.rejects(all(it.entries(filter)), hasCode('SAVEPOINT_STATE_UNKNOWN'))
  })

  for (const [what, from] of [
    ['savepoint', () => savepoint],
    ['checkpoint, a chain of deltas', () => checkpoint],
  ] as const) {
    it(`a ${what}, printed as lines and written from them, is the same to whoever reads it and to the job`, async () => {
      const printed = await all((await openSavepoint(from())).items())
      const lines = printed.map(formatStateLine)
      const to = join(folder, `again-${what.slice(0, 5)}`)
      const again = await writeSavepoint(to, { items: lines.map(parseStateLine), memoryBytesMax: 2_000 })
      const facts = (item: SnapshotItem): boolean => item.kind !== 'snapshot'
      assert.deepEqual(sorted((await all(again.items())).filter(facts)), sorted(printed.filter(facts)))
      await check(to, await restored(to, `run-${what.slice(0, 5)}`, 3, { maxParallelism: 128 }))
    })
  }

  it('a copy of an incremental checkpoint is one: moved nowhere, and whole by itself', async () => {
    const to = join(folder, 'copy')
    const copy = await writeSavepoint(to, { from: checkpoint })
    assert.equal(copy.facts.kind, 'savepoint')
    assert.deepEqual(await all(copy.entries()), await all((await openSavepoint(checkpoint)).entries()))
    await check(to, await restored(to, 'run-copy', 2))
  })

  it('an operator is renamed, one removed, a state renamed and one removed; the rest stays as it is', async () => {
    const to = join(folder, 'edited')
    const edited = await writeSavepoint(to, {
      from: savepoint,
      edits: [
        { operator: 'slow', to: 'slower' },
        { operator: 'rules-applied' },
        { operator: 'counts', state: 'numbers', to: 'all-numbers' },
        { operator: 'counts', state: 'tally' },
        { operator: 'counts', state: 'recent', to: 'newest' },
        { operator: 'counts', state: 'total' },
      ],
    })
    assert.deepEqual(edited.operators.map(({ operator }) => operator).toSorted(), ['counts', 'numbers', 'out', 'rules', 'slower'])
    const expected = (await all((await openSavepoint(savepoint)).entries())).flatMap((entry): StateEntry[] => {
      if (entry.operator === 'rules-applied') return []
      if (entry.operator === 'slow') return [{ ...entry, operator: 'slower' }]
      if (!('state' in entry)) return [entry]
      if (entry.state === 'numbers') return [{ ...entry, state: 'all-numbers' }]
      if (entry.state === 'recent') return [{ ...entry, state: 'newest' }]
      return entry.state === 'tally' || entry.state === 'total' ? [] : [entry]
    })
    const part = (entry: object): unknown => ({ ...entry, part: 0 })
    assert.deepEqual(sorted((await all(edited.entries())).map((entry) => part(entry))), sorted(expected.map((entry) => part(entry))))
  })

  it('state of one operator is replaced; a job starts with state that was never computed', async () => {
    const to = join(folder, 'bootstrapped')
    const items: SnapshotItem[] = [
      { kind: 'operator', operator: 'slow', operatorKind: 'keyed-process', name: 'slow', maxParallelism: 64, parallelism: 3, states: [] },
      ...Array.from({ length: 500 }, (_, n): SnapshotItem => ({
        operator: 'slow',
        kind: 'map',
        state: 'added',
        key: n % 10,
        entry: n,
        value: { n },
      })),
      { operator: 'slow', kind: 'value', state: 'other', key: 3, value: 5 },
    ]
    const written = await writeSavepoint(to, { from: savepoint, items })
    const entries = await all(written.entries({ operator: 'slow' }))
    assert.equal(entries.length, 501)
    assert.deepEqual(await all(written.entries({ operator: 'slow', key: 3, state: 'other' })), [
      { operator: 'slow', kind: 'value', state: 'other', key: 3, value: 5 },
    ])
    assert.equal(written.operators.find(({ operator }) => operator === 'slow')!.maxParallelism, 64)
  })

  it('refuses what it cannot write, and leaves nothing', async () => {
    const to = join(folder, 'refused')
    const operator: SnapshotItem = {
      kind: 'operator',
      operator: 'a',
      operatorKind: 'map',
      name: 'a',
      maxParallelism: 8,
      parallelism: 2,
      states: [],
    }
    const keyed: SnapshotItem = { ...operator, operatorKind: 'keyed-process', states: [{ name: 's', kind: 'value', version: 1 }] }
    const bad: readonly (readonly SnapshotItem[])[] = [
      [{ operator: 'a', kind: 'value', state: 's', key: 1, value: 1 }],
      [operator, { operator: 'a', kind: 'value', state: 's', key: 1, value: 1 }],
      [keyed, { operator: 'a', kind: 'map', state: 's', key: 1, entry: 1, value: 1 }],
      [keyed, { operator: 'a', kind: 'split-list', state: 'l', subtask: 2, value: 1 }],
      [
        keyed,
        { operator: 'a', kind: 'list', state: 'l', key: 1, value: 1, updatedMs: 1 },
        { operator: 'a', kind: 'list', state: 'l', key: 1, value: 1 },
      ],
      [keyed, { operator: 'a', kind: 'raw-keyed', state: 'r', subtask: 0, part: 0, keyGroup: 8, bytes: new Uint8Array(1) }],
    ]
    for (const items of bad) {
      await assert.rejects(
        writeSavepoint(to, { items }),
        hasCode('SAVEPOINT_STATE_INVALID'),
        JSON.stringify(items.at(-1), (_, it) => String(it)),
      )
      assert.ok(!existsSync(to))
    }
    await assert.rejects(writeSavepoint(to, { items: [keyed, keyed] }), hasCode('SAVEPOINT_OPERATOR_TWICE'))
    await assert.rejects(
      writeSavepoint(to, { from: savepoint, edits: [{ operator: 'slow', to: 'out' }] }),
      hasCode('SAVEPOINT_OPERATOR_TWICE'),
    )
    await assert.rejects(writeSavepoint(to, { from: savepoint, edits: [{ operator: 'nobody' }] }), hasCode('SAVEPOINT_OPERATOR_UNKNOWN'))
    for (const edits of [
      [{ operator: 'counts' }, { operator: 'counts', to: 'other' }],
      [{ operator: 'counts' }, { operator: 'counts', state: 'sum', to: 'total' }],
      [
        { operator: 'counts', state: 'sum', to: 'a' },
        { operator: 'counts', state: 'sum', to: 'b' },
      ],
    ])
      await assert.rejects(writeSavepoint(to, { from: savepoint, edits }), /two changes that cannot both be made/)
    await assert.rejects(
      writeSavepoint(to, { from: savepoint, edits: [{ operator: 'slow', state: 'x' }] }),
      hasCode('SAVEPOINT_STATE_INVALID'),
    )
    assert.ok(!existsSync(to))
    await assert.rejects(writeSavepoint(savepoint, { items: [] }), hasCode('SAVEPOINT_PLACE_TAKEN'))
  })

  it('refuses what no type has checked: items that are none, times that are none, names that nobody knows', async () => {
    const to = join(folder, 'unchecked')
    const operator = {
      kind: 'operator',
      operator: 'a',
      operatorKind: 'keyed-process',
      name: 'a',
      maxParallelism: 8,
      parallelism: 1,
      states: [],
    }
    const cell = { operator: 'a', kind: 'value', state: 's', key: 1, value: 1 }
    const timer = { operator: 'a', kind: 'event-timer', key: 1, time: 1 }
    const raw = { operator: 'a', kind: 'raw-keyed', state: 'r', subtask: 0, part: 0, keyGroup: 1, bytes: new Uint8Array(1) }
    const state = { name: 's', kind: 'value', version: 1 }
    const bad: readonly (readonly [unknown, RegExp])[] = [
      [{ ...cell, kind: 'vlaue' }, /the kind of an entry is 'vlaue', and must be one of value, /],
      [{ ...cell, state: undefined }, /state is undefined/],
      [{ ...cell, updatedMs: Number.NaN }, /updatedMs is NaN/],
      [{ ...cell, updatedMs: '5' }, /updatedMs is '5'/],
      [{ ...cell, kind: 'map', entry: {} }, /entry is {}/],
      [{ ...cell, kind: 'map' }, /entry is undefined/],
      [{ ...cell, value: undefined, coded: 'text' }, /coded is 'text'/],
      [{ ...timer, time: Number.NaN }, /the time of a timer is NaN/],
      [{ ...timer, time: Infinity }, /the time of a timer is Infinity/],
      [{ ...raw, keyGroup: -1 }, /keyGroup is -1/],
      [{ ...raw, bytes: 'text' }, /bytes is 'text'/],
      [{ ...operator, operator: '' }, /its uid is ''/],
      [{ ...operator, operator: 'b', operatorKind: 'keyed' }, /operatorKind is 'keyed', and must be one of source, /],
      [{ ...operator, operator: 'b', states: undefined }, /states is undefined/],
      [{ ...operator, operator: 'b', states: [state, { ...state, kind: 'list' }] }, /declares state "s" twice/],
      [{ ...operator, operator: 'b', states: [{ ...state, version: 0 }] }, /the version of state "s" is 0/],
      [{ ...operator, operator: 'b', states: [{ ...state, kind: 'text' }] }, /the kind of state "s" is 'text'/],
    ]
    for (const [item, message] of bad) {
      await assert.rejects(writeSavepoint(to, { items: [operator, item] as SnapshotItem[] }), { code: 'SAVEPOINT_STATE_INVALID', message })
      assert.ok(!existsSync(to))
    }
    await assert.rejects(writeSavepoint(to, { items: [null] as never }), hasCode('ARGUMENT_INVALID'))
    await assert.rejects(writeSavepoint(to, { itmes: [] } as never), /itmes; did you mean items/)
    await assert.rejects(
      writeSavepoint(to, { from: savepoint, edits: [{ operator: 'slow', as: 'b' } as never] }),
      /one of operator, state, to/,
    )
    await assert.rejects(writeSavepoint(to, { from: savepoint, edits: [{ operator: 'slow', to: '' }] }), /renamed to is empty/)
    const read = (await openSavepoint(savepoint)).entries({ operatr: 'counts' } as never)
    await assert.rejects(all(read), /operatr; did you mean operator/)
    assert.ok(!existsSync(to))
  })

  it('keyed state in the files of a database is not taken for what little is beside it', async () => {
    const { metadata, files, path } = await findSnapshot(savepoint, snapshotPorts())
    const [operator, ...others] = metadata.operators.toSorted((a) => (a.stateId === 'counts' ? -1 : 1))
    const own = { path: 'shared/x', length: 0, crc32: 0, parts: [] }
    const database = { format: 'rocksdb', keyGroups: { first: 0, end: 1 }, rows: 0, header: new Uint8Array(0), shared: [], own } as const
    const subtasks = operator!.subtasks.map((subtask) => ({ ...subtask, database }))
    const reader = new SnapshotReader({ ...metadata, operators: [{ ...operator!, subtasks }, ...others] }, files, path)
    await assert.rejects(all(reader.entries()), hasCode('SAVEPOINT_IN_DATABASE'))
    assert.ok((await all(reader.entries({ operator: 'rules-applied' }))).length > 0)
  })

  it('says what is in a folder that is none, and takes no file for a damaged one', async () => {
    const [checkpoints, savepoints] = [dirname(checkpoint), dirname(savepoint)]
    for (const [path, text] of [
      [savepoints, `There is no checkpoint at ${savepoints}; in it there is ${basename(savepoint)} [CHECKPOINT_NOT_FOUND]`],
      [checkpoints, `There is no checkpoint at ${checkpoints}; in it there is ${basename(checkpoint)} [CHECKPOINT_NOT_FOUND]`],
      [
        dirname(checkpoints),
        `There is no checkpoint at ${dirname(checkpoints)}; in it there is checkpoints/${basename(checkpoint)} [CHECKPOINT_NOT_FOUND]`,
      ],
      [join(folder, 'nowhere'), `There is no checkpoint at ${join(folder, 'nowhere')} [CHECKPOINT_NOT_FOUND]`],
      [join(savepoint, '_metadata', 'x'), `There is no checkpoint at ${join(savepoint, '_metadata', 'x')} [CHECKPOINT_NOT_FOUND]`],
    ] as const)
      await assert.rejects(openSavepoint(path), (error: Error) => (assert.equal(error.message, text), true))
  })

  it('names the file of a damaged one once', async () => {
    const damaged = join(folder, 'damaged-file')
    cpSync(savepoint, damaged, { recursive: true })
    const file = readdirSync(join(damaged, 'shared'))[0]!
    writeFileSync(join(damaged, 'shared', file), 'x')
    const { result } = await run(damaged, 'damaged-file', join(folder, 'damaged-out'), 1, {})
    const text = result.state === 'failed' ? result.failure.error.message : ''
    assert.ok(text.startsWith(`The checkpoint at ${damaged} is damaged: ${join(damaged, 'shared', file)}: `), text)
    assert.equal(text.split('CHECKPOINT_DAMAGED').length, 2, text)
  })

  it('damage is found where it is read', async () => {
    const to = join(folder, 'damaged')
    await writeSavepoint(to, { from: savepoint })
    const file = join(
      to,
      'shared',
      readdirSync(join(to, 'shared')).find((name) => name.endsWith('keyed'))!,
    )
    const bytes = readFileSync(file)
    bytes[bytes.length - 3]! ^= 1
    writeFileSync(file, bytes)
    const damaged = await openSavepoint(to)
    await assert.rejects(all(damaged.entries()), hasCode('CHECKPOINT_DAMAGED'))
    const { result } = await run(to, 'run-damaged', join(folder, 'run-damaged'), 1, {})
    assert.equal(result.state, 'failed')
  })
})
