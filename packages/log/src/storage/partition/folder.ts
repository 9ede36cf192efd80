/** What lies in a partition's folder, and bringing it in order after whatever happened to the last owner. */
import { posix } from 'node:path'
import type { Disk } from '@millrace/core'
import { parseSegmentFileName, segmentFileName, type SegmentFileName } from '../names.ts'
import { removeIfPresent } from '../checkpoints/atomic-file.ts'
import { BatchScanner } from '../segment/batch-scanner.ts'

export interface Folder {
  /** Base offsets of the segments, ascending. */
  readonly baseOffsets: readonly number[]
  readonly snapshotOffsets: readonly number[]
  readonly transactionIndexes: ReadonlySet<number>
  /** Everything else that lies there. */
  readonly otherNames: ReadonlySet<string>
}

/**
 * Removes what was on its way out or never finished, completes swaps, and lists the rest.
 *
 * Doing it again, also after a crash in the middle, gives the same. `isClean`: the last owner has left its names durable.
 */
export async function tidyFolder(disk: Disk, directory: string, isClean: boolean): Promise<Folder> {
  const names = await disk.list(directory)
  const unfinished = names.filter((name) => /\.(deleted|cleaned|tmp|swap)$/.test(name))
  for (const name of unfinished) {
    if (!name.endsWith('.swap')) await removeIfPresent(disk, posix.join(directory, name))
  }
  await completeSwaps(disk, directory, names)
  const files = unfinished.length > 0 ? await listFiles(disk, directory) : segmentFiles(names)
  const logs = new Set(files.filter(({ kind }) => kind === 'log').map(({ baseOffset }) => baseOffset))
  for (const { baseOffset, kind } of files) {
    const isStray = kind !== 'log' && kind !== 'snapshot' && !logs.has(baseOffset)
    if (isStray) await removeIfPresent(disk, posix.join(directory, segmentFileName(baseOffset, kind)))
  }
  if (!isClean || unfinished.length > 0) await disk.syncDirectory(directory)
  const offsetsOf = (kind: SegmentFileName['kind']): number[] =>
    files
      .filter((file) => file.kind === kind)
      .map(({ baseOffset }) => baseOffset)
      .sort((left, right) => left - right)
  return {
    baseOffsets: offsetsOf('log'),
    snapshotOffsets: offsetsOf('snapshot'),
    transactionIndexes: new Set(offsetsOf('txnindex').filter((offset) => logs.has(offset))),
    otherNames: new Set(names.filter((name) => parseSegmentFileName(name) === undefined)),
  }
}

async function listFiles(disk: Disk, directory: string): Promise<SegmentFileName[]> {
  return segmentFiles(await disk.list(directory))
}

function segmentFiles(names: readonly string[]): SegmentFileName[] {
  return names.flatMap((name) => parseSegmentFileName(name) ?? []).filter(({ suffix }) => suffix === '')
}

/** A segment under `.swap` is complete and durable: it takes the place of all segments in its range of offsets. */
async function completeSwaps(disk: Disk, directory: string, names: readonly string[]): Promise<void> {
  const swaps = names.flatMap((name) => parseSegmentFileName(name) ?? []).filter(({ suffix }) => suffix === '.swap')
  for (const { baseOffset, kind } of swaps) {
    if (kind === 'log') await completeSwap(disk, directory, baseOffset)
  }
  // Indexes of a swap are built anew: whether they belong to the log file beside them cannot be told.
  for (const { baseOffset, kind } of swaps) {
    if (kind !== 'log') await removeIfPresent(disk, posix.join(directory, segmentFileName(baseOffset, kind, '.swap')))
  }
}

async function completeSwap(disk: Disk, directory: string, baseOffset: number): Promise<void> {
  const swap = posix.join(directory, segmentFileName(baseOffset, 'log', '.swap'))
  const nextOffset = await endOf(disk, swap, baseOffset)
  if (nextOffset === undefined) return await removeIfPresent(disk, swap)
  for (const file of await listFiles(disk, directory)) {
    const isReplaced = file.baseOffset >= baseOffset && (file.baseOffset < nextOffset || file.baseOffset === baseOffset)
    if (isReplaced && file.kind !== 'snapshot')
      await removeIfPresent(disk, posix.join(directory, segmentFileName(file.baseOffset, file.kind)))
  }
  await disk.syncDirectory(directory)
  // Durable with all else that is tidied.
  await disk.rename(swap, posix.join(directory, segmentFileName(baseOffset, 'log')))
}

/** The offset behind the last batch; undefined if the file does not end with a whole one. */
async function endOf(disk: Disk, path: string, baseOffset: number): Promise<number | undefined> {
  const { size } = await disk.stat(path)
  const file = await disk.open(path, 'read')
  try {
    let nextOffset = baseOffset
    const scanner = new BatchScanner((into, position) => readFully(file.read.bind(file), into, position), { end: size })
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) nextOffset = batch.nextOffset
    return scanner.stop === 'end' ? nextOffset : undefined
  } finally {
    await file.close()
  }
}

async function readFully(
  read: (into: Uint8Array, position: number) => Promise<number>,
  into: Uint8Array,
  position: number,
): Promise<number> {
  let count = 0
  while (count < into.length) {
    const given = await read(into.subarray(count), position + count)
    if (given === 0) break
    count += given
  }
  return count
}
