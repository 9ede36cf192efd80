/** The keyed state of one operator as it is stored: its chains, key group by key group, over all its subtasks. */
import { engineError } from '../errors.ts'
import type { KeyGroupSegment, KeyedStateFile } from '../checkpoint/handles.ts'
import type { OperatorState } from '../checkpoint/metadata/metadata.ts'
import type { StateFileReader, StateFileStorage } from '../checkpoint/storage.ts'
import { filesOfRange, neededFiles, segmentsByGroup } from '../runtime/snapshot/keyed-files.ts'
import type { KeyGroupRange } from '../keys/key-group.ts'
import { SegmentReader } from '../state/segments/segment-reader.ts'
import { StoredRows } from './stored-rows.ts'

export interface StoredGroup {
  readonly keyGroup: number
  readonly segments: readonly { readonly segment: KeyGroupSegment; readonly read: () => Promise<Uint8Array<ArrayBuffer>> }[]
}

/** Key groups of a range in ascending order, each once. Files are open as long as it is iterated, one subtask's at a time. @throws SAVEPOINT_IN_DATABASE */
export async function* groupsOf(operator: OperatorState, files: StateFileStorage, range?: KeyGroupRange): AsyncIterable<StoredGroup> {
  if (isInDatabase(operator)) throw engineError('SAVEPOINT_IN_DATABASE', { operator: operator.name })
  const chains = operator.subtasks
    .map(({ keyed }) => neededFiles(range === undefined ? keyed : filesOfRange(keyed, range)))
    .filter((chain) => chain.length > 0)
    .toSorted((a, b) => firstGroup(a) - firstGroup(b))
  for (const chain of chains) yield* groupsOfChain(chain, files)
}

/** Checkpoints, and not savepoints, may have rows in a form that only the state backend that wrote them reads. */
export function isInDatabase({ subtasks }: OperatorState): boolean {
  return subtasks.some(({ database }) => database !== undefined)
}

function firstGroup(chain: readonly KeyedStateFile[]): number {
  return chain.reduce((lowest, { segments }) => segments.reduce((least, { keyGroup }) => Math.min(least, keyGroup), lowest), Infinity)
}

async function* groupsOfChain(chain: readonly KeyedStateFile[], files: StateFileStorage): AsyncIterable<StoredGroup> {
  const readers = new Map<string, StateFileReader>()
  try {
    for (const file of chain) readers.set(file.path, await files.openStateFile(file))
    const groups = [...segmentsByGroup(chain)].toSorted(([a], [b]) => a - b)
    for (const [keyGroup, found] of groups) {
      const segments = found.map(({ file, segment }) => ({
        segment,
        read: () => readers.get(file.path)!.read(segment.offset, segment.length, segment.crc32),
      }))
      yield { keyGroup, segments }
    }
  } finally {
    await Promise.allSettled(Array.from(readers.values(), (reader) => reader.close()))
  }
}

/** What a key group's segments amount to. @throws STATE_CORRUPT, STATE_FORMAT_NEWER, CHECKPOINT_DAMAGED */
export async function rowsOf(operator: OperatorState, group: StoredGroup): Promise<StoredRows> {
  const rows = new StoredRows(operator.name, operator.maxParallelism)
  const reader = new SegmentReader(rows, group.keyGroup)
  for (const { read } of group.segments) reader.load(await read())
  return rows
}
