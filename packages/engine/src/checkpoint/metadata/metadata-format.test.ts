import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import * as fc from 'fast-check'
import { decodeMetadata, encodeMetadata } from './metadata-format.ts'
import type { KeyedStateFile } from '../handles.ts'
import { stateFilesOf, withFiles, type CheckpointMetadata, type OperatorState } from './metadata.ts'

const sample: CheckpointMetadata = {
  jobName: 'order-alerts ⚙',
  fingerprint: 'a1b2',
  params: { topic: 'orders', limit: 5, dry: false, zero: -0, none: NaN, all: Infinity, ['__proto__']: 'x' },
  checkpointId: 17,
  kind: 'checkpoint',
  attempt: 3,
  triggeredMs: 1_700_000_000_000,
  operators: [
    {
      stateId: 'orders',
      kind: 'source',
      name: 'files',
      maxParallelism: 128,
      parallelism: 2,
      states: [],
      enumerator: { found: new Map([['a.log', 12n]]), since: new Date(5) },
      subtasks: [
        { keyed: [], splits: [{ id: 'a.log' }] },
        { keyed: [], splits: [], finished: true },
      ],
    },
    {
      stateId: 'machine',
      kind: 'keyed-process',
      name: 'order state machine',
      maxParallelism: 128,
      parallelism: 1,
      states: [{ name: 'current', kind: 'value', version: 2 }],
      subtasks: [
        {
          keyed: [
            {
              path: 'shared/2-16-1-0-state',
              length: 90,
              crc32: 0xffff_ffff,
              segments: [
                { keyGroup: 0, kind: 'full', offset: 0, length: 60, crc32: 1, rows: 4 },
                { keyGroup: 127, kind: 'delta', offset: 60, length: 30, crc32: 0xdead_beef, rows: 1 },
              ],
            },
            { path: 'shared/3-17-1-0-state', length: 0, crc32: 0, segments: [] },
          ],
          broadcast: new Uint8Array([1, 2, 255]),
          asyncInputs: [{ keyGroup: 4, bytes: new Uint8Array([9]) }],
        },
      ],
    },
    {
      stateId: 'out',
      kind: 'sink',
      name: 'files',
      maxParallelism: 128,
      parallelism: 1,
      states: [],
      subtasks: [{ keyed: [], sinkHandles: [{ file: 'part-0', bytes: 99 }, undefined] }],
    },
  ],
}

describe('checkpoint metadata format', () => {
  it('gives back what was stored', () => {
    assert.deepEqual(decodeMetadata(encodeMetadata(sample)), sample)
  })

  it('gives back lists and raw state of operators, whose files count as well', () => {
    const [, machine] = sample.operators as [OperatorState, OperatorState]
    const kinds = ['split-list', 'union-list', 'raw', 'raw-keyed'] as const
    const subtask = {
      ...machine.subtasks[0]!,
      lists: [
        {
          name: 'a',
          kind: 'split-list' as const,
          version: 2,
          coded: true,
          elements: [new Uint8Array([1, 2]), new Uint8Array(), new Uint8Array([3])],
        },
        { name: 'b', kind: 'union-list' as const, version: 1, coded: false, elements: [new Uint8Array([4])] },
      ],
      raw: {
        path: 'shared/3-17-1-0-raw',
        length: 9,
        crc32: 5,
        parts: [
          { state: 'c', keyGroup: -1, runs: [{ offset: 0, length: 4, crc32: 6 }] },
          { state: 'd', keyGroup: 127, runs: [{ offset: 4, length: 5, crc32: 7 }] },
        ],
      },
    }
    const states = kinds.map((kind, index) => ({ name: 'abcd'[index]!, kind, version: 1 }))
    const operators = [{ ...machine, states, subtasks: [subtask] }]
    const metadata = { ...sample, operators }
    assert.deepEqual(decodeMetadata(encodeMetadata(metadata)), metadata)
    assert.ok(stateFilesOf(metadata).some(({ path }) => path === 'shared/3-17-1-0-raw'))
    const moved = withFiles(metadata, (file) => ({ ...file, path: `shared/x${file.path.slice(7)}` }))
    assert.ok(stateFilesOf(moved).every(({ path }) => path.startsWith('shared/x')))
    const beyond = { ...subtask, raw: { ...subtask.raw, length: 8 } }
    assert.throws(() => decodeMetadata(encodeMetadata({ ...metadata, operators: [{ ...machine, subtasks: [beyond] }] })), /offsets/)
  })

  it('gives back files of a database that have no checksum, and those with values, in versions of their own; all others must have one', () => {
    const [, machine] = sample.operators as [OperatorState, OperatorState]
    const own = { path: 'shared/3-17-1-0-db', length: 7, crc32: 8, parts: [{ name: 'CURRENT', offset: 0, length: 7, crc32: 9 }] }
    const shared = [
      { name: '000012.sst', path: 'shared/3-17-1-0-db-000012-sst', length: 4_096 },
      { name: '000009.sst', path: 'shared/3-16-1-0-db-000009-sst', length: 4_096, crc32: 77 },
    ]
    const database = { format: 'rocksdb', keyGroups: { first: 0, end: 128 }, rows: 5, header: new Uint8Array([1]), shared, own } as const
    const withSubtask = (change: Partial<OperatorState['subtasks'][0]>): CheckpointMetadata => ({
      ...sample,
      operators: [{ ...machine, subtasks: [{ ...machine.subtasks[0]!, ...change }] }],
    })
    const bytes = encodeMetadata(withSubtask({ database }))
    assert.match(Buffer.from(bytes).toString(), /^millrace-checkpoint 3 /)
    assert.deepEqual(decodeMetadata(bytes), withSubtask({ database }))
    const apart = {
      ...database,
      shared: [...shared, { name: '000001.values', path: 'shared/3-17-1-0-db-000001-values', length: 900, crc32: 5 }],
    }
    const inFour = encodeMetadata(withSubtask({ database: apart }))
    assert.match(Buffer.from(inFour).toString(), /^millrace-checkpoint 4 /)
    assert.deepEqual(decodeMetadata(inFour), withSubtask({ database: apart }))
    const withOptions = withSubtask({ database: { ...database, options: { timed: ['sessions'], coded: [] } } })
    assert.deepEqual(decodeMetadata(encodeMetadata(withOptions)), withOptions)
    const { crc32: _, ...bare } = machine.subtasks[0]!.keyed[0]!
    assert.throws(() => decodeMetadata(encodeMetadata(withSubtask({ keyed: [bare] }))), /crc32/)
  })

  it('does not change: what was written is read for ever', () => {
    const bytes = encodeMetadata(sample)
    assert.match(Buffer.from(bytes).toString(), /^millrace-checkpoint 1 \d+ [0-9a-f]{8}\n\{"jobName":"order-alerts ⚙","fingerprint":"a1b2"/)
    const hash = createHash('sha256').update(bytes).digest('hex')
    assert.equal(
      hash,
      '37cbaab1cab899256159460e74a8c1aa87c7e12c7fe0e9b5b9a46aa806d5e51e',
      'a change of the format needs a new version, and the old one read beside it',
    )
  })

  it('notices every damaged byte and every truncation', () => {
    const bytes = encodeMetadata(sample)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (position, mask) => {
        const damaged = bytes.slice()
        damaged[position]! ^= mask
        assert.throws(() => decodeMetadata(damaged), TypeError)
        assert.throws(() => decodeMetadata(bytes.subarray(0, position)), TypeError)
      }),
      { numRuns: 300 },
    )
  })

  it('tells a newer format from damage', () => {
    const newer = Buffer.from(encodeMetadata(sample)).toString('latin1').replace('checkpoint 1 ', 'checkpoint 2 ')
    assert.throws(() => decodeMetadata(Buffer.from(newer, 'latin1')), TypeError, 'a flipped version is damage')
    // Checksum of "5 2\n{}".
    const whole = Buffer.from('millrace-checkpoint 5 2 917e00f9\n{}')
    assert.throws(
      () => decodeMetadata(whole),
      (error) => error instanceof MillraceError && error.code === 'CHECKPOINT_FORMAT_UNKNOWN',
    )
  })

  it('names who gave something that cannot be stored', () => {
    const [source] = sample.operators
    const bad = { ...sample, operators: [{ ...source!, enumerator: { callback: () => 1 } }] }
    assert.throws(
      () => encodeMetadata(bad),
      (error) =>
        error instanceof MillraceError && error.code === 'CHECKPOINT_UNENCODABLE' && /enumerator of 'files'.*callback/.test(error.message),
    )
  })

  it('refuses whole files with contents that make no sense', () => {
    const [source, machine] = sample.operators as [OperatorState, OperatorState]
    const file = machine.subtasks[0]!.keyed[0]!
    const segment = file.segments[1]!
    const withFile = (change: Partial<KeyedStateFile>): Partial<CheckpointMetadata> => ({
      operators: [{ ...machine, subtasks: [{ keyed: [{ ...file, ...change }] }] }],
    })
    const edits: [RegExp, Partial<CheckpointMetadata>][] = [
      [/checkpointId/, { checkpointId: 0 }],
      [/kind/, { kind: 'holiday' as 'final' }],
      [/subtasks/, { operators: [{ ...source, parallelism: 3 }] }],
      [/path/, withFile({ path: 'shared/../../etc/passwd' })],
      [/path/, withFile({ path: '/etc/passwd' })],
      [/offsets/, withFile({ segments: [{ ...segment, offset: 61 }] })],
      [/keyGroups/, withFile({ segments: [{ ...segment, keyGroup: 128 }] })],
      [/crc32/, withFile({ crc32: -1 })],
      [/operators/, { operators: { map: () => 7 } as unknown as readonly OperatorState[] }],
    ]
    for (const [expected, edit] of edits) assert.throws(() => decodeMetadata(encodeMetadata({ ...sample, ...edit })), expected)
  })
})
